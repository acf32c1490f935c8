"""The search for parameters: bounded, resumable, and equal to itself."""
