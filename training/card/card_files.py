"""Writing the card: one HTML file that needs nothing else, and Markdown beside the pictures."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.figures import number, share
from nightshift.models.champions.card_decisions import with_decisions
from nightshift.terminal import in_markdown
from training.card.card_content import template_values
from training.card.measures_in_words import interval_in_words

if TYPE_CHECKING:
    from jinja2 import Environment

    from training.card.make_card import Card


def write_card(folder: Path, card: Card) -> tuple[Path, Path]:
    """Write ``card.html`` and ``card.md`` into a folder, which is made.

    The Markdown shows the pictures from the folder ``plots`` beside its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    filled = template_values(card)
    written = []
    for name, as_html in (("card.html", True), ("card.md", False)):
        text = _templates(as_html).get_template(f"{name}.j2").render(filled)
        path = folder / name
        path.write_text(with_decisions(text, card.decided, card.reigns, as_html=as_html), encoding="utf-8")
        written.append(path)
    return written[0], written[1]


@functools.cache
def _templates(as_html: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=as_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": number,
        "interval": interval_in_words,
        "share": share,
        "data_uri": _data_uri,
        "cell": in_markdown,
    }
    return environment


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
