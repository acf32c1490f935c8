"""Keep the result of an audit as HTML pages, per run and table: the checks, and beside them the profile.

The pages are made here and not by Great Expectations' renderer: its pages load their styles from the internet, so
without it they are bare, and they know neither a check's consequence nor the reason why it is there.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expectations.earlier_profiles import History
from expectations.pages.index_page import Shown, list_audit
from expectations.pages.profile_page import filled_in
from expectations.pages.templates import template
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.lake.audit_report import Check
from nightshift.storage import Location

# Written beside the page of the checks, under its name with this ending.
PROFILE = "-profile.html"


def write_page(
    checks: Sequence[Check],
    table: Table,
    dates: BatchDates,
    rows: int | None = None,
    profiles: Mapping[dt.date, Mapping[str, Any]] | None = None,
    history: History | None = None,
) -> Location:
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
    common = {
        "table": table,
        "dates": dates,
        "blocked": blocked,
        "checks": sorted(checks, key=lambda check: (check.passed, check.consequence != "blocks")),
        "index_page": "../../index.html",
    }

    def rendered(name: str, stem: str, attempt: int, **content: Any) -> bytes:
        profile_page = f"{stem}{PROFILE}" if profiles else None
        names = {"attempt": attempt, "audit_page": f"{stem}.html", "profile_page": profile_page}
        return str(template(name).render(common | names | content)).encode()

    folder = place / str(dates) / table.short_name
    stem, attempt = _create_page(folder, blocked, functools.partial(rendered, "audit.html.j2", rows=rows))
    if profiles:
        shown = filled_in(table, profiles, history)
        (folder / f"{stem}{PROFILE}").write(rendered("profile.html.j2", stem, attempt, **shown))
    page = folder / f"{stem}.html"
    list_audit(
        Shown(
            table=table.short_name,
            dates=str(dates),
            page=page.relative_to(place),
            blocked=blocked,
            has_profile=bool(profiles),
            warnings=sum(not check.passed and check.consequence == "warns" for check in checks),
            rows=sum(profile["rows"] for profile in profiles.values()) if profiles else None,
        ),
        table.home,
        table.use_case,
    )
    return page


def _create_page(folder: Location, blocked: bool, content: Callable[[str, int], bytes]) -> tuple[str, int]:
    """Write a page that no other attempt has: no clock is needed, and none is overwritten.

    Args:
        content: gives the page, by its name without the ending, and its number.

    Returns:
        Its name, without the ending, and its number.
    """
    verdict = "failed" if blocked else "passed"
    number = 1 + sum(file.name.endswith(("-failed.html", "-passed.html")) for file in folder.files())
    while True:
        stem = f"{number:03d}-{verdict}"
        try:
            (folder / f"{stem}.html").create(content(stem, number))
        except FileExistsError:
            number += 1
        else:
            return stem, number
