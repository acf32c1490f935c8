"""Puts an earlier model of `<use case>` back.

**Purpose.** The champion turned out to be bad, in the middle of the night or after weeks: make an earlier version
champion again, from a batch date on that may lie in the past, see which scores the other one made since then, and
make them again where that is wanted. It needs no pool slot to put the model back: from then on every stage that begins
to score takes it, whatever else is running. Where the version is champion of these dates already, nothing is decided:
`roll_back` is skipped and says by whom and why it was.

**Inputs.** The versions in the registry and the decisions in the ledger. Making scores again reads the features that
were published for these dates.

**Outputs.** A decision in the ledger, and the alias `champion` in MLflow. With `rescore`, the slices of the dates that
the second task lists in `gold.scores` and the marts. The feature registry, a page and a table, which names the model
that is live.

**Params.** `version`: the one to put back; it must have been champion before. `from_date`: the first batch date that it
is champion of again, included. `why`: kept in the ledger. `block`: the version that is live until then scores nothing
more, and can't be promoted again; it can't be the one that is put back. `rescore`: make the scores again that another
version made from that date on. `announce`: start the DAGs that wait for these scores.

**When it fails.** Open the red task's log: its last lines name the fault and the next step. If `roll_back` is red,
nothing was changed. If a later task is red, the earlier model is champion already, and clearing the red task continues.
The steps for each case are in the runbook below.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.defaults import LONGEST_STAGE, PEOPLE, dag_arguments
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.runs import from_date, span
from nightshift_airflow.stage_tasks import describe_features_task, rescore_tasks


def rollback(catalog: Catalog) -> DAG:
    """The rollback DAG of one use case."""
    use_case = catalog.use_case
    form = {
        "version": params.version(use_case),
        "from_date": params.required_date("From date", f"First batch date that it is champion of, {span(use_case)}."),
        "why": params.why("What is wrong with the model that is live, for whoever asks in a year."),
        "block": params.switch(
            "Block the live version", "The version that is champion now scores nothing more and is not promoted again."
        ),
        "rescore": params.switch("Rescore", "Make the scores again that another version made from that date on."),
        "announce": params.announce(),
    }
    with DAG(
        **dag_arguments(use_case, "rollback", __doc__),
        schedule=None,
        params=form,
        allowed_run_types=PEOPLE,
        is_paused_upon_creation=False,
    ) as dag:
        roll_back = JobOperator(
            task_id="roll_back",
            module="training.rollback",
            use_case=use_case,
            dates=from_date,
            options={
                "--version": "{{ params.version }}",
                "--who": "{{ dag_run.triggering_user_name | default('unknown', true) }}",
                "--why": "{{ params.why }}",
                "--block": "{{ 'yes' if params.block else 'no' }}",
            },
        )
        show_affected = JobOperator(
            task_id="show_affected",
            module="training.show_affected",
            use_case=use_case,
            dates=from_date,
            # Where that version is champion already, scores may be another's all the same.
            trigger_rule="none_failed",
        )
        rescore = rescore_tasks(
            catalog,
            "{{ ti.xcom_pull(task_ids='show_affected', key='dates') }}",
            wanted="{{ params.rescore }}",
            unwanted="rescore was not asked for; the log of show_affected says what does it",
            execution_timeout=LONGEST_STAGE,
        )
        # Beside the scores, which are first in the queue for the pool: neither waits for the other to be fixed.
        describe_features = describe_features_task(
            *(catalog, from_date),
            wanted="{{ ti.xcom_pull(task_ids='roll_back', key='decided') }}",
            unwanted="nothing was decided, so the registry says what it said",
        )
        chain(roll_back, show_affected, [rescore[0], describe_features])
        chain(*rescore)
    return dag


for each in find_use_cases(get_settings()).warn().catalogs:
    globals()[f"{each.use_case.name}_rollback"] = rollback(each)
