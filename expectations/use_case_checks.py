"""What only the domain knows of a table: its module in ``use_cases/<use case>/audits``, where there is one.

That each module belongs to a table is checked where the tables are read (`nightshift.declarations.unused_files`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case_code import load_audit
from nightshift.errors import DeclarationError

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def domain_expectations(table: Table, dates: BatchDates) -> list[Expectation]:
    """What the table's module asks of a slice.

    Raises:
        DeclarationError: if something in it is no check with a name, a reason and a consequence.
    """
    from great_expectations.expectations.expectation import Expectation

    module = load_audit(table)
    if module is None:
        return []
    found = list(module.expectations(table, dates))
    for each in found:
        if not isinstance(each, Expectation) or not {"name", "why"} <= set(each.meta or {}):
            raise DeclarationError(
                f"{module.__file__}: {each!r:.80} is no check with a name, a reason and a consequence",
                remedy="make it with `blocks(…, name=…, why=…)` or `warns(…)` of expectations.blocks_or_warns",
            )
    return found
