"""Spark jobs: `land` (files to bronze), `refine` (bronze to silver), `build` (dbt: features and marts)."""
