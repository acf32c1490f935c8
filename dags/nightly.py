"""Ingests one delivery of `<use case>`, scores it, and refreshes the marts.

**Purpose.** Every night: take what the upstream systems delivered for batch date D, check it, compute the features of
D, score D with the model that is champion of it, and refresh the tables that analysts read. The tick is midnight of D
in the use case's time zone; the first task then waits for the delivery.

**Inputs.** The delivery of D, `landing/<use case>/<D>/`, complete once it has its `manifest.json`. Features also read
what earlier nights published.

**Outputs.** The slice of D in the tables of `lake/bronze`, `lake/silver` and `lake/gold`. Running a night again
replaces its slice with the same rows; no other date is touched.

**Params.** `batch_date`: for a run that you start by hand; the form's own logical date is the present moment. `model`:
`as_of`, the champion of each batch date; `champion`, that of the dates to come; or a version to score with. `announce`:
of a backfill, start the DAGs that wait for its tables; other runs do so anyway.

**When it fails.** Open the red task's log: its last lines name the fault and the next step. Nothing unaudited was
published, and yesterday's tables are still there. Fix the cause, then clear the red task; it is always safe to run
a task again. The steps for each case are in the runbook below.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.defaults import batch_date_ticks, dag_arguments
from nightshift_airflow.deliveries import WaitForDelivery
from nightshift_airflow.runs import night
from nightshift_airflow.stage_tasks import ingest_tasks, score_tasks


def nightly(catalog: Catalog) -> DAG:
    """The nightly DAG of one use case."""
    use_case = catalog.use_case
    form = {"batch_date": params.batch_date(use_case), "model": params.model(), "announce": params.announce()}
    schedule = batch_date_ticks(use_case)
    with DAG(**dag_arguments(use_case, "nightly", __doc__), schedule=schedule, params=form) as dag:
        chain(
            WaitForDelivery(task_id="wait_for_delivery", use_case=use_case, dates=night),
            *ingest_tasks(catalog, night, announced=params.IF_ASKED_OR_NIGHT),
            *score_tasks(catalog, night, announced=params.IF_ASKED_OR_NIGHT),
        )
    return dag


for each in find_use_cases(get_settings()).warn().catalogs:
    globals()[f"{each.use_case.name}_nightly"] = nightly(each)
