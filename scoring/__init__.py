"""Scoring: a registered model over a slice of the feature table, distributed."""
