"""Values are said in the words of their unit."""

from __future__ import annotations

import math

import pytest

from nightshift.models.reason_wording import Wording, exact_text, spoken


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.2345, "share", "23 %"),
        (0.0345, "share", "3.5 %"),
        (0.02, "share", "2 %"),
        (1.0, "share", "100 %"),
        (0.0, "share", "0 %"),
        (1065.0, "clock", "17:45"),
        (5.0, "clock", "00:05"),
        (1440.0, "clock", "24:00"),
        (95.4, "minutes", "95 minutes"),
        (1.0, "minutes", "1 minute"),
        (-3.0, "minutes", "-3 minutes"),
        (2475.0, "number", "2,475"),
        (12.34, "number", "12.3"),
        (12.0, "number", "12"),
        (0.035, "number", "0.04"),
        (100.0, "number", "100"),
        (3, "number", "3"),
        ("EWR", "text", "EWR"),
        ("EWR", "number", "EWR"),
        (math.inf, "clock", "inf"),
    ],
)
def test_a_value_is_said_in_the_form_of_its_unit(value, form, text) -> None:
    assert spoken(value, form) == text


@pytest.mark.parametrize(("value", "text"), [(1065.0, "1065"), (0.1, "0.1"), (-0.5, "-0.5"), ("UA", "UA"), (7, "7")])
def test_plain_text_names_a_value_exactly(value, text) -> None:
    assert exact_text(value) == text


def test_a_phrase_depends_on_direction_and_value() -> None:
    wording = Wording("more at {value}", "less at {value}", "not known", "clock", {"0": "midnight"})
    assert wording.phrase(61.0, raises=True) == "more at 01:01"
    assert wording.phrase(61.0, raises=False) == "less at 01:01"
    assert wording.phrase(0.0, raises=False) == "less at midnight"
    assert wording.phrase(None, raises=True) == wording.phrase(math.nan, raises=False) == "not known"
