"""One package per use case: all that is particular to it."""
