"""Works through a range of past batch dates of `<use case>` as one job per stage.

**Purpose.** Ingest, and where wanted score, many batch dates at once: the first load, a change of logic, a long
outage. One pass over the range costs a fraction of as many single nights and leaves the same rows. For a few dates
the Backfill dialog of `<use case>_nightly` does as well.

**Inputs.** The deliveries of all dates of the range, `landing/<use case>/<date>/`. The first task fails at once,
naming those that are missing.

**Outputs.** The slices of exactly these dates in the tables of `lake/bronze`, `lake/silver` and `lake/gold`. Other
dates are not touched.

**Params.** `first_date` and `last_date`, both included. `stages`: everything, or ingest only, which needs no model.
`model`: `as_of`, the champion of each batch date; `champion`, that of the dates to come; or a version to score with.
`announce`: start the DAGs that wait for these tables.

**When it fails.** Open the red task's log: its last lines name the fault and the next step. The stages before it are
done and published, the failed one has published nothing unaudited. Fix the cause and clear the red task; it is always
safe to run a task again. It waits for the same pool as the nights, which come first; a task that runs holds them up.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.defaults import LONGEST_STAGE, PEOPLE, dag_arguments
from nightshift_airflow.deliveries import CheckDeliveries
from nightshift_airflow.runs import asked_range, span
from nightshift_airflow.stage_tasks import ingest_tasks, score_tasks


def backfill(catalog: Catalog) -> DAG:
    """The backfill DAG of one use case."""
    use_case = catalog.use_case
    limit = f"{span(use_case)}; at most {use_case.dates.max_range} in one run."
    form = {
        "first_date": params.required_date("First date", f"First batch date, {limit}"),
        "last_date": params.required_date("Last date", "Last batch date; it is included."),
        "stages": params.stages(),
        "model": params.model(),
        "announce": params.announce(),
    }
    common = {"announced": params.IF_ASKED, "execution_timeout": LONGEST_STAGE}
    with DAG(
        **dag_arguments(use_case, "backfill", __doc__),
        schedule=None,
        params=form,
        allowed_run_types=PEOPLE,
        is_paused_upon_creation=False,
    ) as dag:
        chain(
            CheckDeliveries(task_id="check_deliveries", use_case=use_case, dates=asked_range),
            *ingest_tasks(catalog, asked_range, **common),
            *score_tasks(catalog, asked_range, **common, wanted=params.SCORES_ARE_WANTED),
        )
    return dag


for each in find_use_cases(get_settings()).warn().catalogs:
    globals()[f"{each.use_case.name}_backfill"] = backfill(each)
