"""The kernel of nightshift: ten rooms and the words that they all speak. No Airflow, and no rule of one use case.

Each room knows only those below it; `pyproject.toml` has their order, and `make check` holds it.
"""
