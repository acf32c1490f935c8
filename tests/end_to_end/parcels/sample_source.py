"""Plays the depot: thirty parcels with each delivery, whose hours follow from distance and country, and from chance."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from types import SimpleNamespace
from typing import Any

PER_DELIVERY = 30
LATE = 40


def deliver(use_case: Any, dates: Any, landing_root: Any, progress: Any = print, force: bool = False) -> Any:
    """Deliver each of the dates; what is there already is written again, as it was."""
    for date in dates:
        folder = landing_root / use_case.name / date.isoformat()
        entries = [_write(folder / name, lines) for name, lines in _files(use_case, date).items()]
        manifest = {"batch_date": date.isoformat(), "files": entries}
        (folder / "manifest.json").write(json.dumps(manifest).encode())
        progress(f"{date}: delivered")
    return SimpleNamespace(written=list(dates), unchanged=[])


def _files(use_case: Any, date: dt.date) -> dict[str, list[str]]:
    files = {"parcels.csv": ["parcel,distance,country", *(f"{n},{km},{to}" for n, km, to, _ in _parcels(date))]}
    if date > use_case.dates.first:
        before = _parcels(use_case.calendar.later(date, -1))
        files["arrivals.csv"] = [
            "parcel,hours,is_late",
            *(f"{n},{hours},{str(hours > LATE).lower()}" for n, _, _, hours in before),
        ]
    return files


def _parcels(date: dt.date) -> list[tuple[int, float, str, float]]:
    chance = random.Random(date.toordinal())
    found = []
    for number in range(PER_DELIVERY):
        distance, country = round(chance.uniform(10, 900), 1), chance.choice(["DE", "NO"])
        hours = 8 + distance / 25 + 20 * (country == "NO") + chance.gauss(0, 4)
        found.append((date.toordinal() * 100 + number, distance, country, round(max(hours, 1), 2)))
    return found


def _write(path: Any, lines: list[str]) -> dict[str, Any]:
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write(content)
    rows, digest = len(lines) - 1, hashlib.sha256(content).hexdigest()
    return {"name": path.name, "bytes": len(content), "rows": rows, "sha256": digest}
