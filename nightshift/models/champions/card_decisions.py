"""The part of a model card that is written after the training: what people decided about the version.

A training ends before anybody decides, so its card keeps a place between two marks. It is filled again after each
decision, in the card that MLflow has, and by whoever shows the card later.
"""

from __future__ import annotations

import html
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError, NightshiftError
from nightshift.ledger.model_decisions import Decision
from nightshift.models.champions.reigns import Reign, reigns_of
from nightshift.models.mlflow_connection import client, model_version
from nightshift.terminal import in_markdown

log = logging.getLogger("nightshift")

CARD_FOLDER = "card"
BEGIN, END = "<!-- decisions -->", "<!-- end of decisions -->"
_COLUMNS = ("decided at", "decision", "from batch date", "by", "why", "run")


def refresh(use_case: UseCase, version: int, made: Sequence[Decision]) -> None:
    """Write the decisions about a version into its card; a card that cannot be reached keeps what it says.

    The ledger has the decisions, so no decision waits for its card.
    """
    from mlflow.exceptions import MlflowException

    try:
        run_id = str(model_version(use_case, version).run_id)
        cards = [each.path for each in client(use_case.home).list_artifacts(run_id, CARD_FOLDER) if not each.is_dir]
        with tempfile.TemporaryDirectory(prefix="nightshift-card-") as folder:
            for card in cards:
                path = Path(client(use_case.home).download_artifacts(run_id, card, folder))
                path.write_text(_decided(path, version, made), encoding="utf-8")
                client(use_case.home).log_artifact(run_id, str(path), CARD_FOLDER)
    except (MlflowException, NightshiftError, OSError) as error:
        log.warning("the model card of version %d does not say yet what was decided: %s", version, error)


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
        raise DataError("this model card has no place for decisions: it was not written by nightshift's training")
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
    lines += [f"| {' | '.join(map(in_markdown, row))} |" for row in rows]
    return "\n".join([said, "", *lines])


def _decided(path: Path, version: int, made: Sequence[Decision]) -> str:
    mine = [each for each in made if each.version == version]
    reigns = [each for each in reigns_of(made) if each.version == version]
    return with_decisions(path.read_text(encoding="utf-8"), mine, reigns, as_html=path.suffix == ".html")
