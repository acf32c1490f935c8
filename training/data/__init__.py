"""The data set of a training: what is read from the lake, what is refused, how it is split by time."""
