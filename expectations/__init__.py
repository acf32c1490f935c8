"""Audits by Great Expectations: what must hold of a slice before anyone may see it.

Most of a suite follows from the table's declaration (``declared.py``). What only the domain knows stands in a
module of its own per table, ``expectations/<use case>/<layer>_<table>.py``. Beside it, every slice is profiled and
held against earlier ones and against other tables (``further.py``).
"""

from expectations.pages.data_docs import write_page
from expectations.pages.refused_page import show_landed, show_refused
from expectations.run_suite import audit, audit_of_tested, preload

__all__ = ["audit", "audit_of_tested", "preload", "show_landed", "show_refused", "write_page"]
