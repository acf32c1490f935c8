"""Options of a JVM by a person: heap, garbage collection, network and certificates; others are refused by name."""

from __future__ import annotations

import re

_ALLOWED = (
    *("-Xss", "-Xms", "-Xmn", "-Xlog:", "-XX:", "-ea", "-verbose:", "--add-opens=", "--add-exports="),
    *("-Dhttp.", "-Dhttps.", "-Djava.net.", "-Djavax.net.", "-Djava.security.", "-Dsun.net.", "-Dsun.security."),
)
# They read further options, start programs, or give another heap than NIGHTSHIFT_SPARK_DRIVER_MEMORY.
_REFUSED = ("-XX:Flags", "-XX:VMOptionsFile", "-XX:OnError", "-XX:OnOutOfMemoryError", "-XX:MaxHeapSize", "-XX:MaxRAM")
_NAME = re.compile(r"@|-[\w.-]+")


def refused(text: str) -> str | None:
    """Why options can't be, behind "can't be set"; None where they can. It holds the name of an option, no value."""
    if re.search(r"[\"'\\]", text):
        return " so: write Java's options without quotes and backslashes"
    for option in text.split():
        if not option.startswith(_ALLOWED) or option.startswith(_REFUSED):
            name = found[0] if (found := _NAME.match(option)) else "something else"
            return f" to {name}: only heap, garbage collection, network and certificates may be"
    return None
