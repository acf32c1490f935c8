"""A profile tells of every column what the rows hold, and nothing of what no one may see."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import sys

import pytest

from expectations.earlier_profiles import History
from expectations.pages.data_docs import template
from expectations.pages.profile_page import filled_in
from expectations.profile import PROBABILITIES, profile, target_of
from expectations.unusual_slices import statistical_checks
from nightshift.dates import BatchDates
from nightshift.declarations.tables import REASONS, Column, Table
from nightshift.declarations.thresholds import Thresholds
from nightshift.declarations.use_case import UseCase
from nightshift.figures import from_json, to_json
from nightshift.home.settings import get_settings
from tests.declaring import a_table, column

DAY = dt.date(2013, 10, 1)
NEXT = DAY + dt.timedelta(days=1)
NIGHT = BatchDates.of(DAY)
MOST = sys.float_info.max


def table_of(*columns: Column, layer: str = "silver") -> Table:
    return a_table(*columns, use_case="flight_delays", layer=layer, name="calls")


def profiled(spark, table, rows, dates=NIGHT, target=None):
    made = profile(spark.createDataFrame(rows, table.ddl), table, dates, target)
    assert json.loads(json.dumps({str(date): each for date, each in made.items()}, allow_nan=False))
    return made


def test_numbers_have_exact_quantiles_while_there_are_few(spark):
    table = table_of(column("amount", "double"), column("count", "bigint"))
    rows = [(DAY, float(number), 2**60) for number in range(1, 42)]
    rows += [(DAY, None, None), (DAY, math.nan, None), (DAY, math.inf, None)]
    found = profiled(spark, table, rows)[DAY]
    amount = found["columns"]["amount"]
    assert found["rows"] == 44
    assert (amount["nulls"], amount["not_finite"], amount["min"], amount["max"], amount["mean"]) == (1, 2, 1, 41, 21)
    # 41 values and 41 probabilities: each quantile is one of the values, give or take one.
    assert len(amount["quantiles"]) == len(PROBABILITIES)
    assert all(abs(value - place - 1) <= 1 for place, value in enumerate(amount["quantiles"]))
    assert found["columns"]["count"]["nulls"] == 3
    assert found["columns"]["count"]["min"] == 2**60


def test_each_batch_date_has_a_profile_of_its_own(spark):
    table = table_of(column("amount", "int"))
    dates = BatchDates(DAY, NEXT + dt.timedelta(days=1))
    found = profiled(spark, table, [(DAY, 1), (DAY, 1), (NEXT, 5)], dates)
    assert [each["rows"] for each in found.values()] == [2, 1, 0]
    assert found[DAY]["columns"]["amount"]["max"] == 1
    assert found[NEXT]["columns"]["amount"]["max"] == 5
    assert found[dates.last]["columns"] == {}


def test_days_and_instants_are_numbers(spark):
    table = table_of(column("day", "date"), column("at", "timestamp"))
    found = profiled(spark, table, [(DAY, dt.date(1970, 1, 3), dt.datetime(1970, 1, 1, 1))])[DAY]["columns"]
    assert found["day"]["max"] == 2
    assert found["at"]["max"] == 3600


def test_only_frequent_values_of_text_are_kept(spark):
    table = table_of(column("origin", "string"), column("note", "string"))
    rows = [(DAY, "EWR" if number < 5 else "JFK\0", f"note {number}") for number in range(8)]
    found = profiled(spark, table, rows)[DAY]["columns"]
    assert found["origin"]["top"] == [["EWR", 5], ["JFK␀", 3]]
    assert found["note"]["top"] == []
    assert found["note"]["distinct"] == 8


def test_a_very_long_text_is_cut(spark):
    table = table_of(column("note", "string"))
    found = profiled(spark, table, [(DAY, "x" * 10_000_000)] * 2)[DAY]["columns"]["note"]
    assert found["length"]["max"] == 10_000_000
    assert found["top"] == [["x" * 80, 2]]


def test_no_value_of_personal_data_is_kept(spark):
    table = table_of(
        column("email", "string", pii="contact"),
        column("age", "int", pii="other", treatment="drop"),
        column("note", "string"),
        column("raw", "string"),
    )
    rows = [(DAY, "ann@example.org", 4711, "call bob@example.org", "4242 and more")] * 3
    found = profiled(spark, table, rows)[DAY]["columns"]
    assert found["email"] == {"type": "string", "nulls": 0, "distinct": 1, "pii": "contact"}
    assert found["age"] == {"type": "int", "nulls": 0, "distinct": 1, "pii": "other"}
    assert found["note"]["looks_like"] == {"email": 3}
    for secret in ("ann", "bob", "4711", "4242"):
        assert secret not in json.dumps(found)


def test_correlation_with_the_target(spark):
    table = table_of(
        column("is_late", "boolean"), column("delay", "int"), column("constant", "int"), column("is_on_time", "boolean")
    )
    rows = [(DAY, number % 2 == 0, 60 if number % 2 == 0 else 0, 1, number % 2 == 1) for number in range(10)]
    # Without a label, a row says nothing of the target.
    rows.append((DAY, None, -5000, 1, True))
    found = profiled(spark, table, rows, target="is_late")[DAY]["columns"]
    assert found["delay"]["correlation"] == pytest.approx(1)
    assert found["is_on_time"]["correlation"] == pytest.approx(-1)
    assert found["is_late"]["true"] == 5
    assert "correlation" not in found["constant"]
    assert "correlation" not in found["is_late"]


EDGES = {
    # What each column holds, on the day of it all and on the usual day after it.
    "most": ("double", [MOST, MOST, -MOST, MOST], [1.5, 2.5, 3.5, 4.5]),
    "spread": ("double", [-MOST, MOST, 0.0, -0.0], [1.0, 2.0, 3.0, 4.0]),
    "not_finite": ("double", [math.nan, math.inf, -math.inf, 1.0], [math.nan] * 4),
    "least": ("double", [5e-324, 1e-323, 5e-324, 0.0], [5e-324] * 4),
    "large": ("double", [1e200, 2e200, 3e200, 4e200], [1e-200, 2e-200, 3e-200, 4e-200]),
    "long": ("bigint", [2**63 - 1, -(2**63), 0, 2**63 - 1], [1, 2, 3, 4]),
    "constant": ("double", [MOST] * 4, [-MOST] * 4),
    "nothing": ("double", [None] * 4, [1.0, None, None, None]),
    "day": ("date", [dt.date.min, dt.date(1582, 10, 4), dt.date.max, None], [dt.date.max] * 4),
    "at": ("timestamp", [dt.datetime.min, dt.datetime.max, None, dt.datetime(1582, 10, 10)], [dt.datetime.max] * 4),
    "model_version": ("int", [1, 1, 1, 1], [7, 7, 7, 7]),
}


def test_values_at_the_edge_have_a_profile_a_page_and_a_day_after(spark):
    roles = {"model_version": "version"}
    columns = [column(name, kind, role=roles.get(name)) for name, (kind, *_) in EDGES.items()]
    table = table_of(column("is_late", "boolean"), *columns)
    rows = []
    for place, date in enumerate((DAY, NEXT), 1):
        values = zip(*(each[place] for each in EDGES.values()), strict=True)
        rows += [(date, number > 1, *each) for number, each in enumerate(values)]
    # As the ledger gives them back.
    made = profiled(spark, table, rows, BatchDates(DAY, NEXT), "is_late")
    found = {date: from_json(to_json(each)) for date, each in made.items()}
    odd = found[DAY]["columns"]
    assert (odd["most"]["max"], odd["most"]["mean"], odd["most"]["stddev"]) == (1.797693e308, None, None)
    assert {name for name in odd if "correlation" in odd[name]} == {"long", "day", "at"}
    assert (odd["day"]["min"], odd["day"]["max"]) == (-719162, 2932896)
    assert (odd["at"]["min"], odd["at"]["max"]) == (-62135596800, 253402300799)
    assert odd["model_version"]["top"] == [["1", 4]]
    for before, now in ((found[DAY], found[NEXT]), (found[NEXT], found[DAY])):
        history = History({DAY: before}, Thresholds(column_history_at_least=1, history_at_least=1))
        checks = list(statistical_checks(table, {NEXT: now}, history))
        assert [check.name for check in checks if not check.passed] == ["null_shares_are_as_usual"]
        shown = filled_in(table, {NEXT: now}, history)
        assert "model_version" not in [each["declared"].name for each in shown["moved"]]
        page = template("profile.html.j2").render(
            **shown, table=table, dates=NIGHT, attempt=1, blocked=False, checks=[], audit_page="", index_page=""
        )
        assert "mean</span> –" in page
        assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize(
    ("kind", "is_target"), [("boolean", True), ("double", True), ("int", True), ("string", False), ("date", False)]
)
def test_only_a_number_or_a_boolean_is_taken_for_the_target(kind, is_target):
    name = UseCase.load("flight_delays", get_settings()).target.column
    assert target_of(table_of(column("flight", "int"), column(name, kind))) == (name if is_target else None)


def test_sketches_are_close_on_many_rows(spark):
    table = table_of(column("key", "bigint"), column("group", "string"))
    rows = spark.range(50_000).selectExpr(
        f"DATE'{DAY}' AS batch_date", "id AS key", "concat('group ', id % 7) AS `group`"
    )
    found = profile(rows, table, NIGHT)[DAY]["columns"]
    assert found["key"]["distinct"] == pytest.approx(50_000, rel=0.05)
    assert found["key"]["quantiles"][20] == pytest.approx(25_000, rel=0.02)
    assert sum(count for _, count in found["group"]["top"]) == 50_000


def test_one_job_however_many_columns(spark):
    table = table_of(*(column(f"column_{number}", "int") for number in range(60)))
    rows = spark.createDataFrame([(DAY, *range(60))] * 3, table.ddl)
    tracker = spark.sparkContext.statusTracker()
    spark.sparkContext.setJobGroup("profile", "profile")
    try:
        found = profile(rows, table, NIGHT)
        # Adaptive execution counts the stage before the shuffle as a job.
        assert len(tracker.getJobIdsForGroup("profile")) <= 2
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
    assert len(found[DAY]["columns"]) == 60


def test_of_reasons_their_number_is_told(spark):
    table = table_of(column("call", "int"), column("reasons", REASONS), layer="gold")
    reason = ("age", "31", 0.5, "is young")
    rows = [(DAY, 1, [reason]), (DAY, 2, [reason, reason, reason]), (DAY, 3, []), (DAY, 4, None)]
    found = profiled(spark, table, rows)[DAY]["columns"]["reasons"]
    assert (found["type"], found["nulls"], found["min"], found["max"]) == (REASONS, 1, 0, 3)
    assert "top" not in found
