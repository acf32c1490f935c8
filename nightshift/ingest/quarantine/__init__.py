"""Quarantined rows, and what people decide about them."""
