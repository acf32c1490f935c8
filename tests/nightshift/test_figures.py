"""Numbers for people, and for the ledger's JSON, whatever a double can be."""

from __future__ import annotations

import json
import math
import sys

import pytest

from nightshift.figures import first_of, from_json, number, to_json

MOST = sys.float_info.max


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-0.0, "0"),
        (-0.4, "-0.4"),
        (0.03049, "0.03049"),
        (9635, "9,635"),
        (9635.4, "9,635"),
        (2.5, "2.5"),
        (999.99, "1,000"),
        (-999.96, "-1,000"),
        (999.94, "999.9"),
        (100, "100"),
        (0.000099999, "0.0001"),
        (999_999_999_999_999, "999,999,999,999,999"),
        (999_999_999_999_999.9, "1.000e+15"),
        (2**63 - 1, "9.223e+18"),
        (10**400, "1.000e+400"),
        (-(10**400), "-1.000e+400"),
        (MOST, "1.798e+308"),
        (5e-324, "4.941e-324"),
        *((unknown, "–") for unknown in (None, math.nan, math.inf, -math.inf)),
    ],
)
def test_numbers_are_shown_as_people_read_them(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_numbers_of_fewer_digits_are_rounded_before_their_form_is_chosen() -> None:
    assert [number(each, 3) for each in (999.99, 999.4, 1234.5, 512, 0.9999)] == ["1,000", "999", "1,234", "512", "1"]


def test_json_of_the_ledger_has_nothing_that_postgresql_refuses(home) -> None:
    given = {"nan": math.nan, "inf": [-math.inf], "nul\0": "a\0b", "half": "\ud83d", "most": MOST, "long": 2**63 - 1}
    kept = {"nan": None, "inf": [None], "nul␀": "a␀b", "half": "?", "most": MOST, "long": 2**63 - 1}
    assert from_json(to_json(given)) == kept
    # PostgreSQL writes out all 309 digits; as a whole number no fraction could be divided by it.
    most = from_json(json.dumps(int(MOST)))
    assert (type(most), most) == (float, MOST)


def test_of_many_words_the_first_are_named_and_the_others_counted() -> None:
    assert (first_of([], 2), first_of([1, 2], 2)) == ("", "1, 2")
    assert first_of("abcd", 2, "; ") == "a; b and 2 more"
