"""docker-compose.yaml, as tests read it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from nightshift.home.settings import PROJECT_DIR

DECLARED: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DECLARED["services"]


def default(text: str) -> str:
    """A value as it is where the machine's environment says nothing; variables may stand within others."""
    while (inner := re.sub(r"\$\{\w+:-([^${}]*)\}", r"\1", text)) != text:
        text = inner
    return text
