"""Personal data: tokens instead of values, and the erasure of a person."""
