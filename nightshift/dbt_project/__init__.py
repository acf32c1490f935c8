"""dbt: the only calls of it, its models and their data tests."""
