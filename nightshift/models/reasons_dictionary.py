"""The use case's dictionary of reasons, ``reasons.yaml``: what is said of a feature that moved a score."""

from __future__ import annotations

import string

from pydantic import Field, field_validator

from nightshift.declarations.tables import Column, Table
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.yaml_form import Declared, Name, line_of, load_yaml
from nightshift.errors import DeclarationError
from nightshift.models.reason_wording import PLACEHOLDER, Form, Wording

REASONS_FILE = "reasons.yaml"
_CLOCK = "minutes after"


class Phrases(Declared):
    """What is said of one feature."""

    raises: str = Field(description="Where it makes the event likelier, or the value larger.")
    lowers: str = Field(description="Where it makes the event less likely, or the value smaller.")
    missing: str | None = Field(None, description="Where the row has no value; unset: that it is not known.")
    form: Form | None = Field(None, description="How `{value}` is said; unset: by the feature's unit.")
    names: dict[str | int, str] = Field({}, description="What single values are called, like 1: Monday.")

    @field_validator("raises", "lowers", "missing")
    @classmethod
    def _only_the_value_is_filled_in(cls, text: str | None) -> str | None:
        if text is None:
            return text
        if not text.strip():
            raise ValueError("a phrase can't be empty")
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}; the only braces are those of {PLACEHOLDER}") from error
        if wrong := [
            name for _, name, form, how in parts if name is not None and (name, form, how) != ("value", "", None)
        ]:
            raise ValueError(f"{text!r} has {{{wrong[0]}}}; the only thing that is filled in is {PLACEHOLDER}")
        return text

    @field_validator("missing")
    @classmethod
    def _nothing_is_no_value(cls, text: str | None) -> str | None:
        if text is not None and PLACEHOLDER in text:
            raise ValueError(f"{text!r}: where the value is missing, {PLACEHOLDER} is nothing")
        return text


class Dictionary(Declared):
    """The file."""

    features: dict[Name, Phrases]


def wordings(use_case: UseCase, features: Table) -> dict[str, Wording]:
    """What is said of each feature of a use case; its description where the dictionary has no phrase.

    Args:
        features: the feature table.

    Raises:
        NightshiftError: if the file breaks a rule, or has phrases for what is no feature; naming file and feature.
    """
    path = use_case.folder / REASONS_FILE
    given = load_yaml(Dictionary, path).features if path.is_file() else {}
    known = {column.name: column for column in features.features}
    if unknown := sorted(given.keys() - known.keys()):
        raise DeclarationError(
            f"{line_of(path, ['features', unknown[0]])}: {', '.join(unknown)}: {features.short_name} has no "
            "such feature, so that nothing would ever be said of it: take its phrases out, or fix the name"
        )
    return {name: _wording(column, given.get(name)) for name, column in known.items()}


def _wording(column: Column, phrases: Phrases | None) -> Wording:
    described = (column.description or column.name).strip().rstrip(".")
    if phrases is None:
        same = f"{described.replace('{', '(').replace('}', ')')}: {PLACEHOLDER}"
        return Wording(same, same, f"{described}: not known", _form(column))
    return Wording(
        phrases.raises,
        phrases.lowers,
        phrases.missing or f"{described}: not known",
        phrases.form or _form(column),
        {str(value): name for value, name in phrases.names.items()},
    )


def _form(column: Column) -> Form:
    unit = column.unit or ""
    if column.categorical or column.type == "string":
        return "text"
    if unit == "share":
        return "share"
    if unit.startswith(_CLOCK):
        return "clock"
    return "minutes" if unit == "minutes" else "number"
