"""Countries, and their states or provinces, whose public holidays the calendar knows."""

from __future__ import annotations

import difflib
import functools
import importlib.resources
from collections.abc import Sequence

SIMILAR_NAMES = 0.6
# What people and the European Union write, and ISO 3166 does not.
_HABITS = {"UK": "GB", "EL": "GR"}


def unknown_country(code: str) -> str | None:
    """Why a country has no calendar, with the likely spelling; None where it has one."""
    # Nearly every code is one of these, which spares each start of a command the third of a second of the library.
    if code in _assigned_codes():
        return None
    names = _countries()
    if code in names.values():
        return None
    country, _, part = code.partition("-")
    if part and country.upper() in names.values():
        return f"is a country and a part of it: write `country: {country.upper()}` and `subdivision: {part.upper()}`"
    likely = _likely(code, names | _HABITS, ("US", "GB", "DE"))
    return f"is no country code of ISO 3166 with a calendar of holidays{likely}"


def unknown_subdivision(country: str, code: str) -> str | None:
    """Why a part of a country has no calendar, with the likely spelling; None where it has one."""
    import holidays

    entity = getattr(holidays, country)
    if code in entity.subdivisions:
        return None
    names = {each: each for each in entity.subdivisions} | dict(getattr(entity, "subdivisions_aliases", {}))
    if not names:
        return f"is no part of {country} with holidays of its own: it has none"
    examples = sorted(set(names.values()), key=lambda part: (len(part), part))[:3]
    likely = _likely(code.removeprefix(f"{country}-"), names, examples)
    return f"is no part of {country} with holidays of its own{likely}"


def _likely(given: str, names: dict[str, str], examples: Sequence[str]) -> str:
    by_case = {name.casefold(): code for name, code in names.items()}
    close = difflib.get_close_matches(given.casefold(), by_case, n=1, cutoff=SIMILAR_NAMES if len(given) > 3 else 1.0)
    if close:
        return f": did you mean {by_case[close[0]]}?"
    return f", like {', '.join(examples)}"


@functools.cache
def _assigned_codes() -> frozenset[str]:
    """The two letters of all countries, from the data of the time zones."""
    try:
        table = importlib.resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return frozenset()
    return frozenset(line.split("\t")[0] for line in table.splitlines() if not line.startswith("#"))


@functools.cache
def _countries() -> dict[str, str]:
    """Codes of two and three letters by themselves, and two letters by the country's name."""
    from holidays.registry import COUNTRIES

    found: dict[str, str] = {}
    for name, (_, two, three, *_) in COUNTRIES.items():
        found |= {name.replace("_", " "): two, two: two, three: three}
    return found
