"""Who decided, and why: what people say of themselves beside every decision; light, so that forms know it too."""

from __future__ import annotations

from nightshift.errors import UsageError

# Characters that are kept.
WHO_LENGTH, WHY_LENGTH = 100, 1000


def person(who: str, why: str) -> tuple[str, str]:
    """Who decided and why, without blanks around.

    Raises:
        NightshiftError: if one of them says nothing, or more than a ledger should keep.
    """
    for name, text, limit in (("--who", who, WHO_LENGTH), ("--why", why, WHY_LENGTH)):
        if not text.strip() or not text.isprintable():
            raise UsageError(f"{name} is empty or holds control characters: say it in words, on one line")
        if len(text) > limit:
            raise UsageError(f"{name} has {len(text)} characters, and {limit} are kept: say it shorter")
    return who.strip(), why.strip()
