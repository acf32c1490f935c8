"""dbt: the only calls of it, its models, and which data tests a slice must have passed.

What the models compute is in the dbt projects themselves.
"""
