"""What `nightshift doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    result: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def first_line(error: BaseException) -> str:
    """Of what an error says; its type where it says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
