"""The sample source plays the bank: each month's statements and clients, in the codes' words."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.delivery import verify
from nightshift.storage import Location
from tests.in_home import UseCaseInHome

USE_CASE = UseCaseInHome.load("card_default", get_settings())
SOURCE = load_module(USE_CASE, "sample_source")


def clients_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "clients.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_month_delivers_what_is_declared(home: Settings) -> None:
    use_case = UseCase.load("card_default", get_settings())
    dates = use_case.batch_dates("2005-04-30..2005-09-30")
    SOURCE.deliver_few(use_case, dates, home.landing)
    delivery = verify(Catalog(use_case), dates)
    assert delivery.faults == ()
    assert {date: {file.table.name for file in delivery.files if file.batch_date == date} for date in dates} == (
        {date: {"clients", "statements"} for date in dates}
    )


def test_all_clients_are_there_in_the_words_of_their_codes(tmp_path: Path) -> None:
    SOURCE.deliver(USE_CASE, USE_CASE.batch_dates("2005-08-31"), Location.of(tmp_path))
    folder = tmp_path / "card_default" / "2005-08-31"
    clients = clients_of(folder)
    # As the data's README and their publisher count them.
    assert Counter(client["sex"] for client in clients) == {"female": 18_112, "male": 11_888}
    assert Counter(client["education"] for client in clients) == {
        "university": 14_030, "graduate school": 10_585, "high school": 4_917, "other or unknown": 468,
    }  # fmt: skip
    bands = {client["age"]: client["age_band"] for client in clients}
    assert [bands[age] for age in ("29", "30", "39", "40", "49", "50", "79")] == [
        *("under 30", "30 to 39", "30 to 39", "40 to 49", "40 to 49", "50 or over", "50 or over")
    ]
    statements = pq.read_table(folder / "statements.parquet")
    assert statements.num_rows == len({*statements["client_id"].to_pylist()}) == 30_000
    assert set(statements["statement_date"].to_pylist()) == {dt.date(2005, 8, 31)}
    # What is late in August is the label of July: 14.7 %.
    assert sum(status >= 2 for status in statements["pay_status"].to_pylist()) == 4_410


def test_a_part_of_the_sample_is_of_whole_clients(tmp_path: Path) -> None:
    SOURCE.deliver_few(USE_CASE, USE_CASE.batch_dates("2005-04-30"), Location.of(tmp_path))
    folder = tmp_path / "card_default" / "2005-04-30"
    clients = [client["client_id"] for client in clients_of(folder)]
    assert len(clients) == 600
    assert pq.read_table(folder / "statements.parquet")["client_id"].to_pylist() == clients


def test_a_month_that_the_sample_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NightshiftError, match=r"2005-04-30\.\.2005-09-30, and 2005-10-31 is not within them"):
        SOURCE.deliver(USE_CASE, USE_CASE.between(dt.date(2005, 10, 31), dt.date(2005, 10, 31)), Location.of(tmp_path))
    assert list(tmp_path.iterdir()) == []
