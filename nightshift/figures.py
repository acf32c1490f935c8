"""Numbers as people read them, and as the ledger's JSON can keep them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

UNKNOWN = "–"
# Below these, a plain or a scientific notation reads better.
SMALL, LARGE = 1e-4, 1e15
# Of longer ones JSON of PostgreSQL makes hundreds of digits, which no arithmetic with fractions takes.
WHOLE_DIGITS = 19


def number(value: float | None, digits: int = 4) -> str:
    """Four digits that matter, or fewer, and thousands kept apart; a dash for what could not be computed."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0 or SMALL <= abs(value) < LARGE:
        return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.{digits}g}"
    return f"{value:.{digits - 1}e}"


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
