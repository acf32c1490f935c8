"""Audits by Great Expectations: what must hold of a slice before anyone may see it.

Most of a suite follows from the table's declaration (``declared.py``). What only the domain knows stands in a
module of its own per table, ``expectations/<use case>/<layer>_<table>.py``.
"""

from expectations.data_docs import write_page
from expectations.run import audit, preload

__all__ = ["audit", "preload", "write_page"]
