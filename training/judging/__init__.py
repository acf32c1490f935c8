"""What a model is worth, and whether that is enough: measures, slices, fairness, drift, skew, gates."""
