"""What a database says is shown without credentials, and without what it quotes of a person."""

from __future__ import annotations

import pytest

from nightshift.errors import DatabaseUnreachableError, DataError, DeclarationError, NightshiftError, SettingsError
from nightshift.ingest.sources.database_refusal import DatabaseError, told, without_values


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            'ERROR: invalid input syntax for type integer: "ada@example.org"',
            "ERROR: invalid input syntax for type integer ***",
        ),
        ('ERROR: value "39339" is out of range for type smallint', "ERROR: value ***"),
        # A value may hold quotes itself, and end with the line.
        (
            'ERROR: invalid input syntax for type date: "Ada "the first" Lovelace',
            "ERROR: invalid input syntax for type date ***",
        ),
        (
            "FEHLER: ungültige Eingabesyntax für Typ integer: »ada@example.org«",
            "FEHLER: ungültige Eingabesyntax für Typ integer ***",
        ),
        ("Data truncation: Truncated incorrect INTEGER value: 'ada'", "Data truncation ***"),
        ("ORA-01722: invalid number", "ORA-01722: invalid number"),
        ("Bad int64 value: ada@example.org", "Bad int64 value ***"),
        ("ERROR: canceling statement due to statement timeout", "ERROR: canceling statement due to statement timeout"),
    ],
)
def test_a_drivers_words_are_kept_up_to_what_may_be_a_value(said: str, shown: str) -> None:
    assert without_values(said) == shown


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("22003", DataError),  # a number out of range, of no column that could be found
        ("42P01", DeclarationError),  # no such relation
        ("42501", SettingsError),  # not granted
        ("28P01", SettingsError),  # a wrong password
        *((state, DatabaseUnreachableError) for state in ("08006", "57P01", "53300", "40001", "55P03", "58030", None)),
        ("XX001", DataError),  # a page on its disk is damaged
    ],
)
def test_the_class_of_a_state_says_whether_reading_again_helps(state: str | None, kind: type[NightshiftError]) -> None:
    error = told("shop", "public.orders", DatabaseError(state, "ERROR: x"), None, is_personal=False)
    assert type(error) is kind
    assert error.remedy
    assert error.temporary == (kind is DatabaseUnreachableError)
