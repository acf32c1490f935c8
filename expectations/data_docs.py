"""Keep the result of an audit as an HTML page, per run and table.

The pages are made here and not by Great Expectations' renderer: its pages load their styles from the internet, so
without it they are bare, and they know neither a check's consequence nor the reason why it is there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from nightshift.audit import Check
from nightshift.dates import BatchDates
from nightshift.settings import get_settings
from nightshift.tables import Table


def write_page(checks: Sequence[Check], table: Table, dates: BatchDates, rows: int | None = None) -> Path:
    """Write the page of one audit, failed checks first; returns where it lies.

    Args:
        rows: how many rows the slice was expected to have, where that is known.
    """
    blocked = any(not check.passed and check.consequence == "blocks" for check in checks)
    folder = get_settings().data_docs / table.use_case / str(dates) / f"{table.layer}.{table.name}"
    folder.mkdir(parents=True, exist_ok=True)
    # Attempts are numbered: no clock is needed, and none is overwritten.
    number = len(list(folder.glob("*.html"))) + 1
    page = folder / f"{number:03d}-{'failed' if blocked else 'passed'}.html"
    ordered = sorted(checks, key=lambda check: (check.passed, check.consequence != "blocks"))
    page.write_text(
        _template().render(table=table, dates=dates, attempt=number, blocked=blocked, checks=ordered, rows=rows),
        encoding="utf-8",
    )
    return page


@functools.cache
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    return environment.get_template("audit.html.j2")
