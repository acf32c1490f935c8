"""What Airflow loads at start-up."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from nightshift_airflow import listener
from nightshift_airflow.priority import NightsFirst
from nightshift_airflow.stopped_backfill import NotesOfStopped
from nightshift_airflow.timetable import BatchDateTicks, BoundedCron
from nightshift_airflow.ui_zone import DefaultZone, common_zone

_zone = common_zone()


class NightshiftPlugin(AirflowPlugin):
    """Notes on runs, schedules that end, nights before trainings, and the use cases' time zone in the UI."""

    name = "nightshift"
    listeners = [listener]  # noqa: RUF012
    timetables = [BatchDateTicks, BoundedCron]  # noqa: RUF012
    priority_weight_strategies = [NightsFirst]  # noqa: RUF012
    fastapi_root_middlewares = [  # noqa: RUF012
        {"name": "nightshift notes", "middleware": NotesOfStopped, "args": [], "kwargs": {}},
        *(
            [{"name": "nightshift time zone", "middleware": DefaultZone, "args": [], "kwargs": {"zone": _zone}}]
            if _zone
            else []
        ),
    ]
