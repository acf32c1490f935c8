"""Takes in what `<use case>` got late or corrected, and redoes exactly the dates that it touches.

**Purpose.** A delivery that comes after its date was passed over, a corrected one, or a source that was absent and has
come: find them, land them, and carry them through to features, scores and marts. Features look back on many
deliveries, so one corrected day may touch weeks. Where nothing came late, the first task says so and skips the rest.

**Inputs.** The manifests in `landing/<use case>/<date>/`, compared with the digests that the ledger keeps of what was
landed. It looks at the newest dates, as far back as `late_days` or `late_deliveries` of the use case says. Dates after
the newest landed one are the nights' affair.

**Outputs.** The slices of the touched dates in the tables of `lake/bronze`, `lake/silver` and `lake/gold`; no other
date is touched. Of the first task, the log and the XCom `found` list what was found; of each stage, *Rendered
Templates* shows its dates in `ranges`. A date that had no scores gets some only from the first scored date on.

**Params.** `all_dates`: look at every date since the first. `leave_out`: a date or range whose deliveries are passed
over, where one is faulty and the others must not wait for it. `model`: `as_of`, the champion of each batch date;
`champion`, that of the dates to come; or a version to score with. `announce`: start the DAGs that wait for these
tables; where the newest landed date is among the redone ones, they start anyway.

**When it fails.** Nobody needs to get up: the nights do not wait for it, and nothing unaudited was published. Open the
red task's log: its last lines name the fault and the next step. Fix the cause and clear the red task, or leave it:
the next run finds what is left, whatever stage it ended in. The steps for each case are in the runbook below.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.catch_up import FindChanges
from nightshift_airflow.defaults import LONGEST_STAGE, PEOPLE_AND_SCHEDULE, dag_arguments, ticks
from nightshift_airflow.stage_tasks import catch_up_tasks


def catch_up(catalog: Catalog) -> DAG:
    """The catch-up DAG of one use case."""
    use_case = catalog.use_case
    form = {
        "all_dates": params.switch(
            "All dates",
            f"Look at every date, not at the newest {use_case.delivery.length('late')} only; it takes longer.",
        ),
        "leave_out": params.optional_range(
            "Leave out", "Pass over the deliveries of a date, like 2013-10-01, or of 2013-10-01..2013-10-03."
        ),
        "model": params.model(),
        "announce": params.announce(),
    }
    with DAG(
        **dag_arguments(use_case, "catch_up", __doc__),
        schedule=ticks(use_case, use_case.delivery.catch_up_schedule),
        params=form,
        allowed_run_types=PEOPLE_AND_SCHEDULE,
        # It does nothing until nights have landed something.
        is_paused_upon_creation=False,
    ) as dag:
        chain(FindChanges(use_case=use_case), *catch_up_tasks(catalog, execution_timeout=LONGEST_STAGE))
    return dag


for each in find_use_cases(get_settings()).warn().catalogs:
    globals()[f"{each.use_case.name}_catch_up"] = catch_up(each)
