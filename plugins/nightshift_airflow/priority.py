"""Which task gets a slot first, where several wait for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airflow.task.priority_strategy import PriorityWeightStrategy

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

# By kind of DAG: a night first, then what a person waits for, last what can wait for days.
WEIGHTS: Final[Mapping[str, int]] = {"nightly": 50, "rollback": 40, "catch_up": 30, "backfill": 20, "train": 10}
_OF_THE_DIALOG = "backfill__"


class NightsFirst(PriorityWeightStrategy):
    """A task's own weight; a night that the Backfill dialog started weighs as a backfill, so that tonight comes first.

    Of equal weights Airflow takes the oldest logical date, so a backfill of last year would hold up tonight.
    """

    def get_weight(self, ti: TaskInstance) -> int:
        """The weight of a task instance, which Airflow keeps when the run is made."""
        weight = int(ti.task.priority_weight) if ti.task else 1
        return min(weight, WEIGHTS["backfill"]) if ti.run_id.startswith(_OF_THE_DIALOG) else weight


# DAG files name it: what they hold of Airflow's is its task SDK only.
NIGHTS_FIRST = f"{NightsFirst.__module__}.{NightsFirst.__qualname__}"
