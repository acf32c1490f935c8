"""What only the domain knows of the tables of flight_delays: one module per table."""
