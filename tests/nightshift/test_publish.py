"""Write, audit, publish: what readers see, and what the ledger says of it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from nightshift import lake, ledger
from nightshift.audit import AuditError, AuditReport, Check
from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.job import EXIT_REFUSED, Job, run_job
from nightshift.publish import Accounting, publish
from nightshift.tables import Column, Table
from nightshift.use_case import UseCase

FIRST, SECOND, THIRD = (dt.date(2013, 10, day) for day in (1, 2, 3))
TABLE = Table.model_validate(
    {
        "use_case": "flight_delays",
        "layer": "silver",
        "name": "things",
        "description": "Things.",
        "grain": "one row per thing",
        "keys": ["thing"],
        "owner": "tests",
        "columns": [
            {"name": "thing", "type": "string", "required": True, "description": "A thing."},
            {"name": "size", "type": "int", "description": "Its size."},
        ],
    }
)


def passes(rows, table, dates, expected_rows) -> AuditReport:
    return AuditReport((Check("anything_goes", "blocks", "a test", passed=True),))


def blocks(rows, table, dates, expected_rows) -> AuditReport:
    return AuditReport(
        (Check("nothing_goes", "blocks", "a test", passed=False, failed_rows=2, examples=[{"thing": "a"}]),)
    )


@pytest.fixture
def job(home) -> Job:
    return Job("refine", UseCase.load("flight_delays"), None, BatchDates(FIRST, SECOND), "test")


def things(spark, *rows):
    return spark.createDataFrame(rows, TABLE.ddl)


def visible() -> list[dict]:
    """The published rows, by a reader that is not Spark."""
    rows = DeltaTable(TABLE.path).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["batch_date"], row["thing"]))


def test_a_slice_replaces_exactly_its_own_dates(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1), (SECOND, "b", 2)), audit=passes)
    later = Job(job.stage, job.use_case, None, BatchDates.of(THIRD), "later")
    publish(later, TABLE, things(spark, (THIRD, "c", 3)), audit=passes)
    published = publish(job, TABLE, things(spark, (FIRST, "a", 9)), audit=passes)
    assert visible() == [
        {"batch_date": FIRST, "thing": "a", "size": 9},  # replaced; the second date's row is gone
        {"batch_date": THIRD, "thing": "c", "size": 3},  # not asked, not touched
    ]
    assert published.rows == {FIRST: 1, SECOND: 0}
    assert published.version == 2


def test_a_failed_audit_leaves_the_table_as_it_was(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    before = visible(), DeltaTable(TABLE.path).version()
    with pytest.raises(AuditError) as refused:
        publish(job, TABLE, things(spark, (FIRST, "bad", 1)), audit=blocks)
    assert (visible(), DeltaTable(TABLE.path).version()) == before
    message = str(refused.value)
    assert "silver/flight_delays/things 2013-10-01..2013-10-02" in message
    assert "nothing_goes (blocks, 2 rows)" in message
    assert 'example: {"thing": "a"}' in message
    assert "next: " in message
    assert not list(job_stages())


def test_an_audit_that_raises_publishes_nothing(spark, job):
    def breaks(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=breaks)
    assert not TABLE.exists()
    assert entry(FIRST).status == "failed"


def test_a_stage_changed_after_its_audit_is_refused(spark, job):
    def tampers(rows, table, dates, expected_rows):
        next(job_stages()).write_bytes(b"something else")
        return passes(rows, table, dates, expected_rows)

    with pytest.raises(NightshiftError, match="changed after its audit"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=tampers)
    assert not TABLE.exists()


def test_rows_that_do_not_balance_are_refused(spark, job):
    accounting = Accounting(rows_in={FIRST: 4}, quarantined={FIRST: 1}, deduplicated={FIRST: 1})
    with pytest.raises(NightshiftError, match="2013-10-01: 4 in, 1 to publish, 1 quarantined, 1 deduplicated"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes, accounting=accounting)
    assert not TABLE.exists()


def test_rows_of_another_date_are_refused(spark, job):
    with pytest.raises(NightshiftError, match="rows of other batch dates"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1), (THIRD, "c", 1)), audit=passes)
    assert not TABLE.exists()


def test_the_ledger_has_one_row_per_attempt_and_date(spark, job):
    accounting = Accounting(rows_in={FIRST: 3, SECOND: 1}, quarantined={FIRST: 1}, deduplicated={SECOND: 1})
    publish(job, TABLE, things(spark, (FIRST, "a", 1), (FIRST, "b", 1)), audit=passes, accounting=accounting)
    first, second = entry(FIRST), entry(SECOND)
    assert (first.rows_in, first.rows_published, first.rows_quarantined, first.rows_deduplicated) == (3, 2, 1, 0)
    assert (second.rows_in, second.rows_published, second.rows_quarantined, second.rows_deduplicated) == (1, 0, 0, 1)
    assert (first.status, first.run_id, first.table_name) == ("published", "test", "silver.things")
    assert first.attempt_id == second.attempt_id
    assert first.delta_version == 0
    assert first.seconds > 0


def test_a_lake_below_any_folder_name_can_be_read(spark, job, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "a {b} [c] ü*"))
    lake.get_settings.cache_clear()
    publish(job, TABLE, things(spark, (FIRST, "a", 1), (SECOND, "b", 2)), audit=passes)
    assert [row.thing for row in lake.read(spark, TABLE, BatchDates.of(SECOND)).collect()] == ["b"]
    assert lake.rows_by_date(TABLE, job.dates) == {FIRST: 1, SECOND: 1}


def test_a_column_that_changed_its_type_is_refused(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    columns = [column.model_copy(update={"type": "string"}) for column in TABLE.columns]
    changed = TABLE.model_copy(update={"columns": tuple(columns)})
    with pytest.raises(NightshiftError, match="column size of type integer, and is declared with type string"):
        publish(job, changed, spark.createDataFrame([(FIRST, "a", "1")], changed.ddl), audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 1}]


def test_a_new_column_is_null_in_what_was_published_before(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    added = Column(name="colour", type="string", description="Its colour.")
    wider = TABLE.model_copy(update={"columns": (*TABLE.columns, added)})
    later = Job(job.stage, job.use_case, None, BatchDates.of(THIRD), "later")
    publish(later, wider, spark.createDataFrame([(THIRD, "c", 3, "red")], wider.ddl), audit=passes)
    colours = {row.thing: row.colour for row in lake.read(spark, wider).collect()}
    assert colours == {"a": None, "c": "red"}
    assert [row.get("colour") for row in visible()] == [None, "red"]


def test_a_stage_that_is_refused_before_any_table_is_in_the_ledger(home):
    def refuses(job, arguments):
        raise NightshiftError("the delivery is broken")

    argv = ["--use-case", "flight_delays", "--dates", "2013-10-01..2013-10-02", "--run-id", "night"]
    assert run_job("land", "A job.", refuses, argv=argv) == EXIT_REFUSED
    entries = [each for each in ledger.latest("flight_delays", SECOND) if each.run_id == "night"]
    assert [(each.table_name, each.status, each.message) for each in entries] == [
        ("land", "refused", "the delivery is broken")
    ]


def test_the_commit_names_run_code_and_stage(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    note = json.loads(DeltaTable(TABLE.path).history(1)[0]["userMetadata"])
    assert note["run"] == "test"
    assert len(note["stage_sha256"]) == 64
    assert note["code"]


def entry(date: dt.date) -> ledger.Entry:
    return next(each for each in ledger.latest("flight_delays", date) if each.table_name == "silver.things")


def job_stages():
    return (path for path in Path(lake.get_settings().staging).rglob("*.parquet"))
