"""From parameters to a model: trees, and what turns their sums into predictions and decisions."""
