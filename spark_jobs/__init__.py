"""Spark jobs: `land` (files to bronze), `refine` (bronze to silver), `features` and `marts` (dbt)."""
