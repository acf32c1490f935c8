"""The parts of `land`: sources, records, their judgement, and what becomes of what is not accepted."""
