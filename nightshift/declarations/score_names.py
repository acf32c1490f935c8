"""Names that all who make or read scores share; light, as every Spark worker imports this module."""

SCORES = "gold.scores"
# What they are made from.
FEATURE_TABLE = "gold.features"
# Decisions of a binary score.
WARN, NONE = "warn", "none"
