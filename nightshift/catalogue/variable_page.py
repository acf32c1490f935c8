"""The page of the variables of the environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nightshift.catalogue.generated_files import MARK, Generated, markdown_table
from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift.home.variables import known_variables

PAGE = PROJECT_DIR / "docs" / "reference" / "environment.md"


def generated(_: Settings) -> Generated:
    """The page."""
    return Generated(pages(), [PAGE])


def pages() -> dict[Path, str]:
    """The text of the page by its path."""
    return {PAGE: "\n".join(_lines()) + "\n"}


def _lines() -> Iterator[str]:
    yield from ("# Environment", "", f"<!-- {MARK} -->", "")
    yield "The variables below mean something to nightshift. All others have no effect: the command line, jobs and"
    yield "services drop them as they start, for themselves and for what they start. So no row, verdict, connection or"
    yield "start depends on the shell, the time zone or the language of a machine. A variable that is empty or blank"
    yield "counts as unset. `nightshift doctor` lists what it found and ignored, and how to say the same on purpose."
    yield from ("", "## Settings", "")
    settings = Settings.model_fields.items()
    yield from _rows(
        ["variable", "default", "meaning"],
        (
            [f"`{known_variables.OWN}{name.upper()}`", _default(field.default), field.description or ""]
            for name, field in settings
        ),
    )
    yield ""
    yield from _rows(["variable", "meaning"], ([_code(each.names), each.meaning] for each in known_variables.OTHER_OWN))
    yield from ("", "## What is read as well", "")
    yield from _rows(["variables", "meaning"], ([_code(each.names), each.meaning] for each in known_variables.KEPT))
    yield from ("", "## What always has one value", "")
    yield from _rows(
        ["variable", "value", "why"], ([f"`{e.name}`", f"`{e.value}`", e.why] for e in known_variables.FIXED)
    )
    yield from ("", "## What has no effect", "")
    yield "Names that stand above are excepted. What acts before the first line of nightshift runs is undone by"
    yield "starting again without it, as the same process; only what keeps Python from starting at all can't be undone."
    yield "Java's variables act on the Java that nightshift starts alone: they are dropped before anything is started."
    yield ""
    yield from _rows(
        ["variables", "whose", "say it by"],
        ([_code(each.names), each.of, each.instead] for each in known_variables.DROPPED),
    )


def _rows(header: list[str], rows: Iterator[list[str]]) -> list[str]:
    return markdown_table(header, list(rows))


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _default(value: object) -> str:
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT_DIR)}` in the checkout" if value != PROJECT_DIR else "the checkout"
    return "" if value is None else f"`{value}`"
