"""A label that comes by maturity: the newest statement up to it counts, and nothing that nobody knew then."""

import datetime as dt
import logging
from dataclasses import replace

import pyarrow as pa
import pytest

from nightshift import lake
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ledger.label_maturity import recorded
from training.data.declaration_checks import LABEL, WEIGHT
from training.data.labels import LabelDates, labelled
from training.data.point_in_time_rows import Rows, read
from training.data.refusals import refuse_unmatured
from training.train import record_maturity

BY_MATURITY = {"arrives": "by_maturity"}
STATUS = "\n      - {name: status, type: string, description: Where it stands.}"
ENDED = "\n      - {name: ended_at, type: timestamp, description: When it ended.}"


def january(day):
    return dt.date(2024, 1, day)


def on_the_ninth(job):
    """The job for that batch date alone, before which there are others."""
    return replace(job, dates=job.dates.between(january(9), january(9)))


@pytest.fixture
def lake_of(spark):
    """Writes features of cases, as (day of January, id), and what deliveries say, as (day of January, id, …)."""

    def write(job, cases, *said, mode="error"):
        for name, rows in (
            ("gold.features", [(january(day), number, 1.0, 0.0, "a", "north", "f") for day, number in cases]),
            ("silver.results", [(january(day), *values) for day, *values in said]),
        ):
            table = job.catalog[name]
            if rows:
                frame = spark.createDataFrame(rows, table.ddl).write.format("delta").mode(mode)
                frame.partitionBy("batch_date").save(str(table.location.path))

    return write


def with_column(job, declared):
    """The job with one more column in the table of results."""
    file = job.use_case.folder / "tables.yaml"
    file.write_text(file.read_text().rstrip() + declared + "\n")
    use_case = UseCase.load(job.use_case.name, get_settings())
    return replace(job, use_case=use_case, catalog=Catalog(use_case))


def labels(rows):
    return {(row["batch_date"].day, row["id"]): row[LABEL] for row in rows.table.to_pylist()}


CASES = [(9, number) for number in range(1, 12)]
SAID = [
    (10, 1, 1),  # known early
    (10, 2, None),
    (12, 2, 0),  # known on the last day
    (11, 3, 1),
    (12, 3, 0),  # corrected
    (13, 4, 1),  # too late
    (9, 5, 1),  # known when it was to be scored
    (8, 6, 1),
    (11, 6, 0),  # known before it was to be scored
    (10, 7, 1),
    (11, 7, None),  # taken back
    (8, 8, None),
    (11, 8, 1),  # was open when it was to be scored
    (1, 10, 1),  # known long before
    (1, 11, 1),
    (2, 11, None),  # taken back long before
]


@pytest.mark.parametrize(("task", "kind"), [("binary", bool), ("regression", float)])
def test_the_newest_statement_after_the_batch_date_and_up_to_maturity_counts(spark, toy, lake_of, caplog, task, kind):
    job = on_the_ninth(toy(task=task, maturity_days=3, target=BY_MATURITY))
    lake_of(job, CASES, *((day, number, value if value is None else kind(value)) for day, number, value in SAID))
    with caplog.at_level(logging.INFO, "nightshift"):
        rows = read(spark, job.catalog, job.dates)
    assert labels(rows) == {(9, 1): 1.0, (9, 2): 0.0, (9, 3): 0.0, (9, 8): 1.0}
    assert rows.coverage == {january(9): (8, 4)}
    assert (rows.known_before, rows.left_out) == (3, ())
    assert "left out: 3 rows whose outcome had come with their own delivery or before it" in caplog.text
    assert "the label of 2 rows was corrected by a later delivery" in caplog.text
    assert set(rows.table.column_names) == {"batch_date", "id", "signal", "other", "kind", LABEL, WEIGHT}


@pytest.mark.parametrize("max_rows", [1_000_000, 7])
def test_before_maturity_a_date_counts_only_whole_and_at_maturity_an_unknown_label_is_what_is_declared(
    spark, toy, lake_of, caplog, max_rows
):
    job = toy(days=4, maturity_days=3, max_rows=max_rows, target={**BY_MATURITY, "if_unknown": False})
    cases = [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (4, 7), (4, 8)]
    # The deliveries of 5 January and later, with which the labels of 2 to 4 January are complete, are not there.
    lake_of(job, cases, (1, 3, True), (2, 1, True), (3, 4, True), (4, 6, True))
    rows = read(spark, job.catalog, job.dates)
    assert labels(rows) == {(1, 1): 1.0, (1, 2): 0.0, (3, 6): 1.0}
    assert set(rows.table[WEIGHT].to_pylist()) == {1.0}
    assert rows.coverage == {january(1): (2, 2), january(2): (2, 0), january(3): (1, 1), january(4): (2, 0)}
    assert rows.came == {january(1): 1, january(2): 1, january(3): 1, january(4): 0}
    assert rows.left_out == (january(2),)
    assert "2024-01-02 (1 of 2 known)" in caplog.text


def test_a_delivery_that_is_missing_on_the_way_to_maturity_may_still_bring_labels(spark, toy, lake_of):
    job = toy(days=1, maturity_days=3, target={**BY_MATURITY, "if_unknown": False})
    lake_of(job, [(1, 1), (1, 2)], (2, 1, True), (4, 9, True))
    rows = read(spark, job.catalog, job.dates)
    assert (labels(rows), rows.left_out) == ({}, (january(1),))


def test_what_comes_after_the_last_label_changes_nothing(spark, toy, lake_of):
    job = toy(days=2, maturity_days=2, target=BY_MATURITY)
    lake_of(job, [(1, 1), (1, 2), (2, 3), (2, 4)], (2, 1, True), (3, 2, False), (4, 3, True))
    before = read(spark, job.catalog, job.dates)
    changed = [(day, number, value) for day in (5, 6) for number in range(1, 5) for value in (number == 2,)]
    lake_of(job, [], *changed, mode="append")
    after = read(spark, job.catalog, job.dates)
    assert labels(before) == labels(after) == {(1, 1): 1.0, (1, 2): 0.0, (2, 3): 1.0}
    assert before.coverage == after.coverage


def test_what_a_version_said_of_a_label_stays_readable_when_it_is_corrected(spark, toy, lake_of):
    job = toy(days=1, target=BY_MATURITY)
    lake_of(job, [(1, 1)], (2, 1, True), (3, 9, True))
    lake_of(job, [], (2, 1, False), (3, 9, True), mode="overwrite")

    def said(version):
        dates = LabelDates.of(job.catalog, job.dates, version)
        features = lake.read(spark, job.catalog["gold.features"], job.dates)
        return [row[LABEL] for row in labelled(spark, features, job.catalog, dates, version)[0].collect()]

    assert (said(0), said(1)) == ([1.0], [0.0])


@pytest.mark.parametrize("arrives", ["by_maturity", "at_maturity"])
def test_a_status_says_when_a_label_is_known_and_the_others_are_no_negatives(spark, toy, lake_of, arrives):
    job = toy(days=1, target={"arrives": arrives, "known_when": "status IN ('repaid', 'defaulted')"})
    job = with_column(job, STATUS)
    said = [(3, 1, True, "defaulted"), (3, 2, False, "repaid"), (3, 3, False, "open"), (2, 4, False, "repaid")]
    lake_of(job, [(1, number) for number in range(1, 5)], *said)
    known = {(1, 1): 1.0, (1, 2): 0.0, **({(1, 4): 0.0} if arrives == "by_maturity" else {})}
    assert labels(read(spark, job.catalog, job.dates)) == known


def test_an_event_that_lies_after_its_delivery_is_not_known_yet(spark, toy, lake_of):
    job = toy(days=1, target={**BY_MATURITY, "known_when": "ended_at < batch_date"})
    job = with_column(job, ENDED)
    noon = dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC)
    lake_of(job, [(1, 1), (1, 2)], (2, 1, True, noon), (2, 2, True, noon), (3, 2, True, noon))
    assert labels(read(spark, job.catalog, job.dates)) == {(1, 2): 1.0}


def test_a_label_that_comes_twice_and_differs_is_refused(spark, toy, lake_of):
    job = toy(days=1, target=BY_MATURITY)
    lake_of(job, [(1, 1), (1, 2)], (2, 1, True), (2, 1, False), (3, 2, True), (3, 2, True))
    with pytest.raises(NightshiftError, match=r"1 row of gold/.* two labels that differ in one delivery of silver"):
        read(spark, job.catalog, job.dates)


def test_a_range_of_which_no_label_came_names_the_dates_that_can_be_trained_on(spark, toy, lake_of):
    job = toy(days=3, maturity_days=10)
    lake_of(job, [(1, 1), (2, 2), (3, 3)], (3, 1, True))
    with pytest.raises(NightshiftError, match=r"with a delivery on 2024-01-11 .* before a delivery on 2024-01-11"):
        read(spark, job.catalog, job.dates)
    late = replace(job, dates=job.dates.between(january(3), january(3)))
    lake_of(job, [], (12, 1, True), mode="append")
    with pytest.raises(NightshiftError, match=r"batch dates from 2024-01-01 to 2024-01-02 can be trained on"):
        read(spark, job.catalog, late.dates)


def test_cases_that_were_all_known_before_are_refused_with_what_to_do(spark, toy, lake_of):
    job = toy(days=1, target=BY_MATURITY)
    lake_of(job, [(1, 1), (1, 2)], (1, 1, True), (1, 2, False), (3, 2, False))
    with pytest.raises(NightshiftError, match=r"of 2 rows, none has .* 2 had come .* `arrives: at_maturity`"):
        refuse_unmatured(read(spark, job.catalog, job.dates), job.use_case)


def test_deliveries_that_speak_of_other_cases_label_none(spark, toy, lake_of):
    job = toy(days=1, target=BY_MATURITY)
    lake_of(job, [(1, 1)], (2, 9, True), (3, 9, True))
    with pytest.raises(NightshiftError, match=r"of 1 row, none has a matured label: the label of D comes by the"):
        refuse_unmatured(read(spark, job.catalog, job.dates), job.use_case)


@pytest.mark.parametrize(
    ("task", "target", "said"),
    [
        ("binary", {"known_when": "stat = 1"}, r"target\.known_when: stat is no column; there are batch_date, happen"),
        ("binary", {"known_when": "max(id) > 1"}, r"target\.known_when: .* looks at more than one row"),
        ("binary", {"known_when": "100 / id > 1"}, r"target\.known_when: 100 / id would end the run"),
        ("binary", {"if_unknown": 0}, r"target\.if_unknown: happened of silver/.* is a boolean, and 0 is none"),
        ("regression", {"known_when": "now() > batch_date"}, r"target\.known_when: .* differs from run to run"),
    ],
)
def test_what_a_target_declares_is_checked_against_its_table(toy, task, target, said):
    with pytest.raises(NightshiftError, match=said):
        read(None, toy(task=task, target=target).catalog, None)


def test_the_ledger_keeps_how_many_labels_of_each_date_have_matured(toy):
    job = toy(maturity_days=3, target=BY_MATURITY)
    coverage, came = {january(1): (10, 9), january(2): (10, 0)}, {january(1): 8, january(2): 4}
    label = job.catalog["silver.results"].label
    for _ in range(2):
        record_maturity(job, Rows(pa.table({}), {label: 5}, 1.0, coverage, came, (january(2),)))
    found = {(each.batch_date.day, each.labels_due.day): each for each in recorded(job.use_case.name)}
    assert {days: (each.rows, each.known, each.matured) for days, each in found.items()} == {
        (1, 4): (10, 8, 9),
        (2, 5): (10, 4, 0),
    }
    assert {(each.label_table_version, each.run_id) for each in found.values()} == {(5, "test")}
