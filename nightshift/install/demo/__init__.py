"""`make demo`: from a clone to scored, audited tables, all through the real scheduler."""
