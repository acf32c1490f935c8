"""Plays the bank: delivers each month's statements, with the clients as they are, in the form of the landing contract.

The data lie in ``data/``, with their licence in the README. The same dates give the same bytes every time.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.dates import BatchDates, Monthly
from nightshift.ingest.delivery.sample_delivery import SampleFile, SampleSource

if TYPE_CHECKING:
    import pyarrow as pa

CLIENTS = ("client_id", "credit_limit", "sex", "age", "age_band", "education", "marriage")
# The codes of the data. Of sex they are 0 and 1 here, and 1 has the 18,112 clients that the original calls female.
SEX = {0: "male", 1: "female"}
EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}
MARRIAGE = {1: "married", 2: "single"}
OTHER = "other or unknown"
AGE_BANDS = {30: "under 30", 40: "30 to 39", 50: "40 to 49"}
OLDEST = "50 or over"


def _files(date: dt.date, every: int = 1) -> Iterator[SampleFile]:
    """The data files of one delivery, of every n-th client."""
    clients = _read("clients")
    clients = clients.filter(_of_every(clients, every)).to_pylist()
    yield SampleFile.of_csv("clients.csv", CLIENTS, map(_client, clients))
    yield SampleFile.of_parquet("statements.parquet", _statements(date, every))


def _of_every(rows: pa.Table, every: int) -> Any:
    """Which rows are of an n-th client."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = rows["client_id"]
    return pc.equal(pc.multiply(pc.divide(number, every), pa.scalar(every, pa.int32())), number)


def _client(row: dict[str, int]) -> tuple[Any, ...]:
    """A client as the bank's systems hold one, in the order of `CLIENTS`."""
    band = next((band for age, band in AGE_BANDS.items() if row["age"] < age), OLDEST)
    education, marriage = EDUCATION.get(row["education"], OTHER), MARRIAGE.get(row["marriage"], OTHER)
    return row["client_id"], row["limit_bal"], SEX[row["sex"]], row["age"], band, education, marriage


def _statements(date: dt.date, every: int) -> pa.Table:
    """The statements that a month's last day closes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = _read("statements")
    rows = rows.filter(pc.and_(pc.equal(rows["month"], pa.scalar(date.replace(day=1))), _of_every(rows, every)))
    return pa.table(
        {
            "client_id": rows["client_id"].cast(pa.string()),
            "statement_date": pa.array([date] * rows.num_rows, pa.date32()),
            "pay_status": rows["pay_status"],
            "bill_amount": rows["bill_amt"],
            "paid_amount": rows["pay_amt"],
        }
    )


@functools.cache
def _read(name: str) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(Path(__file__).with_name("data") / f"{name}.parquet")


DATES = BatchDates(dt.date(2005, 4, 30), dt.date(2005, 9, 30), Monthly(None))
deliver = SampleSource(DATES, _files).deliver
# Of 600 clients, for tests.
deliver_few = SampleSource(DATES, functools.partial(_files, every=50)).deliver
