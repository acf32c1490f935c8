"""Patterns are checked by Python and run by Java: what they read differently is refused."""

from __future__ import annotations

import pytest

from nightshift.declarations.column_patterns import fault

TAKEN = [
    "[A-Z0-9]{2}",
    "(([01][0-9]|2[0-3])[0-5][0-9]|2400)",
    "[^@ ]+@[^@ ]+",
    "^a$",
    r"\d{3}-\w+\.\x41\u00e9",
    r"(?:ab)?(?=c)(?<!d)(?>e)",
    r"(a|b){2,50}",
    r"(?:[a-z]+\.)*+[a-z]+",
    r"(a)\1",
    r"[\[\]\-^&]{3,}x*",
    r"\{a\}",
    "",
]


@pytest.mark.parametrize("pattern", TAKEN)
def test_what_both_read_alike_is_taken(pattern: str) -> None:
    assert fault(pattern) is None


def test_java_reads_what_is_taken_and_survives_long_values(spark) -> None:
    for long in ("ab." * 200_000, "1" * 600_000):
        values = spark.createDataFrame([(long,)], "value string")
        judged = values.select(*[values.value.rlike(rf"\A(?:{pattern})\z") for pattern in TAKEN])
        assert not any(judged.first())


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "is not a regular expression"),
        ("a{99999999999}", "is not a regular expression"),
        (r"a\Z", r"has \Z, which Python and Java do not read alike: write nothing"),
        (r"a\v", r"write \x0b"),
        (r"\012", r"has \0"),
        (r"\U0001f6eb", r"has \U"),
        (r"[\b]", r"has \b, which Python and Java do not read alike, within brackets"),
        ("(?P<code>a)", r"has a group that begins with (?P"),
        ("(a)(?(1)b|c)", "has a group that begins with (?("),
        ("(?#say)a", "say it in the column's description"),
        ("(?i)a", "write [Aa]"),
        ("a{,3}", r"write \{"),
        ("{a}", r"write \{"),
        ("[[]", r"write \["),
        ("[]a]", r"write \]"),
        ("[a&&b]", "write & once"),
        (r"([a-z]+\.)*[a-z]+", "any number of times"),
        (r"(?:a|b)+", "any number of times"),
        (r"(a|b){2,}?", "any number of times"),
        (r"(a|b){1001}", "1001 times"),
        (r"(?:(a|b){100}c){100}", "up to 10000 times, and"),
    ],
)
def test_what_they_do_not_is_refused_with_a_remedy(pattern: str, said: str) -> None:
    assert said in str(fault(pattern))
