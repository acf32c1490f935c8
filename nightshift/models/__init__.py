"""A version of a model: what the registry keeps of it, and all that turns its raw scores into what people read."""
