"""Publishes slices in processes that are killed at a line of their own choosing; a test talks to it by lines of JSON.

    {"size": 3, "days": 0, "line": 17}  →  publish the slice, so many days later, whose rows have that size, and kill -9
                                           at the 17th line of the kernel that is executed; line null: to the end.
                                           Answers with lines executed and exit status.

Everything is imported once, and each publication is a fork: a kill then costs a tenth of a second. Packages that
others import when they are first used are named here, else each fork would import them again.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import deltalake.transaction  # noqa: F401
import pandas  # noqa: F401
import psycopg2  # noqa: F401
import pyarrow as pa
import sqlalchemy as sa

import nightshift
from nightshift import ledger
from nightshift.dates import BatchDates, shifted
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport, Check
from nightshift.lake.publication import publish
from nightshift.ledger import Input
from nightshift.ledger.row_accounting import Accounting
from tests.declaring import a_table, column
from tests.staged import staged

DATES = BatchDates(dt.date(2013, 10, 1), dt.date(2013, 10, 2))
ROWS = 5
TABLE = a_table(column("thing", required=True), column("size", "int"), use_case="flight_delays", name="killed")
KERNEL = str(Path(nightshift.__file__).parent)
WATCHED = tuple(f"{KERNEL}/{part}" for part in ("lake/", "ledger/", "storage/"))


class Killer:
    """Counts executed lines of the kernel, and ends the process at one of them."""

    def __init__(self, line: int | None) -> None:
        self.line = line
        self.executed = 0

    def __call__(self, frame: FrameType, event: str, argument: object):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        if event == "line":
            self.executed += 1
            if self.executed == self.line:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def passes(rows, table, dates, expected_rows) -> AuditReport:
    check = Check("anything_goes", "blocks", "a test", passed=True)
    return AuditReport((check,), profiles={date: {"rows": ROWS} for date in dates})


def things(size: int) -> pa.Table:
    names = pa.array([f"thing {number}" for number in range(ROWS)])
    return pa.table({"thing": names, "size": pa.array([size] * ROWS, pa.int32())})


def publication(size: int, dates: BatchDates, killer: Killer) -> None:
    """One publication, watched from the writing of the stage on."""
    # As jobs do: what orders them is drawn before they read, and long before they open the entries of a table.
    with ledger.engine().connect() as connection:
        began = connection.scalar(sa.text("SELECT nextval(pg_get_serial_sequence('entries', 'id'))"))
    use_case = UseCase.load("flight_delays", get_settings())
    job = Job("refine", use_case, None, dates, f"size-{size}", began)  # type: ignore[arg-type]
    accounting = Accounting({date: [Input("file", "things.csv", f"sha of {size}", ROWS)] for date in dates})
    sys.settrace(killer)
    publish(job, TABLE, staged(TABLE, dict.fromkeys(dates, things(size))), audit=passes, accounting=accounting)
    sys.settrace(None)


def main() -> None:
    """Answer each line of standard input."""
    for line in sys.stdin:
        asked = json.loads(line)
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            killer = Killer(asked["line"])
            publication(asked["size"], shifted(DATES, asked["days"]), killer)
            os.write(writer, str(killer.executed).encode())
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        executed = os.read(reader, 100).decode()
        os.close(reader)
        answer = {"executed": int(executed or 0), "status": os.waitstatus_to_exitcode(status)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
