"""Credit card clients who fall behind with their payments."""
