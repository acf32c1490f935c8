"""Keep the result of an audit as HTML pages, per run and table: the checks, and beside them the profile.

The pages are made here and not by Great Expectations' renderer: its pages load their styles from the internet, so
without it they are bare, and they know neither a check's consequence nor the reason why it is there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expectations.earlier_profiles import History
from expectations.pages.index_page import Shown, list_audit
from expectations.pages.profile_page import filled_in
from expectations.pages.templates import template
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.lake.audit_report import Check

# Written beside the page of the checks, under its name with this ending.
PROFILE = "-profile.html"


def write_page(
    checks: Sequence[Check],
    table: Table,
    dates: BatchDates,
    rows: int | None = None,
    profiles: Mapping[dt.date, Mapping[str, Any]] | None = None,
    history: History | None = None,
) -> Path:
    """Write the pages of one audit, failed checks first, and list them on the use case's index.

    Args:
        rows: how many rows the slice was expected to have, where that is known.
        profiles: per batch date; None where none could be made.
        history: what they are compared with.

    Returns:
        Where the page of the checks lies.
    """
    blocked = any(not check.passed and check.consequence == "blocks" for check in checks)
    place = table.home.data_docs / table.use_case
    page, attempt = _new_page(place / str(dates) / table.short_name, blocked)
    common = {
        "table": table,
        "dates": dates,
        "attempt": attempt,
        "blocked": blocked,
        "checks": sorted(checks, key=lambda check: (check.passed, check.consequence != "blocks")),
        "audit_page": page.name,
        "profile_page": f"{page.stem}{PROFILE}" if profiles else None,
        "index_page": "../../index.html",
    }
    _write(page, "audit.html.j2", common | {"rows": rows})
    if profiles:
        _write(page.with_name(f"{page.stem}{PROFILE}"), "profile.html.j2", common | filled_in(table, profiles, history))
    list_audit(
        Shown(
            table=table.short_name,
            dates=str(dates),
            page=page.relative_to(place).as_posix(),
            blocked=blocked,
            has_profile=bool(profiles),
            warnings=sum(not check.passed and check.consequence == "warns" for check in checks),
            rows=sum(profile["rows"] for profile in profiles.values()) if profiles else None,
        ),
        table.home,
        table.use_case,
    )
    return page


def _new_page(folder: Path, blocked: bool) -> tuple[Path, int]:
    """A page that no other attempt has, and its number: no clock is needed, and none is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    verdict = "failed" if blocked else "passed"
    number = 1 + sum(1 for verdict in ("failed", "passed") for _ in folder.glob(f"*-{verdict}.html"))
    while True:
        page = folder / f"{number:03d}-{verdict}.html"
        try:
            page.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return page, number


def _write(page: Path, name: str, content: Mapping[str, Any]) -> None:
    page.write_text(template(name).render(content), encoding="utf-8")
