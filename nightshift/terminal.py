r"""What is printed, by every command: data is shown as it is, and never obeyed.

Markup, emoji codes and terminal sequences in data are text like any other. Characters that a terminal acts on, or that
turn the order of a line, are shown as escapes, like ``\x1b`` and ``\u202e``.
"""

from __future__ import annotations

import html
import json
import logging
import math
import re
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Takes a line for people, while something runs that takes long.
Say = Callable[[str], None]
# Control characters, separators of lines and paragraphs, halves of characters, and all that Unicode calls a format
# (marks of direction, characters without width, tags), but for the two joiners that words and emoji are written with.
_ACTED_ON = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_ENDS_LINE = re.compile(r"[\t\n]")
# Columns of what is no terminal: wide enough for people who read it in a log.
PIPE_WIDTH = 200
_MEASURED = 1_000_000


def plain(text: object) -> str:
    """Text that a terminal shows as it is; it keeps its lines."""
    return _ACTED_ON.sub(_escape, str(text))


def one_line(text: object) -> str:
    """Text that a terminal shows as it is, in one line."""
    return _ENDS_LINE.sub(_escape, plain(text))


def echo(text: object = "", *, mark: str = "", err: bool = False, **style: Any) -> None:
    """Print a line, or several.

    Args:
        mark: what stands before the text; it alone is styled then.
        style: as ``click.style`` has it, like ``fg="red"``.
    """
    if mark:
        click.echo(f"{click.style(mark, **style)} {plain(text)}", err=err)
    else:
        click.echo(click.style(plain(text), **style) if style else plain(text), err=err)


def echo_json(value: Any) -> None:
    """Print a value for programs: JSON as RFC 8259 has it."""
    click.echo(as_json(value))


def as_json(value: Any, indent: int | None = 2) -> str:
    """JSON as RFC 8259 has it: null for what is no finite number, text for what JSON has no form of."""
    text = json.dumps(_finite(value), default=str, ensure_ascii=False, indent=indent, allow_nan=False)
    return _ACTED_ON.sub(lambda found: json.dumps(found[0])[1:-1], text)


def cell(value: object, style: str = "") -> Text:
    """Text of a table, in one line, in which nothing is markup."""
    from rich.text import Text

    return Text(one_line(value), style)


def in_markup(text: object) -> str:
    """Text that stands for itself within markup of ours."""
    from rich.markup import escape

    return escape(one_line(text))


def in_markdown(text: object) -> str:
    """Text that stands for itself in Markdown and in a cell of its tables, in one line."""
    return " ".join(html.escape(str(text), quote=False).replace("|", "\\|").split())


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown, as the cells are, in which a bar would end a cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Collection[str] = (),
    title: str = "",
    pipe_width: int = PIPE_WIDTH,
) -> None:
    """Print rows below the names of their columns, or a line per value where the terminal is too narrow for that.

    Args:
        rows: their cells; a `Text` is shown in its own style and lines, all others are shown as `cell` shows them.
        right: columns of numbers.
        title: what stands above.
    """
    from rich.table import Table
    from rich.text import Text

    cells = [[value if isinstance(value, Text) else cell(value) for value in row] for row in rows]
    shown = Table(title=cell(title) if title else None, title_justify="left", show_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(cell(name), justify="right" if name in right else "left", overflow="fold")
    for row in cells:
        shown.add_row(*row)
    screen = console(pipe_width)
    if screen.measure(shown, options=screen.options.update(width=_MEASURED)).minimum <= screen.width:
        screen.print(shown)
        return
    names = [one_line(name) for name in columns]
    width = max(map(len, names))
    if title:
        echo(title)
    for number, row in enumerate(cells, 1):
        echo(f"row {number}", bold=True)
        for name, value in zip(names, row, strict=True):
            echo(f"  {name:<{width}}  {', '.join(value.plain.splitlines())}")


def console(pipe_width: int = PIPE_WIDTH) -> Console:
    """Where tables and trees are printed.

    Args:
        pipe_width: how wide a line may be where nobody's terminal says so.
    """
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else pipe_width, highlight=False, emoji=False)


class PlainFormatter(logging.Formatter):
    """Formats what is logged as text that a terminal shows as it is."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return plain(super().format(record))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
