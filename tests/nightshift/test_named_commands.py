"""A command that a message or a document names is there, and a person who types it gets no complaint."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from nightshift.commands.cli import cli
from nightshift.home.settings import PROJECT_DIR

ROOMS = ("nightshift", "expectations", "spark_jobs", "training", "scoring", "plugins", "dags", "use_cases")
SOURCES = [file for room in ROOMS for file in sorted((PROJECT_DIR / room).rglob("*.py"))]
DOCS = PROJECT_DIR / "docs"
WRITTEN = [PROJECT_DIR / "README.md", PROJECT_DIR / "CONTRIBUTING.md", *DOCS.glob("*.md"), *DOCS.glob("runbooks/*.md")]

IN_A_SENTENCE = re.compile(r"`(?:\.venv/bin/)?nightshift ([^`]+)`")
# By itself on lines of its own: a text in quotes, or a backslash, goes on below.
BY_ITSELF = re.compile(r'^ *(?:\.venv/bin/)?nightshift ((?:"[^"]*"|\\\n|[^"\n])*)', re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FILLED_IN = re.compile(r"<[^<>]+>|%[sd]|…")


def test_a_command_of_a_message_can_be_typed_as_it_stands() -> None:
    named = [
        (str(file.relative_to(PROJECT_DIR)), command)
        for file in SOURCES
        for text in messages(file)
        for command in (*IN_A_SENTENCE.findall(text), *re.findall(r"^  nightshift (.+)$", text, re.MULTILINE))
    ]
    assert len(named) > len(ROOMS)
    assert [(file, command, why) for file, command in named if (why := refused(command))] == []


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_a_command_of_a_document_has_the_options_that_are_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = IN_A_SENTENCE.findall(FENCED.sub("", text))
    assert [(command, why) for command in named if (why := refused(command, whole=False))] == []
    typed = BY_ITSELF.findall("\n".join([*FENCED.findall(text), *re.findall(r"^    .*$", text, re.MULTILINE)]))
    assert [(command, why) for command in typed if (why := refused(command))] == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("quarantine show", "Missing option '--use-case'"),
        ("deliver-sample --dates 2013-01-01", "Missing argument 'USE_CASE'"),
        ("models rollback <version> --use-case a --from b …", "Missing option '--who'"),
        ("models promot 1", "models has no command promot"),
        ("status --day 2013-01-01", "No such option '--day'"),
    ],
)
def test_what_a_command_lacks_is_found(command: str, why: str) -> None:
    assert why in refused(command)


def messages(file: Path) -> Iterator[str]:
    """The texts of a module but for its docstrings; what is filled in when it runs is a 1."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def refused(command: str, whole: bool = True) -> str:
    """What the command line says against a command, empty where it says nothing; half a one may lack what it needs."""
    # Brackets and line ends are for the eye.
    words = shlex.split(re.sub(r"[\[\]]|\\\n", "", FILLED_IN.sub("1", command)), comments=True)
    words = words[: words.index(">")] if ">" in words else words
    called: click.Command | None = cli
    while isinstance(called, click.Group) and words:
        group, name, words = called, words[0], words[1:]
        called = group.get_command(click.Context(group), name)
        if called is None:
            return f"{group.name} has no command {name}"
    if called is None or isinstance(called, click.Group):
        return ""
    try:
        if whole:
            called.make_context(called.name, words)
        else:
            called.make_parser(click.Context(called)).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    return ""
