"""Trains a model for `<use case>` and lets it become champion if it deserves it.

**Purpose.** Learn from the days before batch date D: tune, fit, calibrate, evaluate on the last days, which no earlier
step has seen, and register what passes all gates. Where the use case asks for it, a person then decides; an answer
that does not come in time is a no. A model that is no better than the champion does not become champion.

**Inputs.** Features and matured labels, from `lake/gold` and `lake/silver`, as nights or backfills have published them.
The range ends with the newest date whose labels come with the delivery of D: the maturity of `target` before D.

**Outputs.** A run with metrics, plots and model card in MLflow, and a version of the model `<use case>` where the gates
let it pass. In the ledger who promoted or declined it, when and why. A champion reigns over the batch dates after those
that are scored already. The feature registry, a page and a table, says what the models use.

**Params.** `batch_date`: for a run that you start by hand; the form's own logical date is the present moment.
`first_date` and `last_date` replace the ends of the range. `trials`, `validation_days` and `test_days` replace what the
use case's YAML says.

**When it fails.** Nobody needs to get up: the nights continue with the champion that there is. In the morning open the
red task's log; its last lines name the fault and the next step. `approve` waits for a person under *Required actions*;
while it does, the run goes on and no other training begins. A backfill never starts a training.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG, chain

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.training_section import TRAINING_POOL
from nightshift.home.settings import get_settings
from nightshift_airflow import params
from nightshift_airflow.approval import ApproveModel
from nightshift_airflow.defaults import PEOPLE_AND_SCHEDULE, dag_arguments, ticks
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.runs import learned_from
from nightshift_airflow.stage_tasks import decision_tasks, describe_features_task


def train(catalog: Catalog) -> DAG:
    """The training DAG of one use case."""
    use_case = catalog.use_case
    training = use_case.training
    form = {
        "batch_date": params.batch_date(use_case),
        "first_date": params.optional_date(
            "First date",
            f"First batch date to learn from. Empty: the {training.length('history')} that end with the last one.",
        ),
        "last_date": params.optional_date(
            "Last date",
            "Last batch date to test on. Empty: the newest whose labels come with the run's own delivery.",
        ),
        "trials": params.optional_count("Trials", f"Sets of parameters to try. Empty: {training.trials}.", 1000),
        "validation_days": params.optional_count(
            "Validation days", f"Days to tune on. Empty: {training.length('validation')}.", 366
        ),
        "test_days": params.optional_count(
            "Test days",
            f"Days to evaluate on, the last ones. Empty: {training.length('test')}.",
            366,
            training.fewest_test_dates,
        ),
    }
    with DAG(
        **dag_arguments(use_case, "train", __doc__),
        schedule=ticks(use_case, training.schedule),
        params=form,
        allowed_run_types=PEOPLE_AND_SCHEDULE,
    ) as dag:
        train_model = JobOperator(
            task_id="train",
            module="training.train",
            use_case=use_case,
            dates=learned_from,
            options={
                "--validation-days": "{{ params.validation_days or '' }}",
                "--test-days": "{{ params.test_days or '' }}",
                "--trials": "{{ params.trials or '' }}",
            },
            # It writes no table, but two trainings at a time are too much for the memory of one machine.
            pool=TRAINING_POOL,
            execution_timeout=dt.timedelta(hours=4),
        )
        # A decision that was not needed is skipped.
        describe_features = describe_features_task(catalog, learned_from, trigger_rule="none_failed")
        approve = ApproveModel(use_case=use_case, trained=train_model.task_id)
        chain(train_model, approve, decision_tasks(use_case, train_model.task_id), describe_features)
    return dag


for each in find_use_cases(get_settings()).warn().catalogs:
    globals()[f"{each.use_case.name}_train"] = train(each)
