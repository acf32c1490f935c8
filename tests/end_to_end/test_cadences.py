"""Use cases that are not daily, from deliveries through training to scores, as range jobs.

Weekly, a regression; monthly, a binary one. Labels come with the delivery that follows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from nightshift.catalogue import dbt_sources
from nightshift.commands.fingerprint import fingerprint
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.lake.sql_queries import query
from tests.end_to_end.test_parcels import INGEST, NIGHT, deliver, parcels, run
from tests.landed import Landed
from tests.leak import AGAIN, AROUND, FROM, leaks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["parcels"]
FIRST_MODEL = ("--version", "1", "--who", "auto", "--why", "the first")
BEFORE = """
select
    rows.batch_date, rows.parcel, rows.country, rows.distance, earlier.km_before
from {{ source('silver', 'parcels_parcels') }} as rows
left join (
    select batch_date, any_value(km) as km_before
    from (
        select
            batch_date,
            avg(distance) over (
                order by {{ nightshift.delivery_number() }} range between 2 preceding and 1 preceding
            ) as km
        from {{ source('silver', 'parcels_parcels') }}
        where {{ nightshift.lookback_dates() }}
    )
    group by batch_date
) as earlier using (batch_date)
where {{ nightshift.batch_dates('rows.batch_date') }}
"""
KM_BEFORE = """
      - name: km_before
        data_type: double
        description: Mean distance of the two deliveries before.
        config: {meta: {role: feature}}
"""


def change(use_case: UseCase, **sections: Any) -> UseCase:
    """The use case with other sections; a feature looks back on the two deliveries before."""
    file = use_case.folder / "use_case.yaml"
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, section in sections.items():
        declared[name] = {**declared.get(name, {}), **section} if isinstance(section, dict) else section
        if isinstance(section, dict):
            declared[name] = {key: value for key, value in declared[name].items() if value is not None}
    declared.pop("demo")
    file.write_text(yaml.safe_dump(declared), encoding="utf-8")
    models = use_case.folder / "dbt" / "models" / "features"
    (models / "parcels_features.sql").write_text("{{ config(materialized='stage') }}\n" + BEFORE)
    described = models / "parcels_features.yml"
    described.write_text(described.read_text(encoding="utf-8").rstrip() + KM_BEFORE, encoding="utf-8")
    dbt_sources.generated(get_settings()).write()
    return UseCase.load("parcels", get_settings())


def weekly(use_case: UseCase) -> UseCase:
    """On Sundays; what arrives is known a week later."""
    return change(
        use_case,
        dates={"first": "2024-01-07", "last": "2025-06-29", "cadence": "weekly", "weekday": "sunday"},
        nightly={"lookback_days": 21},
        target={"maturity_days": 7},
        training={"validation_days": 70, "test_days": 98, "history_days": 500},
    )


def monthly(use_case: UseCase) -> UseCase:
    """On last days of months; whether it is late is known a month later."""
    return change(
        use_case,
        dates={"first": "2020-01-31", "last": "2024-12-31", "cadence": "monthly", "day": "last"},
        nightly={"lookback_days": None, "lookback_deliveries": 3},
        task="binary",
        target={"column": "is_late", "maturity_days": None, "maturity_deliveries": 1},
        training={
            "validation_days": None, "test_days": None, "validation_deliveries": 9, "test_deliveries": 9,
            "history_deliveries": 48, "independent_unit": "parcel", "costs": {"false_alarm": 1, "missed": 2},
        },
    )  # fmt: skip


def rows_of(sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = query(sql, get_settings()).to_pylist()
    return found


def printed_fingerprint(table: str) -> str:
    done = CliRunner().invoke(fingerprint, [table])
    assert done.exit_code == 0, done.output
    return done.output


def work_through(use_case: UseCase, history: str, nights: str) -> None:
    """History as one range, a model from it, then each night by itself, with its delivery."""
    deliver(use_case, history)
    for module, *options in INGEST:
        run(use_case, module, *options, dates=history)
    trained = history.replace(
        history.split("..")[1], str(use_case.calendar.last_due(use_case.batch_dates(history).last, use_case.maturity))
    )
    run(use_case, "training.train", dates=trained)
    run(use_case, "training.promote", *FIRST_MODEL, dates=trained)
    for date in use_case.batch_dates(nights):
        deliver(use_case, str(date))
        for module, *options in NIGHT:
            run(use_case, module, *options, dates=str(date))


def assert_a_range_gives_the_same(use_case: UseCase, nights: str) -> None:
    """All nights once more as one range: no row, bit or score is another one (G1, G6)."""
    tables = ("gold.parcels_features", "gold.parcels_scores", "gold.parcels_by_country")
    before = {table: printed_fingerprint(table) for table in tables}
    for module, *options in NIGHT:
        run(use_case, module, *options, dates=nights)
    assert {table: printed_fingerprint(table) for table in tables} == before


def assert_features_look_back_on_deliveries() -> None:
    """The mean of the two deliveries before, whatever days lie between; none before the second date."""
    means = {
        row["batch_date"]: row["km"]
        for row in rows_of("SELECT batch_date, avg(distance) AS km FROM silver.parcels_parcels GROUP BY 1 ORDER BY 1")
    }
    found = {
        row["batch_date"]: row["km"]
        for row in rows_of("SELECT batch_date, any_value(km_before) AS km FROM gold.parcels_features GROUP BY 1")
    }
    dates = list(means)
    assert found[dates[0]] is None
    for number, date in enumerate(dates[2:], 2):
        # Each delivery has as many parcels.
        expected = (means[dates[number - 1]] + means[dates[number - 2]]) / 2
        assert found[date] == pytest.approx(expected)


def assert_another_weekday_is_refused(use_case: UseCase) -> None:
    file = use_case.folder / "use_case.yaml"
    text = file.read_text(encoding="utf-8").replace("weekday: sunday", "weekday: monday")
    file.write_text(text.replace("2024-01-07", "2024-01-08").replace("2025-06-29", "2025-06-30"), encoding="utf-8")
    command = [sys.executable, "-m", "spark_jobs.land", "--use-case", "parcels", "--dates", "2025-03-03"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 65
    assert "of parcels were Sundays when 2025-02-23 was landed, and are now Mondays" in done.stderr


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_weekly_regression_is_scored_as_by_range_so_by_night(parcels: UseCase, tmp_path: Path) -> None:
    use_case = weekly(parcels)
    work_through(use_case, "2024-01-01..2025-02-09", "2025-02-10..2025-02-23")
    scored = rows_of("SELECT batch_date, count(*) AS rows FROM gold.parcels_scores GROUP BY 1 ORDER BY 1")
    assert [(str(row["batch_date"]), row["rows"]) for row in scored] == [("2025-02-16", 30), ("2025-02-23", 30)]
    assert_features_look_back_on_deliveries()
    assert_a_range_gives_the_same(use_case, "2025-02-16..2025-02-23")
    assert_another_weekday_is_refused(use_case)


@pytest.mark.long
@pytest.mark.parametrize("cadence", [weekly, monthly])
@pytest.mark.parametrize(("frame", "sees"), [("1 preceding", False), ("1 following", True)])
def test_a_window_of_deliveries_sees_the_future_only_where_it_asks_for_it(
    parcels: UseCase,
    spark: SparkSession,
    landed: Landed,
    frame: str,
    sees: bool,
    cadence: Callable[[UseCase], UseCase],
) -> None:
    model = cadence(parcels).folder / "dbt" / "models" / "features" / "parcels_features.sql"
    text = model.read_text(encoding="utf-8")
    if sees:
        # Beyond the run's last date, too.
        text = text.replace("where {{ nightshift.lookback_dates() }}", "").replace("and 1 preceding", f"and {frame}")
    model.write_text(text, encoding="utf-8")
    found = leaks(spark, landed("parcels"))
    assert found == dict.fromkeys((FROM, AROUND, AGAIN), {"gold.features.km_before"} if sees else set())


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_demo_of_a_weekly_regression_goes_through_the_scheduler(
    parcels: UseCase, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {
        "history": "2024-01-07..2025-02-09", "first_model": "2024-01-07..2025-02-02",
        "nights": "2025-02-16..2025-02-23",
        "show_title": "Slowest", "show": "SELECT parcel, value FROM gold.parcels_scores ORDER BY 2 LIMIT 3",
    }  # fmt: skip
    use_case = weekly(parcels)
    file = use_case.folder / "use_case.yaml"
    values = yaml.safe_load(file.read_text(encoding="utf-8")) | {"demo": declared}
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    # A short path: sockets lie in it.
    home = Path(tempfile.mkdtemp(prefix="ns-week-"))
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home / "home"))
    monkeypatch.delenv("NIGHTSHIFT_DATABASE_URL", raising=False)
    program = Path(sys.executable).with_name("nightshift")
    try:
        command = [program, "demo", "parcels", "--no-challenger"]
        done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    finally:
        subprocess.run([program, "clean", "--yes"], cwd=PROJECT_DIR, check=False)
        shutil.rmtree(home, ignore_errors=True)
    for words in (
        "2025-02-16",
        "2025-02-23",
        "labels come on 2025-03-02",
        "mean absolute error",
        "Slowest",
    ):
        assert words in done.stdout


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_monthly_binary_model_is_scored_as_by_range_so_by_night(parcels: UseCase) -> None:
    use_case = monthly(parcels)
    work_through(use_case, "2020-01-01..2023-12-31", "2024-01-31..2024-02-29")
    scored = Counter(str(row["batch_date"]) for row in rows_of("SELECT batch_date FROM gold.parcels_scores"))
    assert scored == {"2024-01-31": 30, "2024-02-29": 30}
    assert_features_look_back_on_deliveries()
    assert_a_range_gives_the_same(use_case, "2024-01-31..2024-02-29")
