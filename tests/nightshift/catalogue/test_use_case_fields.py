"""The reference of use_case.yaml names every field with its meaning, and is not stale."""

from __future__ import annotations

import re

from nightshift.catalogue import use_case_fields
from nightshift.declarations.training_section import SearchRange
from nightshift.declarations.use_case import UseCase


def test_every_field_has_a_meaning_and_every_link_a_section() -> None:
    (page,) = use_case_fields.pages().values()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows if not row[-1].strip(" |")] == []
    sections = {re.sub(r"[^a-z0-9_]", "", title) for title in re.findall(r"^## `(.+)`$", page, re.MULTILINE)}
    assert set(re.findall(r"\(#([^)]+)\)", page)) == sections
    names = {name for model, _ in use_case_fields.sections(UseCase) for name in model.model_fields}
    assert {row[0].strip("| `") for row in rows} == names


def test_models_of_one_kind_share_a_section() -> None:
    assert [path for model, path in dict(use_case_fields.sections(UseCase)).items() if model is SearchRange] == [
        "training.search.each"
    ]


def test_types_and_defaults_are_in_words() -> None:
    (page,) = use_case_fields.pages().values()
    for row in (
        "| `first` | date | needed | Of the first delivery. |",
        "| `top` | whole number, at least 1, at most 10 | `3` | Reasons that each score gives. |",
        "| `later` | `auto` or `person` | `auto` | Every one after it. |",
        "| `slices` | list of text | empty | Columns of the feature table by whose values it is judged, too. |",
    ):
        assert row in page
