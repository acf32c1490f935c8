"""What people declare in YAML: use cases, tables, sources, features; what is built in, and the checks between them."""
