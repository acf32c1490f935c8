"""Plays the branch: ten loans a day, each repaid or in default after some days; some that were repaid were not.

Each delivery has the loans that are open, and those that have ended or were corrected since the one before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

PER_DAY = 10
LONGEST = 20


@dataclass(frozen=True)
class Loan:
    """One loan.

    Attributes:
        end: day of the delivery that says how it ended.
        corrected: whether the delivery after that one says the opposite.
    """

    number: int
    begin: dt.date
    amount: float
    rate: float
    end: dt.date
    defaults: bool
    corrected: bool

    def status(self, date: dt.date) -> str | None:
        """What the delivery of a date says of it; None where it does not have it."""
        if not self.begin <= date <= self.end + dt.timedelta(days=self.corrected):
            return None
        if date < self.end:
            return "open"
        return "defaulted" if self.defaults != (date == self.end and self.corrected) else "repaid"


def loans(first: dt.date, last: dt.date) -> Iterator[Loan]:
    """The loans that were paid out on some days."""
    for day in range(first.toordinal(), last.toordinal() + 1):
        chance = random.Random(day)
        for number in range(PER_DAY):
            rate, life = round(chance.uniform(1, 12), 2), chance.randint(1, LONGEST)
            begin = dt.date.fromordinal(day)
            yield Loan(
                day * 100 + number, begin, round(chance.uniform(500, 5000), 2), rate,
                begin + dt.timedelta(days=life), chance.random() < 1 / (1 + math.exp(5 - 0.8 * rate)),
                chance.random() < 0.05,
            )  # fmt: skip


def deliver(use_case: Any, dates: Any, landing_root: Any, progress: Any = print, force: bool = False) -> Any:
    """Deliver each of the dates; what is there already is written again, as it was."""
    for date in dates:
        folder = landing_root / use_case.name / date.isoformat()
        first = max(use_case.dates.first, date - dt.timedelta(days=LONGEST + 1))
        rows = [
            f"{loan.number},{loan.amount},{loan.rate},{(date - loan.begin).days},{status},"
            f"{str(status == 'defaulted').lower()}"
            for loan in loans(first, date)
            if (status := loan.status(date)) is not None
        ]
        content = "\n".join(["loan,amount,rate,age,status,is_defaulted", *rows, ""]).encode()
        (folder / "loans.csv").write(content)
        digest = hashlib.sha256(content).hexdigest()
        file = {"name": "loans.csv", "bytes": len(content), "rows": len(rows), "sha256": digest}
        manifest = {"batch_date": date.isoformat(), "files": [file]}
        (folder / "manifest.json").write(json.dumps(manifest).encode())
        progress(f"{date}: delivered")
    return SimpleNamespace(written=list(dates), unchanged=[])
