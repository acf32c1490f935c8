"""Data is shown as it is: no text is markup, and no character is a command to a terminal."""

from __future__ import annotations

import ast
import json
import sys
import unicodedata
from decimal import Decimal
from pathlib import Path

import pytest

import nightshift
from nightshift import terminal

SHOWN = {
    "[/b] closing": "[/b] closing",
    "[red]x[/red] :smile: [link=file:///etc]": "[red]x[/red] :smile: [link=file:///etc]",
    "\x1b[31mred\x1b]0;title\x07": r"\x1b[31mred\x1b]0;title\x07",
    "a\rb\x08\x7f\x9b1m": r"a\rb\x08\x7f\x9b1m",  # overwrites what stands before, also by one of 8 bits
    "abc\u202egnp.exe\u2066": r"abc\u202egnp.exe\u2066",
    "a\u200bb\u2060c\ufeff\xad": r"a\u200bb\u2060c\ufeff\xad",  # no width: two names that look like one
    "\U000e0001\U000e0041": r"\U000e0001\U000e0041",
    "half \ud83d": r"half \ud83d",
    "ü 🛫 👩‍🚀 فارسی": "ü 🛫 👩‍🚀 فارسی",
}


@pytest.mark.parametrize("text", SHOWN)
def test_text_is_shown_as_it_is_and_what_a_terminal_acts_on_as_an_escape(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.echo(text)
    assert capsys.readouterr().out == f"{SHOWN[text]}\n"
    terminal.print_table([text], [[text], [terminal.cell(text, "bold")]], title=text)
    terminal.console().print(f"[bold]{terminal.in_markup(text)}[/]")
    terminal.echo(text, mark="!", fg="red")
    assert capsys.readouterr().out.count(SHOWN[text]) == 6


def test_lines_are_kept_in_messages_and_shown_as_escapes_in_cells() -> None:
    assert terminal.plain("a\n\tb") == "a\n\tb"
    assert terminal.cell("a\n\tb").plain == r"a\n\tb"


def test_all_that_unicode_calls_a_format_or_a_separator_of_lines_is_shown_but_for_joiners() -> None:
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cf", "Zl", "Zp"}]
    assert len(formats) > 100
    assert [each for each in formats if terminal.plain(each) == each] == ["\u200c", "\u200d"]


def test_json_is_json_whatever_it_holds() -> None:
    value = {
        "a": [float("nan"), -float("inf"), (1.5, 2**80)],
        "\x9b\u202e": "\x1b\x7f\ud83d\U000e0041",
        "d": Decimal("1.10"),
    }
    text = terminal.as_json(value)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    read = json.loads(text, parse_constant=refuse)
    assert read == {"a": [None, None, [1.5, 2**80]], "\x9b\u202e": "\x1b\x7f\ud83d\U000e0041", "d": "1.10"}
    text.encode("utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)


# What prints before the environment is there.
BEFORE = {"bootstrap.py", "lock_files.py", "secret_files.py", "compose"}
PRINTING = {"print", "click.echo", "click.secho", "Console"}


def test_every_command_prints_through_one_place() -> None:
    root = Path(nightshift.__file__).parents[1]
    paths = [
        path for room in ("nightshift", "spark_jobs", "scoring", "training") for path in (root / room).rglob("*.py")
    ]
    found = {
        f"{path.relative_to(root)}:{node.lineno}"
        for path in paths
        if path.name not in {"terminal.py", *BEFORE} and path.parent.name not in BEFORE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTING
    }
    assert found == set()
