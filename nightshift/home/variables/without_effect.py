"""What `nightshift doctor` and the start of a program say about variables that have no effect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from nightshift.home.variables import known_variables

# So near to a name, the common beginning aside, that it was probably meant.
LIKENESS = 0.7


def misspelt(names: Iterable[str]) -> dict[str, str | None]:
    """Of names, those that look like nightshift's own and are none, each with the likely spelling."""
    found: dict[str, str | None] = {}
    for name in sorted(names):
        spelt = name.upper().replace("-", "_")
        if ("NIGHT" in spelt or "SHIFT_" in spelt) and not known_variables.is_kept(name):
            likely = [each.removeprefix(known_variables.OWN) for each in known_variables.own_names()]
            near = difflib.get_close_matches(spelt.partition("_")[2], likely, 1, LIKENESS)
            if near or spelt.startswith(known_variables.OWN):
                found[name] = known_variables.OWN + near[0] if near else None
    return found


def warnings(names: Iterable[str]) -> Iterator[str]:
    """A sentence for each name that is misspelt."""
    for name, likely in misspelt(names).items():
        yield f"{name} means nothing and is ignored: {_remedy(likely)}"


def ignored(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What was ignored, and how to say it on purpose; one pair for all variables of a program."""
    by_owner: dict[str, list[str]] = {}
    for name in names:
        if entry := known_variables.dropped(name):
            by_owner.setdefault(entry.of, []).append(name)
        elif name in known_variables.PROXIES:
            by_owner.setdefault("", []).append(name)
    for owner, found in by_owner.items():
        what = f"ignored: {', '.join(sorted(found))}"
        if not owner:
            yield f"{what}, no proxy like http://host:3128", "write it so"
            continue
        instead = next(each.instead for each in known_variables.DROPPED if each.of == owner)
        yield f"{what} ({owner})", f"to say it on purpose: {instead}" if not _is_none(instead) else ""


def _is_none(instead: str) -> bool:
    return instead.startswith("nothing")


def _remedy(likely: str | None) -> str:
    return f"write {likely}" if likely else "docs/reference/environment.md lists the names"
