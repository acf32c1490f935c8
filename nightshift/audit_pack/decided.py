"""The part of a model card that is written after the training: what people decided about the version.

A training ends before anybody decides, so its card keeps a place between two marks, which is filled by whoever shows
the card later.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nightshift.errors import NightshiftError

if TYPE_CHECKING:
    from nightshift.champions import Decision, Reign

BEGIN, END = "<!-- decisions -->", "<!-- end of decisions -->"
_COLUMNS = ("decided at", "decision", "from batch date", "by", "why", "run")


def with_decisions(card: str, decided: Sequence[Decision], reigns: Sequence[Reign], *, as_html: bool) -> str:
    """A card with the decisions about its version, and the batch dates that it is champion of.

    Args:
        card: HTML or Markdown with both marks.
        decided: about this version, the oldest first.
        reigns: of this version.
        as_html: whether the card is HTML; else it is Markdown.

    Raises:
        NightshiftError: if a mark is missing.
    """
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NightshiftError("this model card has no place for decisions: it was not written by nightshift's training")
    shown = decisions_text(decided, reigns, as_html=as_html)
    return f"{before}{BEGIN}\n{shown}\n{END}{after}"


def decisions_text(decided: Sequence[Decision], reigns: Sequence[Reign], *, as_html: bool) -> str:
    """Decisions as a table, and a sentence on the reigns."""
    if not decided:
        nothing = "Nothing was decided about this version when this was written."
        return f"<p>{nothing}</p>" if as_html else nothing
    rows = [
        (
            f"{each.decided_at:%Y-%m-%d %H:%M} UTC",
            each.action,
            "" if each.first is None else str(each.first),
            each.who,
            each.why,
            each.run_id,
        )
        for each in decided
    ]
    live = ", ".join(reign.dates for reign in reigns)
    said = f"Champion of the batch dates: {live}." if live else "Champion of no batch date."
    return _html(said, rows) if as_html else _markdown(said, rows)


def _html(said: str, rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<p>{said}</p>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _markdown(said: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([said, "", *lines])


def _cell(text: str) -> str:
    """Text that breaks no table and no mark: what people typed stands in it."""
    return " ".join(html.escape(text, quote=False).replace("|", "\\|").split())
