"""Numbers as people read them, and as the ledger's JSON can keep them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

UNKNOWN = "–"
# Below these, a plain or a scientific notation reads better.
SMALL, LARGE = 1e-4, 1e15
# Of longer ones JSON of PostgreSQL makes hundreds of digits, which no arithmetic with fractions takes.
WHOLE_DIGITS = 19


def number(value: float | None, digits: int = 4) -> str:
    """Four digits that matter, or fewer, and thousands kept apart; a dash for what could not be computed."""
    # A whole number may be too large for a double.
    exact = Decimal(value if isinstance(value, int) else math.nan if value is None else float(value))
    if not exact.is_finite():
        return UNKNOWN
    # Rounded before the form is chosen: 999.99 is a thousand in either.
    shown = Context(prec=digits).plus(exact)
    if abs(shown) >= 1000 or exact == exact.to_integral_value():
        shown = exact.to_integral_value()
    if shown == 0:
        return "0"
    return f"{shown.normalize():,f}" if SMALL <= abs(float(shown)) < LARGE else f"{exact:.{digits - 1}e}"


def amount(count: int, thing: str) -> str:
    """How many of something, like `1 row` or `12 rows`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def first_of(words: Sequence[object], most: int, between: str = ", ") -> str:
    """The first of some words, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return between.join(map(str, words[:most])) + more


def share(value: float | None) -> str:
    """A share in per cent; a dash for what could not be computed."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.1%}"


def finite(value: float | None) -> float | None:
    """A number, or None for what could not be computed."""
    return value if value is not None and math.isfinite(value) else None


def to_json(value: Any) -> str:
    """JSON that PostgreSQL takes."""
    return json.dumps(storable(value), allow_nan=False, ensure_ascii=False)


def from_json(text: str | bytes) -> Any:
    """What `to_json` wrote; a large whole number, of which PostgreSQL has written out every digit, is a double."""
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= WHOLE_DIGITS else float(digits))


def storable(value: Any) -> Any:
    """A value as JSON of PostgreSQL can hold it: it has no NaN, no infinity, no NUL and no half a character."""
    match value:
        case float():
            return finite(value)
        case str():
            return value.replace("\0", "␀").encode("utf-8", "replace").decode()
        case Mapping():
            return {storable(str(key)): storable(each) for key, each in value.items()}
        case list() | tuple():
            return [storable(each) for each in value]
        case _:
            return value
