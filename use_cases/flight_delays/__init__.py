"""Late arrivals of flights out of New York."""
