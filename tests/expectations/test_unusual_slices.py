"""A slice is compared with the same weekday and the days before it, and planted faults are found."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest

from expectations.earlier_profiles import History, compared_dates, load_earlier
from expectations.profile import profile
from expectations.unusual_slices import NO_HISTORY, statistical_checks
from nightshift import ledger
from nightshift.dates import BatchDates, Weekly
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.declarations.thresholds import Thresholds
from nightshift.home.settings import get_settings
from nightshift.storage import Location
from tests.declaring import a_table, column

DAY = dt.date(2013, 10, 1)
STEP = dt.timedelta(days=1)
WEEKS = Thresholds().weeks
TABLE = a_table(column("key", "bigint"), column("origin"), use_case="flight_delays", name="calls")


def slice_of(rows: int, nulls: int = 0, distinct: int = 3) -> dict:
    columns = {
        "key": {"type": "bigint", "nulls": 0, "distinct": rows},
        "origin": {"type": "string", "nulls": nulls, "distinct": distinct},
    }
    return {"format": 1, "rows": rows, "columns": columns if rows else {}}


def usual(days: int = 60) -> dict:
    """Days of about a thousand rows, and of half as many on Saturdays and Sundays."""
    dates = [DAY - STEP * number for number in range(1, days + 1)]
    return {date: slice_of((500 if date.weekday() >= 5 else 1000) + date.day, nulls=date.day % 5) for date in dates}


def judged(own: dict, before: dict, thresholds: Thresholds | None = None, table: Table = TABLE, **kind: bool) -> dict:
    known = {date: each for date, each in {**before, **own}.items() if each["rows"]}
    checks = statistical_checks(table, own, History(known, thresholds or Thresholds(), **kind))
    return {check.name: check for check in checks}


def failed(checks: dict) -> set[str]:
    return {name for name, check in checks.items() if not check.passed}


def test_a_usual_day_passes_and_says_what_it_was_compared_with():
    checks = judged({DAY: slice_of(1010)}, usual())
    assert failed(checks) == set()
    assert checks["volume_is_possible"].consequence == "blocks"
    assert f"{DAY}: 1,010 rows, median 1,0" in checks["volume_is_possible"].observed
    assert f"of {WEEKS} earlier slices of a Tuesday" in checks["volume_is_possible"].observed


def test_a_quiet_weekday_is_usual_for_its_own_kind():
    sunday = dt.date(2013, 9, 29)
    assert failed(judged({sunday: slice_of(510)}, usual())) == set()


@pytest.mark.parametrize("rows", [10_000, 7_000, 90])
def test_ten_times_or_a_tenth_blocks(rows):
    checks = judged({DAY: slice_of(rows)}, usual())
    assert not checks["volume_is_possible"].passed
    assert checks["volume_is_possible"].examples[0]["rows"] == rows


def test_half_as_much_warns():
    checks = judged({DAY: slice_of(500)}, usual())
    assert failed(checks) == {"volume_is_as_usual"}
    assert checks["volume_is_as_usual"].consequence == "warns"


def test_without_history_nothing_is_judged():
    checks = judged({DAY: slice_of(10_000)}, usual(days=2))
    assert failed(checks) == set()
    assert {check.observed for check in checks.values()} == {NO_HISTORY}


def test_with_a_few_days_ten_times_blocks_and_a_tenth_only_warns():
    few = {DAY - STEP * number: slice_of(1000) for number in (1, 2, 3)}
    assert "volume_is_possible" in failed(judged({DAY: slice_of(10_000)}, few))
    assert failed(judged({DAY: slice_of(90)}, few)) == {"volume_is_as_usual"}


@pytest.mark.parametrize("months", [1, 3])
def test_a_snapshot_is_compared_with_those_before_whatever_the_days_between(months):
    before = {dt.date(2013, 10 - number, 1): slice_of(1450, distinct=30) for number in range(1, months + 1)}
    assert failed(judged({DAY: slice_of(1460, distinct=31)}, before, of_snapshots=True)) == set()
    checks = judged({DAY: slice_of(10, nulls=5, distinct=3)}, before, of_snapshots=True)
    assert failed(checks) == {"volume_is_possible", "null_shares_are_as_usual"}
    observed = f"{DAY}: 10 rows, median 1,450 of {months} earlier snapshots"
    assert checks["volume_is_possible"].observed == observed
    assert judged({DAY: slice_of(10)}, {}, of_snapshots=True)["volume_is_possible"].observed == NO_HISTORY
    few = {dt.date(2013, 9, 1): slice_of(1, distinct=30)}
    assert "volume_is_possible" not in failed(judged({DAY: slice_of(7, distinct=30)}, few, of_snapshots=True))


def test_within_a_range_later_dates_are_compared_with_earlier_ones():
    own = {DAY + STEP * number: slice_of(1000) for number in range(10)}
    own[DAY + 9 * STEP] = slice_of(10_000)
    check = judged(own, {})["volume_is_possible"]
    assert [example["batch_date"] for example in check.examples] == [str(DAY + 9 * STEP)]
    assert "1 of 7 batch dates" in check.observed


def test_a_volume_that_a_person_accepted_passes():
    thresholds = Thresholds(accepted_volumes={DAY: "the backlog of the strike, ticket 12"})
    checks = judged({DAY: slice_of(10_000)}, usual(), thresholds)
    assert failed(checks) == set()
    assert "accepted: the backlog of the strike" in checks["volume_is_possible"].observed


def test_small_counts_vary_without_a_warning():
    few_rows = {date: slice_of(4) for date in usual()}
    assert failed(judged({DAY: slice_of(9)}, few_rows)) == set()


def test_empty_slices_are_neither_judged_nor_history():
    empty = {date: slice_of(0) for date in usual()}
    assert failed(judged({DAY: slice_of(0)}, usual())) == set()
    assert judged({DAY: slice_of(10_000)}, empty)["volume_is_possible"].observed == NO_HISTORY


def test_a_jump_of_nulls_names_column_and_shares():
    check = judged({DAY: slice_of(1000, nulls=300)}, usual())["null_shares_are_as_usual"]
    assert not check.passed
    assert check.consequence == "warns"
    assert check.examples[0]["column"] == "origin"
    assert check.examples[0]["null share"] == 0.3


def test_a_column_that_is_never_the_same_has_more_room():
    restless = {date: slice_of(1000, nulls=date.day * 20) for date in usual()}
    assert judged({DAY: slice_of(1000, nulls=750)}, restless)["null_shares_are_as_usual"].passed


@pytest.mark.parametrize(
    ("before", "now", "passes"), [(30, 900, False), (300, 5, False), (300, 150, True), (1, 3, True)]
)
def test_a_jump_of_distinct_values(before, now, passes):
    history = {date: slice_of(1000, distinct=before) for date in usual()}
    check = judged({DAY: slice_of(1000, distinct=now)}, history)["distinct_counts_are_as_usual"]
    assert check.passed is passes


def test_keys_that_grow_with_the_rows_are_no_jump():
    checks = judged({DAY: slice_of(4000)}, usual())
    assert failed(checks) == {"volume_is_as_usual"}


def test_the_quarantine_is_not_judged():
    assert judged({DAY: slice_of(10_000)}, usual(), table=TABLE.model_copy(update={"name": "quarantine"})) == {}


def publish(profiles: dict) -> None:
    common = {"use_case": "flight_delays", "stage": "refine", "table_name": "silver.calls", "run_id": str(uuid.uuid4())}
    with ledger.attempt(common, {date: {} for date in profiles}) as record:
        record.audited("0" * 64, 0, None, profiles)
        record.delta_version = 0


def test_history_comes_from_what_was_published(home):
    before = {date: each for date, each in usual().items() if date >= DAY - 14 * STEP}
    publish(before)
    history = load_earlier(TABLE, BatchDates.of(DAY), {DAY: slice_of(1000)})
    assert history.profiles[DAY - 14 * STEP] == before[DAY - 14 * STEP]
    # Recent days and the weekdays of earlier weeks, and not all there is.
    assert len(history.profiles) == 1 + 7 + 1
    assert history.last(DAY) == (DAY - STEP, before[DAY - STEP])


def test_the_history_of_snapshots_are_the_newest_ones_that_were_published(home, monkeypatch):
    months = [dt.date(2013, month, 1) for month in range(1, 13)]
    before = {date: slice_of(1450) for date in months}
    publish(before)
    monkeypatch.setattr("expectations.earlier_profiles.lake.published_dates", lambda table: set(months))
    source = FileSource(file="calls.csv", format="csv", required=False)
    dates = BatchDates(dt.date(2013, 11, 2), dt.date(2013, 12, 1))
    history = load_earlier(TABLE.model_copy(update={"source": source}), dates, {months[11]: slice_of(1400)})
    assert sorted(history.profiles) == [*months[3:11], months[11]]
    assert history.last(months[11]) == (months[10], before[months[10]])
    assert [each["rows"] for each in history.alike(months[11])] == [1450] * Thresholds().recent_snapshots


def test_deliveries_that_are_not_daily_are_compared_with_those_before(home):
    weekly = Weekly(6)
    dates = [weekly.later(dt.date(2013, 10, 6), -each) for each in range(12)]
    publish({date: slice_of(1000 + number) for number, date in enumerate(dates[1:])})
    history = load_earlier(TABLE, BatchDates.of(dates[0], weekly), {dates[0]: slice_of(1400)})
    assert sorted(history.profiles) == sorted(dates[: Thresholds().recent.count + 1])
    assert [each["rows"] for each in history.alike(dates[0])] == [1000 + each for each in range(7)]
    assert compared_dates(dates[0], Thresholds(recent_days=20, history_at_least=2), weekly) == dates[1:3]


@pytest.fixture(scope="module")
def real_schedule(spark, tmp_path_factory):
    """Profiles of the sample's schedule of ten weeks, in one pass."""
    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.use_case import UseCase
    from use_cases.flight_delays import sample_source

    use_case, dates = (
        UseCase.load("flight_delays", get_settings()),
        BatchDates(dt.date(2013, 3, 1), dt.date(2013, 5, 10)),
    )
    landing = tmp_path_factory.mktemp("landing")
    sample_source.deliver(use_case, dates, Location.of(landing))
    declared = Catalog(use_case)["bronze.schedule"]
    table = declared.model_copy(update={"columns": declared.delivered_columns})
    schema = ", ".join(f"{column.name} {column.type}" for column in table.columns)
    files = [str(landing / use_case.name / str(date) / "schedule.csv") for date in dates]
    rows = spark.read.csv(files, schema=schema, header=True).selectExpr("flight_date AS batch_date", "*")
    return table, profile(rows, table, dates)


def test_no_false_alarm_over_real_days(real_schedule):
    table, profiles = real_schedule
    checks = judged(profiles, {}, table=table)
    assert json.dumps([check.examples for check in checks.values() if not check.passed]) == "[]"
    assert "of 68 batch dates" in checks["volume_is_possible"].observed
    assert "looks_like" not in json.dumps(list(profiles.values()))
