"""Training: a point-in-time data set, split by time, searched, fitted, evaluated, judged by gates, registered."""
