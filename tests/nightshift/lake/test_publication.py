"""Write, audit, publish: what readers see, and what the ledger says of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Column
from nightshift.declarations.use_case import UseCase
from nightshift.errors import EXIT_FINAL, ConflictError, DatabaseUnreachableError, NightshiftError, OvertakenError
from nightshift.home.settings import get_settings
from nightshift.job import Job, run_job
from nightshift.lake import delta_commit, delta_log
from nightshift.lake.audit_report import AuditError, AuditReport, Check
from nightshift.lake.publication import Slice, publish, publish_all
from nightshift.lake.recovery import recover
from nightshift.ledger import Input, attempts
from nightshift.ledger.attempts import reconcile
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.ledger.open_stages import open_attempts
from nightshift.ledger.row_accounting import Accounting
from tests.declaring import a_table, column
from tests.nightshift.cut_connections import cut_the_locks

FIRST, SECOND, THIRD = (dt.date(2013, 10, day) for day in (1, 2, 3))
TABLE = a_table(column("thing", required=True), column("size", "int"), use_case="flight_delays")


def passes(rows, table, dates, expected_rows) -> AuditReport:
    return AuditReport((Check("anything_goes", "blocks", "a test", passed=True),))


def blocks(rows, table, dates, expected_rows) -> AuditReport:
    return AuditReport(
        (Check("nothing_goes", "blocks", "a test", passed=False, failed_rows=2, examples=[{"thing": "a"}]),)
    )


@pytest.fixture
def job(home) -> Job:
    return Job("refine", UseCase.load("flight_delays", get_settings()), None, BatchDates(FIRST, SECOND), "test")


def things(spark, *rows):
    return spark.createDataFrame(rows, TABLE.ddl)


def visible() -> list[dict]:
    """The published rows, by a reader that is not Spark."""
    rows = DeltaTable(TABLE.location.path).to_pyarrow_table().to_pylist()
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
    before = visible(), DeltaTable(TABLE.location.path).version()
    with pytest.raises(AuditError) as refused:
        publish(job, TABLE, things(spark, (FIRST, "bad", 1)), audit=blocks)
    assert (visible(), DeltaTable(TABLE.location.path).version()) == before
    message = str(refused.value)
    assert "silver/flight_delays/things 2013-10-01..2013-10-02" in message
    assert "nothing_goes (blocks, 2 rows)" in message
    assert 'example: {"thing": "a"}' in message
    assert "next: " in message
    assert len(list(job_stages())) == 1, "that of the published version"


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

    with pytest.raises(NightshiftError, match="changed after it was written"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=tampers)
    assert not TABLE.exists()


@pytest.mark.parametrize("comes", ["changed", "new"])
def test_a_stage_that_was_pinned_before_is_published_as_it_was_then_or_not_at_all(spark, job, comes):
    pinned = lake.stage(things(spark, (FIRST, "a", 1)), TABLE, job.dates)
    (file,) = pinned.files
    path = file.location.path
    other = things(spark, (FIRST, "b", 2)).select("thing", "size").toArrow()
    pq.write_table(other, path if comes == "changed" else path.with_name("another.parquet"))
    path.with_name(f".{path.name}.crc").unlink()
    with pytest.raises(NightshiftError, match="changed after it was written"):
        publish(job, TABLE, pinned, audit=passes)
    assert not TABLE.exists()
    assert not list(job_stages())

    again = lake.stage(things(spark, (FIRST, "a", 1)), TABLE, job.dates)
    publish(job, TABLE, again, audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 1}]
    assert entry(FIRST).stage_sha256 == again.digest


def test_an_audit_that_cannot_read_a_changed_stage_says_that_it_changed(spark, job):
    def reads(rows, table, dates, expected_rows):
        path = next(job_stages())
        path.with_name(f".{path.name}.crc").unlink()
        path.write_bytes(b"something else")
        rows.collect()
        return passes(rows, table, dates, expected_rows)

    with pytest.raises(NightshiftError, match="changed after it was written"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=reads)
    assert entry(FIRST).status == "refused"


def test_rows_that_do_not_balance_are_refused(spark, job):
    accounting = Accounting({FIRST: [Input("file", "things.csv", "ab12", 4, quarantined=1, deduplicated=1)]})
    with pytest.raises(NightshiftError, match="2013-10-01: 4 in, 1 to publish, 1 quarantined, 1 deduplicated"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes, accounting=accounting)
    assert not TABLE.exists()


def test_rows_of_another_date_are_refused(spark, job):
    with pytest.raises(NightshiftError, match="rows of other batch dates"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1), (THIRD, "c", 1)), audit=passes)
    assert not TABLE.exists()


def test_the_ledger_has_one_row_per_attempt_and_date(spark, job):
    inputs = {
        FIRST: [Input("file", "a.csv", "ab12", 2), Input("file", "b.csv", "cd34", 1, quarantined=1)],
        SECOND: [Input("file", "a.csv", "ef56", 1, deduplicated=1)],
    }
    accounting = Accounting(inputs)
    publish(job, TABLE, things(spark, (FIRST, "a", 1), (FIRST, "b", 1)), audit=passes, accounting=accounting)
    first, second = entry(FIRST), entry(SECOND)
    assert (first.rows_in, first.rows_published, first.rows_quarantined, first.rows_deduplicated) == (3, 2, 1, 0)
    assert (second.rows_in, second.rows_published, second.rows_quarantined, second.rows_deduplicated) == (1, 0, 0, 1)
    assert (first.status, first.run_id, first.table_name) == ("published", "test", "silver.things")
    assert first.attempt_id == second.attempt_id
    assert first.delta_version == 0
    assert first.seconds > 0
    assert (ledger.inputs(first), ledger.inputs(second)) == (inputs[FIRST], inputs[SECOND])


def test_a_lake_below_any_folder_name_can_be_read(spark, job, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "a {b} [c] ü*"))
    get_settings.cache_clear()
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
    begun = []

    def refuses(job, arguments):
        begun.append(job.began)
        raise NightshiftError("the delivery is broken")

    argv = ["--use-case", "flight_delays", "--dates", "2013-10-01..2013-10-02", "--run-id", "night"]
    assert run_job("land", "A job.", refuses, argv=argv) == EXIT_FINAL
    entries = [each for each in ledger.latest("flight_delays", SECOND) if each.run_id == "night"]
    assert [(each.table_name, each.status, each.message) for each in entries] == [
        ("land", "refused", "the delivery is broken")
    ]
    assert begun == [entries[0].id - 1]  # that of the first date


def test_the_commit_names_run_code_sources_and_stage(spark, job):
    accounting = Accounting({FIRST: [Input("file", "a.csv", "ab12", 1)]})
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes, accounting=accounting)
    note = json.loads(DeltaTable(TABLE.location.path).history(1)[0]["userMetadata"])
    assert note["run"] == "test"
    assert note["sources"] == ["a.csv@ab12"]
    assert note["stage_sha256"] == entry(FIRST).stage_sha256
    assert note["code"]


def test_the_profile_of_what_is_visible_is_kept(spark, job):
    def profiled(rows, table, dates, expected_rows, says="first"):
        return AuditReport(passes(rows, table, dates, expected_rows).checks, profiles={FIRST: {"says": says}})

    def refuses(rows, table, dates, expected_rows):
        return AuditReport(blocks(rows, table, dates, expected_rows).checks, profiles={FIRST: {"says": "refused"}})

    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=profiled)
    with pytest.raises(AuditError):
        publish(job, TABLE, things(spark, (FIRST, "a", 2)), audit=refuses)
    assert ledger.profiles("flight_delays", "silver.things", job.dates) == {FIRST: {"says": "first"}}


def test_a_column_that_was_another_keeps_the_values_of_older_dates(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    old = TABLE.columns[1].model_copy(update={"until": 2})
    new = Column(name="length", type="double", description="Its length.", since=2, was="size")
    second = TABLE.model_copy(update={"columns": (TABLE.columns[0], old, new), "version": 2})
    later = Job(job.stage, job.use_case, None, BatchDates.of(THIRD), "later")
    publish(later, second, spark.createDataFrame([(THIRD, "c", None, 3.5)], second.ddl), audit=passes)
    lengths = {row.thing: row.length for row in lake.read(spark, second).collect()}
    assert lengths == {"a": 1.0, "c": 3.5}
    assert len(DeltaTable(TABLE.location.path).history()) == 2, "history was not rewritten"


def test_a_slice_is_published_even_if_what_follows_its_commit_fails(spark, job, monkeypatch):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)

    committed = DeltaTable.create_write_transaction

    def breaks(*arguments, **options):
        committed(*arguments, **options)
        raise OSError("no space left for a checkpoint")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", breaks)
    publish(job, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]
    assert (entry(FIRST).status, entry(FIRST).delta_version, entry(FIRST).rows_published) == ("published", 1, 1)


def test_an_attempt_that_a_later_one_overtook_leaves_its_rows_alone(spark, job):
    def meanwhile(rows, table, dates, expected_rows):
        publish(job, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
        return passes(rows, table, dates, expected_rows)

    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=meanwhile)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]
    assert [each.status for each in every_entry(FIRST)] == ["overtaken", "published"]


def test_a_range_of_which_another_run_published_a_part_is_refused_and_not_lost_in_silence(spark, job):
    one = dataclasses.replace(job, dates=BatchDates.of(FIRST), run_id="one")

    def meanwhile(rows, table, dates, expected_rows):
        publish(one, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
        return passes(rows, table, dates, expected_rows)

    with pytest.raises(NightshiftError, match=r"(?s)run one has published silver.things of 2013-10-01 while .* -m "):
        publish(job, TABLE, things(spark, (FIRST, "a", 1), (SECOND, "b", 1)), audit=meanwhile)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]
    assert entry(SECOND).status == "refused"


def test_what_a_job_read_that_began_earlier_does_not_replace_what_a_later_one_read(spark, job):
    """It opened its entry last, as dbt took long to compute what it publishes."""
    early, late = (dataclasses.replace(job, run_id=name, began=began) for name, began in (("early", 1), ("late", 2)))
    publish(late, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
    publish(early, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]
    assert [each.status for each in every_entry(FIRST)] == ["published", "overtaken"]

    def meanwhile(rows, table, dates, expected_rows):
        publish(dataclasses.replace(early, began=3), TABLE, things(spark, (SECOND, "b", 1)), audit=passes)
        return passes(rows, table, dates, expected_rows)

    publish(dataclasses.replace(late, began=4), TABLE, things(spark, (SECOND, "b", 2)), audit=meanwhile)
    assert visible() == [{"batch_date": SECOND, "thing": "b", "size": 2}]
    assert entry(SECOND).run_id == "late", "the ledger's newest entry is what readers see"


def test_what_was_computed_before_a_person_was_erased_is_refused_and_not_lost_in_silence(spark, job):
    erasure = dataclasses.replace(job, stage="erase", run_id="erasure")
    publish(erasure, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
    with pytest.raises(OvertakenError, match="run erasure has published"):
        publish(dataclasses.replace(job, began=0), TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]


def test_an_attempt_whose_lock_is_cut_goes_on_where_nobody_took_it_for_dead(spark, job):
    def cut(rows, table, dates, expected_rows):
        cut_the_locks()
        return passes(rows, table, dates, expected_rows)

    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=cut)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 1}]
    assert entry(FIRST).status == "published"


def test_an_attempt_whose_lock_is_cut_and_that_was_taken_for_dead_publishes_nothing(spark, job):
    def cut(rows, table, dates, expected_rows):
        cut_the_locks()
        recover("flight_delays", TABLE)
        return passes(rows, table, dates, expected_rows)

    with pytest.raises(ConflictError, match="took it for dead"):
        publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=cut)
    assert not TABLE.exists()


@pytest.mark.parametrize("new", [True, False], ids=["new table", "table with the slice"])
@pytest.mark.parametrize(
    ("moment", "said"), [("_flush", "took it for dead"), ("refuse_lost", "became version")], ids=["early", "late"]
)
def test_an_older_run_whose_locks_are_cut_between_ledger_and_commit_publishes_nothing(
    spark, job, monkeypatch, new, moment, said
):
    if not new:
        publish(job, TABLE, things(spark, (FIRST, "a", 0)), audit=passes)
    # The table's turn is lost right after it was asked for, like the attempt's lock.
    asked = delta_commit._flush
    monkeypatch.setattr(delta_commit, "refuse_lost", lambda: None)

    def newer_first(*arguments):
        monkeypatch.setattr(delta_commit, "refuse_lost", lambda: None)
        monkeypatch.setattr(delta_commit, "_flush", asked)
        cut_the_locks()
        newer = dataclasses.replace(job, run_id="newer")
        publish(newer, TABLE, things(spark, (FIRST, "a", 2), (SECOND, "b", 2)), audit=passes)

    monkeypatch.setattr(delta_commit, moment, newer_first)
    with pytest.raises(ConflictError, match=said):
        publish(job, TABLE, things(spark, (FIRST, "a", 1), (SECOND, "b", 1)), audit=passes)
    assert visible() == [
        {"batch_date": FIRST, "thing": "a", "size": 2},
        {"batch_date": SECOND, "thing": "b", "size": 2},
    ]
    assert entry(FIRST).run_id == "newer"
    assert unnamed() == (set() if new else named_by(0)), "of the older run nothing is left"
    assert open_attempts(TABLE.use_case, TABLE.short_name) == []


@pytest.mark.parametrize("new", [True, False], ids=["new table", "table with the slice"])
def test_who_loses_the_turn_at_a_table_right_before_the_commit_publishes_nothing(spark, job, monkeypatch, new):
    if not new:
        publish(job, TABLE, things(spark, (FIRST, "a", 0)), audit=passes)
    before = visible() if TABLE.exists() else None
    named = delta_commit._add_action

    def cut(*arguments):
        cut_the_locks()
        return named(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(delta_commit, "_add_action", cut)
        with pytest.raises(DatabaseUnreachableError, match="lost while writing silver/flight_delays/things, "):
            publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    assert (visible() if TABLE.exists() else None) == before
    assert entry(FIRST).status == "failed"
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 1}]


def test_who_loses_the_turn_at_a_table_removes_no_file_of_it(spark, job, monkeypatch):
    publish(job, TABLE, things(spark, (FIRST, "a", 0)), audit=passes)
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    files, snapshot = set(TABLE.location.path.rglob("*.parquet")), delta_log.snapshot

    def cut(*arguments):
        cut_the_locks()
        return snapshot(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(delta_log, "snapshot", cut)
        with pytest.raises(DatabaseUnreachableError, match="lost while writing"):
            lake.vacuum(TABLE, 0)
    assert set(TABLE.location.path.rglob("*.parquet")) == files
    removed = lake.vacuum(TABLE, 0)
    assert set(TABLE.location.path.rglob("*.parquet")) == files - {TABLE.location.path / each for each in removed}
    assert len([each for each in removed if each.endswith(".parquet")]) == 1
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 1}]


def test_an_attempt_that_ended_in_the_meantime_is_not_closed_again(spark, job):
    """A look at the ledger meets an attempt that is still open, and closes itself before the look is over."""
    with ledger.attempt({**job.entry, "table_name": "silver.things"}, {FIRST: {}}) as record:
        pass

    def found(entry):
        raise AssertionError("it is not running")

    assert reconcile(found, use_case="flight_delays", table_name="silver.things") == []
    assert not attempts._close_lost(record.attempt_id, None)
    assert entry(FIRST).status == "published"


def test_slices_are_published_together_or_not_at_all(spark, job):
    other = TABLE.model_copy(update={"name": "others"})
    slices = [
        Slice(TABLE, things(spark, (FIRST, "a", 1)), passes),
        Slice(other, things(spark, (FIRST, "bad", 1)), blocks),
    ]
    with pytest.raises(AuditError):
        publish_all(job, slices)
    assert not TABLE.exists()
    assert not other.exists()
    assert entry(FIRST).status == "refused"
    assert "silver/flight_delays/others" in entry(FIRST).message
    publish_all(job, [dataclasses.replace(each, audit=passes) for each in slices])
    assert TABLE.exists()
    assert other.exists()


def test_of_several_slices_none_is_published_where_one_changed(spark, job):
    other = TABLE.model_copy(update={"name": "others"})
    stages = [lake.stage(things(spark, (FIRST, "a", 1)), table, job.dates) for table in (TABLE, other)]
    stages[1].files[0].location.write(b"something else")
    with pytest.raises(NightshiftError, match=r"flight_delays/others .* changed after it was written"):
        publish_all(job, [Slice(stage.table, stage, passes) for stage in stages])
    assert not TABLE.exists()
    assert not other.exists()
    assert not list(job_stages())
    assert entry(FIRST).status == "refused"


def test_of_several_slices_none_is_published_where_one_has_another_form(spark, job):
    other = TABLE.model_copy(update={"name": "others"})
    publish(job, other, things(spark, (FIRST, "a", 1)), audit=passes)
    columns = [column.model_copy(update={"type": "string"}) for column in other.columns]
    changed = other.model_copy(update={"columns": tuple(columns)})
    rows = spark.createDataFrame([(FIRST, "a", "1")], changed.ddl)
    with pytest.raises(NightshiftError, match="column size of type integer"):
        publish_all(job, [Slice(TABLE, things(spark, (FIRST, "a", 1)), passes), Slice(changed, rows, passes)])
    assert not TABLE.exists()


def test_a_newer_version_is_not_undone(spark, job):
    publish(job, TABLE, things(spark, (FIRST, "a", 1)), audit=passes)
    publish(job, TABLE, things(spark, (FIRST, "a", 2)), audit=passes)
    with pytest.raises(NightshiftError, match="became version 1 while its version 0 was worked on"):
        publish(job, TABLE, things(spark, (FIRST, "a", 3)), audit=passes, replaces_version=0)
    assert visible() == [{"batch_date": FIRST, "thing": "a", "size": 2}]


def every_entry(date: dt.date) -> list[EntryRow]:
    asked = sa.select(EntryRow).where(EntryRow.table_name == "silver.things", EntryRow.batch_date == date)
    with sa.orm.Session(ledger.engine()) as session:
        return list(session.scalars(asked.order_by(EntryRow.id)))[-2:]


def entry(date: dt.date) -> ledger.Entry:
    return next(each for each in ledger.latest("flight_delays", date) if each.table_name == "silver.things")


def job_stages():
    """Staged files, published or not."""
    return (path for path in get_settings().lake.path.rglob("attempt-id=*/*/*.parquet"))


def unnamed() -> set[Path]:
    """Staged files of the table that its newest version does not name."""
    return set(TABLE.location.path.glob("attempt-id=*/*/*.parquet")) - named_by(None)


def named_by(version: int | None) -> set[Path]:
    return {file.path for file in delta_log.paths_of(TABLE, lake.snapshot(TABLE, version))}
