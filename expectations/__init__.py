"""Audits by Great Expectations: what must hold of a slice before anyone may see it.

Most of a suite follows from the table's declaration (`declared_checks`). What only the domain knows is in a module of
its own per table (`use_case_checks`). Beside it, every slice is profiled and compared with earlier ones and with other
tables (`checks_beside_suite`).
"""

from expectations.pages.data_docs import write_page
from expectations.pages.refused_page import show_landed, show_refused
from expectations.run_suite import audit, audit_of_tested, preload

__all__ = ["audit", "audit_of_tested", "preload", "show_landed", "show_refused", "write_page"]
