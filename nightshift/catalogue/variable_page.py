"""The page of the variables of the environment: ``python -m nightshift.catalogue.variable_page``.

With ``--check`` nothing is written, and the exit status is 1 when the page is stale.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightshift.catalogue.generated_files import Generator, mark, markdown_table
from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift.home.variables import known

MODULE = "nightshift.catalogue.variable_page"
PAGE = PROJECT_DIR / "docs" / "reference" / "environment.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; gives the exit status."""
    return Generator(
        MODULE, "Write the reference of the variables of the environment.", files=pages, places=lambda: [PAGE]
    ).main(arguments)


def pages() -> dict[Path, str]:
    """The text of the page by its path."""
    return {PAGE: "\n".join(_lines()) + "\n"}


def _lines() -> Iterator[str]:
    yield from ("# Environment", "", f"<!-- {mark(MODULE)} -->", "")
    yield "The variables below mean something to nightshift. All others have no effect: the command line, jobs and"
    yield "services drop them as they start, for themselves and for what they start. So no row, verdict, connection or"
    yield "start depends on the shell, the time zone or the language of a machine. A variable that is empty or blank"
    yield "counts as unset. `nightshift doctor` lists what it found and ignored, and how to say the same on purpose."
    yield from ("", "## Settings", "")
    settings = Settings.model_fields.items()
    yield from _rows(
        ["variable", "default", "meaning"],
        (
            [f"`{known.OWN}{name.upper()}`", _default(field.default), field.description or ""]
            for name, field in settings
        ),
    )
    yield ""
    yield from _rows(["variable", "meaning"], ([_code(each.names), each.meaning] for each in known.OTHER_OWN))
    yield from ("", "## What is read as well", "")
    yield from _rows(["variables", "meaning"], ([_code(each.names), each.meaning] for each in known.KEPT))
    yield from ("", "## What always has one value", "")
    yield from _rows(["variable", "value", "why"], ([f"`{e.name}`", f"`{e.value}`", e.why] for e in known.FIXED))
    yield from ("", "## What has no effect", "")
    yield "Names that stand above are excepted. What acts before the first line of nightshift runs is undone by"
    yield "starting again without it, as the same process; only what keeps Python from starting at all can't be undone."
    yield "Java's variables act on the Java that nightshift starts alone: they are dropped before anything is started."
    yield ""
    yield from _rows(
        ["variables", "whose", "say it by"], ([_code(each.names), each.of, each.instead] for each in known.DROPPED)
    )


def _rows(header: list[str], rows: Iterator[list[str]]) -> list[str]:
    return markdown_table(header, list(rows))


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _default(value: object) -> str:
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT_DIR)}` in the checkout" if value != PROJECT_DIR else "the checkout"
    return "" if value is None else f"`{value}`"


if __name__ == "__main__":
    sys.exit(main())
