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
