"""How a value of a feature is said to people, and the phrases that a reason of a score is given in.

Light, as every Spark worker imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PLACEHOLDER = "{value}"
# text: as it is. share: percent. minutes: a length of time. clock: minutes after midnight as a time of day.
Form = Literal["text", "number", "share", "minutes", "clock"]
Value = str | float | int | bool | None
_HOUR = 60


@dataclass(frozen=True)
class Wording:
    """What is said of one feature where it moved a score.

    Attributes:
        raises: phrase where it raised the raw score; `PLACEHOLDER` stands for the value.
        lowers: phrase where it lowered it.
        missing: phrase, of either, where the row has no value.
        form: how the value is said.
        names: what single values are called, by their text.
    """

    raises: str
    lowers: str
    missing: str
    form: Form = "number"
    names: Mapping[str, str] = field(default_factory=dict)

    def phrase(self, value: Value, *, raises: bool) -> str:
        """The phrase for one value; None and NaN are missing ones."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self.missing
        template = self.raises if raises else self.lowers
        return template.replace(PLACEHOLDER, self.names.get(exact_text(value)) or spoken(value, self.form))


def spoken(value: str | float | int | bool, form: Form) -> str:
    """A value for people: `12 %`, `2,475`, `17:45`, `-3 minutes`."""
    if isinstance(value, str) or form == "text" or not math.isfinite(value):
        return exact_text(value)
    if form == "share":
        percent = 100 * value
        return f"{percent:z.{1 if abs(percent) < 10 else 0}f} %".replace(".0 ", " ")
    if form == "clock":
        hours, minutes = divmod(round(value), _HOUR)
        return f"{hours:02d}:{minutes:02d}"
    if form == "minutes":
        minutes = round(value)
        return f"{minutes:,} minute{'' if abs(minutes) == 1 else 's'}"
    return _number(value)


def exact_text(value: str | float | int | bool) -> str:
    """A value as text that names it exactly; a whole number without decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(value: float) -> str:
    """Digits that matter: two decimals below 1, one below 100, none above."""
    size = abs(value)
    text = f"{value:z,.{2 if size < 1 else 1 if size < 100 else 0}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
