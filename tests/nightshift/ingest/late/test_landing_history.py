"""What `nightshift late` finds in a real ledger and a real landing zone, and how it says it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import pytest
from click.testing import CliRunner

from nightshift import ledger
from nightshift.commands.late import late
from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import MANIFEST
from nightshift.ingest.late import DeliveryChange, find
from nightshift.ingest.late.landing_history import look_up
from nightshift.ledger import BY_FILE, SET_ASIDE, Input
from nightshift.stages import FEATURES, LAND, MARTS, REFINE, SCORE, STAGES
from tests.nightshift.ingest.late.world import CATALOG, REFERENCE, REQUIRED, USE_CASE, day, span, stages

TABLES = {
    "schedule.csv": "bronze.schedule",
    "outcomes.jsonl.gz": "bronze.outcomes",
    "weather.parquet": "bronze.weather",
    REFERENCE: "bronze.airlines",
}


def deliver(date: dt.date, files: dict[str, str]) -> None:
    """A delivery in the landing zone: a manifest, with the SHA-256 that a file of this content would have."""
    folder = get_settings().landing.path / USE_CASE.name / str(date)
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"name": name, "bytes": 1, "rows": 1, "sha256": sha256(content)} for name, content in files.items()]
    (folder / MANIFEST).write_text(json.dumps({"batch_date": str(date), "files": listed}))


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def attempt(
    stage: str,
    table: str,
    dates: list[dt.date],
    files: dict[str, str] | None = None,
    version: int = 1,
    origin: str | None = None,
) -> None:
    """A published attempt in the ledger, as jobs keep them."""
    common = {"use_case": USE_CASE.name, "stage": stage, "run_id": "test", "table_name": table}
    taken = [Input("file", name, sha256(content), 1, origin=origin) for name, content in (files or {}).items()]
    counts = {"rows_in": len(taken) if table.startswith("bronze.") else None}
    with ledger.attempt(common, dict.fromkeys(dates, counts), dict.fromkeys(dates, taken)) as made:
        made.delta_version = version


def night(date: dt.date, files: dict[str, str], until: str = MARTS) -> None:
    """The ledger's entries of a night."""
    attempt(LAND, "bronze.quarantine", [date])
    for name, content in files.items():
        attempt(LAND, TABLES[name], [date], {name: content})
    for stage in STAGES[: STAGES.index(until) + 1]:
        attempt(stage, stage, [date])


def files(version: str = "1") -> dict[str, str]:
    return {name: f"{name} {version}" for name in REQUIRED}


@pytest.fixture
def nights(home) -> None:
    """Five nights in a real landing zone and a real ledger; the delivery of the third never came."""
    for number in (0, 1, 3, 4):
        deliver(day(number), files())
        night(day(number), files(), until=MARTS if number < 2 else REFINE)


def found() -> dict[str, list[str]]:
    return stages(find(USE_CASE, CATALOG))


def test_the_ledger_and_the_landing_zone_agree_after_nights_in_their_turn(nights) -> None:
    assert not find(USE_CASE, CATALOG)


def test_a_late_and_a_corrected_delivery_are_found_and_done_once_they_are_landed(nights) -> None:
    deliver(day(1), files() | {"weather.parquet": "corrected"})
    deliver(day(2), files())
    changes = find(USE_CASE, CATALOG)
    assert changes.found == (
        DeliveryChange(day(1), "corrected", ("weather.parquet",)),
        DeliveryChange(day(2), "late", tuple(sorted(REQUIRED))),
    )
    whole = {LAND: span(1, 2), REFINE: span(1, 2), **dict.fromkeys((FEATURES, SCORE, MARTS), span(1, 4))}
    assert stages(changes) == whole
    for date, content in ((day(1), files() | {"weather.parquet": "corrected"}), (day(2), files())):
        for name, text in content.items():
            attempt(LAND, TABLES[name], [date], {name: text})
    attempt(LAND, LAND, [day(1), day(2)])
    for number, stage in enumerate(STAGES[1:], start=1):
        assert found() == {each: whole[each] if each in STAGES[number:] else [] for each in STAGES}
        attempt(stage, stage, [date for dates in whole[stage] for date in BatchDates.parse(dates)])
    assert not find(USE_CASE, CATALOG)


def test_a_correction_that_was_refused_stays_listed(nights) -> None:
    deliver(day(1), files("2"))
    with (
        pytest.raises(NightshiftError),
        ledger.attempt(
            {"use_case": USE_CASE.name, "stage": LAND, "run_id": "test", "table_name": "bronze.schedule"},
            {day(1): {"rows_in": 1}},
            {day(1): [Input("file", "schedule.csv", sha256("schedule.csv 2"), 1)]},
        ),
    ):
        raise NightshiftError("an audit refused it")
    assert find(USE_CASE, CATALOG).found == (DeliveryChange(day(1), "corrected", tuple(sorted(REQUIRED))),)


def test_a_file_that_was_tolerated_in_quarantine_is_not_late_for_ever(nights) -> None:
    damaged = files() | {"airlines.csv": "damaged"}
    deliver(day(4), damaged)
    attempt(LAND, "bronze.quarantine", [day(4)], {"airlines.csv": "damaged"})
    # The run was blocked after it: nothing was landed.
    assert find(USE_CASE, CATALOG).found == (DeliveryChange(day(4), "completed", ("airlines.csv",)),)
    common = {"use_case": USE_CASE.name, "stage": LAND, "run_id": "test", "table_name": LAND}
    with ledger.attempt(common, {day(4): {}}):
        attempt(LAND, "bronze.quarantine", [day(4)], {"airlines.csv": "damaged"})
        attempt(LAND, "bronze.airlines", [day(4)], {"airlines.csv": "damaged"}, origin=SET_ASIDE)
    assert not find(USE_CASE, CATALOG)
    history = look_up(USE_CASE, CATALOG)
    assert history is not None
    assert not history.has_content(day(4), "airlines"), "the snapshot before goes on counting"
    deliver(day(4), files() | {"airlines.csv": "fixed"})
    assert find(USE_CASE, CATALOG).found == (DeliveryChange(day(4), "completed", ("airlines.csv",)),)


def test_what_another_stage_published_to_a_source_table_is_no_landing(nights) -> None:
    attempt("erase", "bronze.schedule", [day(1)])
    assert not find(USE_CASE, CATALOG)


def test_silver_that_was_published_from_bronze_before_its_correction_is_due(nights) -> None:
    def refine(version: int) -> None:
        common = {"use_case": USE_CASE.name, "stage": REFINE, "run_id": "test"}
        with ledger.attempt({**common, "table_name": REFINE}, {day(1): {}}):
            read = [Input("table", "bronze.schedule", str(version), 0, origin=BY_FILE)]
            with ledger.attempt({**common, "table_name": "silver.flights"}, {day(1): {}}, {day(1): read}) as made:
                made.delta_version = version

    deliver(day(1), files("2"))
    for name, content in files("2").items():
        attempt(LAND, TABLES[name], [day(1)], {name: content}, version=2)
    attempt(LAND, LAND, [day(1)])
    whole = {LAND: [], **{stage: [str(day(1))] for stage in STAGES[1:]}}
    assert found() == whole
    # Read before the correction and begun after it, as far as clocks tell.
    refine(1)
    assert found() == whole
    refine(2)
    assert found() == {**whole, REFINE: []}


def test_only_the_newest_dates_are_looked_at_unless_all_are_asked_for(nights) -> None:
    deliver(day(0), files("2"))
    two_days = USE_CASE.delivery.model_copy(update={"late_days": 2})
    case = USE_CASE.model_copy(update={"delivery": two_days})
    assert find(case, CATALOG).dates == BatchDates(day(3), day(4))
    assert not find(case, CATALOG)
    assert find(case, CATALOG, all_dates=True).found[0].date == day(0)
    assert not find(case, CATALOG, all_dates=True, leave_out=[day(0)])


def test_another_use_case_with_the_same_tables_is_not_mixed_up(nights) -> None:
    other = USE_CASE.model_copy(update={"name": "other_delays"})
    assert find(other, CATALOG).dates is None


def test_what_was_landed_before_the_ledger_kept_digests_is_not_compared(home) -> None:
    common = {"use_case": USE_CASE.name, "stage": LAND, "run_id": "test"}
    for table in TABLES.values():
        with ledger.attempt({**common, "table_name": table}, {day(1): {"rows_in": 7}}) as made:
            made.delta_version = 0
    attempt(LAND, LAND, [day(1)])
    deliver(day(1), files())
    assert not find(USE_CASE, CATALOG)


def test_the_command_lists_what_came_late_and_what_to_do(nights) -> None:
    deliver(day(2), files())
    answer = CliRunner().invoke(late, ["--use-case", USE_CASE.name])
    assert answer.exit_code == 0, answer.output
    assert answer.output == (
        "flight_delays, batch dates 2013-01-01..2013-01-05: 1 deliveries to land\n"
        "  2013-01-03  came late: outcomes.jsonl.gz, schedule.csv, weather.parquet\n"
        "dates that each stage redoes:\n"
        "  land      2013-01-03\n"
        "  refine    2013-01-03\n"
        "  features  2013-01-03..2013-01-05\n"
        "  score     2013-01-03..2013-01-05\n"
        "  marts     2013-01-03..2013-01-05\n"
        "next: trigger flight_delays_catch_up in the Airflow UI; or by hand, in this order:\n"
        "  .venv/bin/python -m spark_jobs.land --use-case flight_delays --dates 2013-01-03\n"
        "  .venv/bin/python -m spark_jobs.refine --use-case flight_delays --dates 2013-01-03\n"
        "  .venv/bin/python -m spark_jobs.features --use-case flight_delays --dates "
        "2013-01-03..2013-01-05\n"
        "  .venv/bin/python -m scoring.score --use-case flight_delays --dates 2013-01-03..2013-01-05\n"
        "  .venv/bin/python -m spark_jobs.marts --use-case flight_delays --dates 2013-01-03..2013-01-05\n"
    )
    answer = CliRunner().invoke(late, ["--use-case", USE_CASE.name, "--leave-out", "2013-01-02..2013-01-03"])
    expected = "flight_delays, batch dates 2013-01-01..2013-01-05: nothing came late and nothing was corrected\n"
    assert answer.output == expected


def test_programs_get_json(nights) -> None:
    deliver(day(1), files() | {"schedule.csv": "corrected"})
    answer = CliRunner().invoke(late, ["--json"])
    (values,) = [each for each in json.loads(answer.output) if each["use_case"] == USE_CASE.name]
    assert values["found"] == [{"date": "2013-01-02", "kind": "corrected", "files": ["schedule.csv"], "gone": []}]
    assert values["looked_at"] == "2013-01-01..2013-01-05"
    assert values["stages"][LAND] == values["stages"][REFINE] == ["2013-01-02"]


def test_nothing_can_be_late_where_nothing_was_landed(home) -> None:
    answer = CliRunner().invoke(late, ["--use-case", USE_CASE.name])
    assert answer.output == "flight_delays: nothing was ever landed, so nothing can be late\n"
