"""How `nightshift models` shows what it knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nightshift import terminal
from nightshift.figures import number
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.models.champions import Reign


def metrics_of(home: Settings, run_id: str) -> dict[str, float]:
    """The measures that an MLflow run logged; none where it is gone."""
    from mlflow.exceptions import MlflowException

    from nightshift.models import mlflow_connection

    try:
        return dict(
            mlflow_connection.patiently(
                "reading the run", lambda: mlflow_connection.client(home).get_run(run_id)
            ).data.metrics
        )
    except MlflowException:
        # A run that somebody deleted; what was decided is known all the same.
        return {}


def moment(milliseconds: int) -> dt.datetime:
    """A time of MLflow's."""
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def reign_row(reign: Reign) -> dict[str, Any]:
    """A reign by its fields, with its end in both ways: the last batch date, and as ``to`` the first after it."""
    return asdict(reign) | {"to": reign.to}


def print_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under a title; of each, these columns."""
    terminal.print_table(
        [name.replace("_", " ") for name in columns],
        [[shown(row[name]) for name in columns] for row in rows],
        right=("version", "loss"),
        title=title,
    )
    terminal.echo()


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value, 5)
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, dt.datetime) else str(value)
