"""What people declare in YAML: use cases, tables, sources, models; what is built in; the checks between declarations.

Nothing here reads a row. Pages and contracts that follow from declarations are in `catalogue`.
"""
