"""What an object store says, fit for people and logs."""

from __future__ import annotations

import re

# obstore gives its causes in lines, delta-rs in coloured arrows.
_CAUSE = re.compile(r"\s*(?:\x1b\[\d+m)?↳(?:\x1b\[\d+m)?\s*")
_ANSWER = re.compile(r"<\?xml|<Error>")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_LONGEST = 500


def in_words(said: str) -> str:
    """One line, and the code of the store's answer; not the answer itself, which quotes the key and what was signed."""
    told = _CAUSE.sub(": ", said)
    line = _ANSWER.split(told, maxsplit=1)[0].strip().partition("\n")[0][:_LONGEST].rstrip(": ")
    code = _CODE.search(told)
    return f"{line} ({code[1]})" if code else line


def is_refusal(words: str) -> bool:
    """Whether a store does not let us."""
    return any(each in words for each in ("401 Unauthorized", "403 Forbidden", "lacked the necessary privileges"))
