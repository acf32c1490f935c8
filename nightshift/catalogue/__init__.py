"""What follows from declarations, for people to read: pages, contracts, lineage, the feature registry.

The declarations themselves are in `declarations`.
"""
