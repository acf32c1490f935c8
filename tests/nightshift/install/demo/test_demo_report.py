"""What the demo says of its nights, by the task of the use case."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

from nightshift import terminal
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.install.demo import demo_report
from nightshift.install.demo.demo_report import Night, print_nights, realised

DAY = dt.date(2024, 1, 1)
DESCRIBED = {"description": "Parcels.", "grain": "one row per parcel", "keys": ["order"], "owner": "tests"}
# A key that is a keyword of SQL.
KEY = {"name": "order", "type": "bigint", "required": True, "description": "Number."}


@pytest.fixture
def parcels(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Declares the use case for a task; its labels come two weeks later."""

    def declare(task: str, kind: str, **target: Any) -> UseCase:
        declared = {
            "name": "parcels", "title": "Parcels", "description": "How long they take.", "owner": "tests",
            "timezone": "UTC", "dates": {"first": DAY}, "task": task,
            "target": {"cases": "parcels", "table": "arrivals", "column": "end", "maturity_days": 14, **target},
            "training": {"costs": {"false_alarm": 1, "missed": 1}} if task == "binary" else {},
        }  # fmt: skip
        label = {"name": "end", "type": kind, "description": "The label."}
        tables = [
            {"layer": "silver", "name": "arrivals", **DESCRIBED, "columns": [KEY, label]},
            {"layer": "gold", "name": "scores", **DESCRIBED, "columns": [KEY]},
        ]
        folder = tmp_path / "use_cases" / "parcels"
        folder.mkdir(parents=True)
        (folder / "use_case.yaml").write_text(yaml.safe_dump(declared))
        (folder / "tables.yaml").write_text(yaml.safe_dump({"tables": tables}))
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
        get_settings.cache_clear()
        return UseCase.load("parcels", get_settings())

    return declare


def published(use_case: UseCase, table: str, date: dt.date, column: str, values: Iterable[Any]) -> None:
    given = list(values)
    rows = {"batch_date": [date] * len(given), "order": range(len(given)), column: given}
    write_deltalake(Catalog(use_case)[table].location.path, pa.table(rows), mode="append", partition_by=["batch_date"])


def test_values_are_told_by_how_far_they_missed_once_their_labels_came(parcels: Any) -> None:
    case = parcels("regression", "double")
    assert realised(case, DAY) is None, "nothing was published yet"
    published(case, "gold.scores", DAY, "value", [10.0, 20.0, 30.0])
    # The third parcel is lost.
    published(case, "silver.arrivals", DAY + dt.timedelta(days=14), "end", [13.0, 19.0, None])
    assert realised(case, DAY) == pytest.approx(2.0)
    assert realised(case, DAY + dt.timedelta(days=1)) is None


@pytest.mark.parametrize(("target", "said"), [({}, 2.0), ({"if_unknown": 38.0}, 4.0)])
def test_of_labels_that_come_by_maturity_the_newest_known_ones_are_told(
    parcels: Any, target: dict[str, Any], said: float
) -> None:
    case = parcels("regression", "double", arrives="by_maturity", known_when="`end` <> 99.0", **target)
    # The first of four had arrived when it was to be scored.
    published(case, "gold.scores", DAY, "value", [70.0, 10.0, 20.0, 30.0])
    published(case, "silver.arrivals", DAY, "end", [1.0, None, 99.0, None])
    for day in range(1, 14):
        published(case, "silver.arrivals", DAY + dt.timedelta(days=day), "end", [1.0, 15.0, 19.0, 99.0])
    assert realised(case, DAY) is None, "others may still come"
    published(case, "silver.arrivals", DAY + dt.timedelta(days=14), "end", [1.0, 13.0])
    published(case, "silver.arrivals", DAY + dt.timedelta(days=15), "end", [70.0, 70.0, 70.0, 70.0])
    assert realised(case, DAY) == pytest.approx(said)


def test_events_are_told_by_how_well_they_were_ranked(parcels: Any) -> None:
    case = parcels("binary", "boolean")
    published(case, "gold.scores", DAY, "probability", [0.1, 0.4, 0.35, 0.8])
    published(case, "silver.arrivals", DAY + dt.timedelta(days=14), "end", [False, False, True, True])
    assert realised(case, DAY) == pytest.approx(0.75)


def test_events_of_which_none_happened_rank_nothing(parcels: Any) -> None:
    case = parcels("binary", "boolean")
    published(case, "gold.scores", DAY, "probability", [0.1, 0.4])
    published(case, "silver.arrivals", DAY + dt.timedelta(days=14), "end", [False, False])
    assert math.isnan(realised(case, DAY) or 0)


@pytest.mark.parametrize(
    ("task", "kind", "title"), [("regression", "double", "mean absolute error"), ("binary", "boolean", "realised AUC")]
)
def test_nights_are_shown_with_the_measure_of_their_task_or_the_day_of_their_labels(
    parcels: Any, capsys: pytest.CaptureFixture[str], task: str, kind: str, title: str
) -> None:
    nights = [Night(DAY + dt.timedelta(days=day), 10, 0, 9, 60.0, (1234.5, None, math.nan)[day]) for day in range(3)]
    print_nights(terminal.console(), parcels(task, kind), nights)
    head, *lines = capsys.readouterr().out.splitlines()
    assert title in head
    assert [line.split("│")[-1].strip() for line in lines[-3:]] == ["1,234", "labels come on 2024-01-16", "–"]


def test_the_query_is_shown_with_figures_as_people_read_them(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_report, "query", lambda *_: pa.table({"n": [7], "hours": [12345.678], "share": [0.41539]}))
    demo_report.print_query(terminal.console(), UseCase.load("flight_delays", get_settings()))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["7", "│", "12,346", "│", "0.415"]
