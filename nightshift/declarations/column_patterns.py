r"""Which regular expressions a column may declare as its `pattern`.

They are checked here, by Python, and run in Spark, by Java. Only what both read alike is taken; `\d`, `\w`, `\s` and
`\b` are about ASCII, as Java has them. Java takes some of its stack for each repetition of a group, so that these are
bounded: one long value would end the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

REPETITIONS = 1000
# The letters and digits that mean the same after a backslash; any other sign after one means itself.
ESCAPES = frozenset("dDwWsSbBAnrtf123456789")
ESCAPES_IN_CLASS = frozenset("dDwWsSnrtf")
CODES = {"x": r"[0-9a-fA-F]{2}", "u": r"[0-9a-fA-F]{4}"}
OPENED = ("(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>")
REMEDIES = {"Z": "nothing: the whole text must match anyway", "v": r"\x0b", "0": r"\x00", "U": r"\u and four digits"}
QUANTIFIER = re.compile(r"(?:[*+?]|\{([0-9]+)(?:(,)([0-9]*))?\})([+?]?)")


def fault(pattern: str) -> str | None:
    """Why a pattern is not taken, with the remedy; None where it is."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{pattern!r} is not a regular expression: {error}"
    found = next(_faults(pattern), None)
    return None if found is None else f"{pattern!r} {found}"


def _faults(pattern: str) -> Iterator[str]:
    # How often what is within each open group may be repeated already, the pattern itself first.
    open_groups = [1.0]
    place = 0
    while place < len(pattern):
        sign = pattern[place]
        if sign == "\\":
            length, reason = _escape(pattern, place, ESCAPES)
            place += length
        elif sign == "[":
            length, reason = _class(pattern, place)
            place += length
        elif sign == "(":
            reason = None if pattern[place + 1] != "?" or pattern.startswith(OPENED, place) else _group(pattern, place)
            open_groups.append(1.0)
            place += 1
        elif sign == ")":
            quantifier = QUANTIFIER.match(pattern, place + 1)
            times = open_groups.pop() * _most(quantifier)
            open_groups[-1] = max(open_groups[-1], times)
            reason = _repeated(pattern[place + 1 :], times)
            place += 1
        elif sign == "{" and QUANTIFIER.match(pattern, place) is None:
            reason, place = r"has a { that repeats nothing as {2}, {2,} or {2,5} do: write \{", place + 1
        else:
            reason, place = None, place + 1
        if reason is not None:
            yield reason


def _escape(pattern: str, place: int, known: frozenset[str]) -> tuple[int, str | None]:
    """Length of an escape, and why it is not taken."""
    sign = pattern[place + 1]
    if code := re.compile(CODES[sign]).match(pattern, place + 2) if sign in CODES else None:
        return 2 + len(code[0]), None
    if sign in known or not (sign.isalnum() and sign.isascii()):
        return 2, None
    remedy = f": write {REMEDIES[sign]}" if sign in REMEDIES else ""
    return 2, f"has \\{sign}, which Python and Java do not read alike{remedy}"


def _class(pattern: str, place: int) -> tuple[int, str | None]:
    """Length of a class in brackets, and why it is not taken."""
    start = end = place + (2 if pattern.startswith("[^", place) else 1)
    while pattern[end] != "]" or end == start:
        if pattern[end] == "\\":
            length, reason = _escape(pattern, end, ESCAPES_IN_CLASS)
            if reason is not None:
                return end - place, f"{reason}, within brackets"
            end += length
            continue
        if pattern[end] in "[]":
            return end - place, rf"has a {pattern[end]} within brackets: write \{pattern[end]}"
        if pattern.startswith("&&", end):
            return end - place, "has && within brackets, which in Java is what two classes have in common: write & once"
        end += 1
    return end + 1 - place, None


def _group(pattern: str, place: int) -> str:
    """Why a group that begins with ``(?`` is not taken."""
    begin = pattern[place : place + 3]
    remedy = {"(?P": "use \\1 and a group without a name", "(?#": "say it in the column's description"}.get(
        begin, "write [Aa] for a letter in both cases"
    )
    return f"has a group that begins with {begin}, which Python and Java do not read alike: {remedy}"


def _most(quantifier: re.Match[str] | None) -> float:
    """How often a group is repeated at most, as far as that takes memory."""
    if quantifier is None or quantifier[0] == "?" or quantifier[4] == "+":
        return 1
    least, comma, most = quantifier[1], quantifier[2], quantifier[3]
    if least is None:
        return 1 if quantifier[0].startswith("?") else float("inf")
    return float(most or "inf") if comma else float(least)


def _repeated(rest: str, times: float) -> str | None:
    quantifier = QUANTIFIER.match(rest)
    if quantifier is None or times <= REPETITIONS:
        return None
    often = "any number of" if times == float("inf") else f"up to {times:.0f}"
    return (
        f"repeats a group, by {quantifier[0]}, {often} times, and a long value would end the run: give a bound "
        f"of at most {REPETITIONS}, like {{0,100}}, or, where nothing of it must be given back to what follows, repeat "
        "it possessively, like )*+"
    )
