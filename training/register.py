"""The MLflow side of a training: a run always, a registered version for what passed its gates.

The order is what makes it safe: run, model files, version with all its tags; the decision in the ledger and the alias
come after. A training that was killed in between resumes the same run when it is started again, and registers once.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError
from nightshift.home.settings import Settings
from nightshift.job import Job
from nightshift.ledger.advisory_locks import turn, turn_if_free
from nightshift.ledger.model_decisions import BY_HAND, decisions
from nightshift.models.mlflow_connection import client, experiment_id, patiently
from nightshift.models.model_version import metadata
from training.data.dataset import Dataset
from training.fitting.fitted_model import FittedModel

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo

log = logging.getLogger("nightshift")

EXAMPLE_ROWS = 5
RUNS_LOOKED_AT = 100
MODEL_REQUIREMENTS = ("lightgbm", "numpy")
RUN_TAG, DATES_TAG = "nightshift_run", "dates"


@contextmanager
def tracked_run(job: Job, same: Mapping[str, str] | None = None) -> Iterator[str]:
    """An MLflow run around a training; gives its id. An exception marks the run as failed.

    Resumes an unfinished run of the same job and dates, including its search; also one whose task was killed right
    after its end, before anybody else decided.

    Args:
        same: tags that such a run must have, too, like the digests of the rows that are trained on and of the gates:
            what was searched on other data, or judged by other gates, is not resumed. They are set on a new run.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    client(job.home)
    import mlflow

    tags = {"use_case": job.use_case.name, DATES_TAG: str(job.dates), RUN_TAG: job.run_id, **(same or {})}
    experiment = experiment_id(job.use_case)

    def start() -> str:
        # Looked for in every attempt: the one before may have made a run and lost the answer.
        for found in _resumable(job, experiment, tags):
            with contextlib.ExitStack() as own:
                # A run whose process lives is not resumed.
                if own.enter_context(turn_if_free(f"training {found}")):
                    mlflow.start_run(run_id=found)
                    log.info("resuming MLflow run %s, which did not finish", found)
                    locks.enter_context(own.pop_all())
                    return found
        name = f"{job.use_case.name} {job.dates}"
        made = str(mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags).info.run_id)
        locks.enter_context(turn(f"training {made}"))
        return made

    with contextlib.ExitStack() as locks:
        # Looked for and begun alone: else another process would take a new run for one whose process is gone, in the
        # moment before its lock is held.
        with turn(f"training {job.use_case.name} {job.dates} {job.run_id}"):
            run_id = patiently("starting a run", start)
        try:
            yield run_id
            # `end_run` forgets the run before it writes, so a second try of it would do nothing.
            patiently("ending the run", lambda: client(job.home).set_terminated(run_id, "FINISHED"))
        except BaseException:
            # It is unfinished all the same where MLflow does not hear of it.
            with contextlib.suppress(Exception):
                mlflow.end_run("FAILED")
            raise
        with contextlib.suppress(Exception):
            mlflow.end_run("FINISHED")


def log_training(
    home: Settings, parameters: Mapping[str, Any], metrics: Mapping[str, float], tags: Mapping[str, str]
) -> None:
    """Parameters, finite metrics and tags of the current run; other metrics are in the gates' report.

    Raises:
        NightshiftError: if MLflow does not answer, or a run that was resumed had other parameters before: MLflow
            never changes one.
    """
    import mlflow

    active = mlflow.active_run()
    assert active is not None
    run_id = active.info.run_id
    before = patiently("reading the run's parameters", lambda: client(home).get_run(run_id)).data.params
    changed = sorted(name for name in before.keys() & parameters.keys() if before[name] != str(parameters[name]))
    if changed:
        leave_unfinished(home, run_id)
        raise DataError(
            f"MLflow run {run_id}, which was resumed, had other values of {', '.join(changed)} before, and MLflow "
            "keeps the first: the run is left as it is. Run this again, it begins a new one"
        )
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    patiently("logging parameters", lambda: mlflow.log_params(dict(parameters)))
    patiently("logging metrics", lambda: mlflow.log_metrics(finite))
    patiently("logging tags", lambda: mlflow.set_tags(dict(tags)))


def leave_unfinished(home: Settings, run_id: str) -> None:
    """Keep a run from being resumed: another training begins a new one.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    patiently("leaving the run", lambda: client(home).set_tag(run_id, RUN_TAG, "left unfinished"))


def decided_by(job: Job, run_id: str) -> str:
    """The run id under which a training decides about its version.

    One that was started by hand has none of its own; that of its MLflow run tells it from others, so that it is
    resumed where it was killed after its decision.
    """
    return job.run_id if job.run_id != BY_HAND else f"{BY_HAND}-{run_id[:12]}"


def log_files(folder: str, below: str | None = None) -> None:
    """All files of a folder, like plots and the model card, as artifacts of the current run.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    import mlflow

    patiently("logging files", lambda: mlflow.log_artifacts(folder, below))


def log_model(model: FittedModel, dataset: Dataset) -> ModelInfo:
    """LightGBM's native file with signature, example and all that scoring needs, in the current run; nothing pickled.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    import mlflow
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    features = model.encoding.features
    # Everything is a double, a category as its code: an integer column could not hold a missing value.
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec("double")]),
    )
    example = pd.DataFrame(dataset.test.matrix[:EXAMPLE_ROWS].astype("float64"), columns=list(features))

    def step() -> ModelInfo:
        logged: ModelInfo = mlflow.lightgbm.log_model(
            model.booster,
            name="model",
            signature=signature,
            input_example=example,
            # Stated, because finding them out takes MLflow ten seconds.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in MODEL_REQUIREMENTS],
            metadata=metadata(model.task, model.encoding, model.calibration, model.threshold, model.interval),
        )
        return logged

    return patiently("logging the model", step)


def register(job: Job, logged: ModelInfo, tags: Mapping[str, str]) -> int:
    """The version of the current run's model, registered with all its tags where it is not yet.

    Args:
        tags: of the version; among them `status`, see `nightshift.models.champions.mlflow_mirror`.

    Raises:
        NightshiftError: if MLflow does not answer; then there is the whole version, or none.
    """
    import mlflow

    run_id = str(logged.run_id)

    def step() -> int:
        if (before := version_of_run(job.use_case, run_id)) is not None:
            log.info("%s version %d was registered by this run before", job.use_case.model_name, before)
            return before
        return int(mlflow.register_model(logged.model_uri, job.use_case.model_name, tags=dict(tags)).version)

    return patiently("registering the model", step)


def version_of_run(use_case: UseCase, run_id: str) -> int | None:
    """The version that an MLflow run registered; None where it registered none."""
    found = client(use_case.home).search_model_versions(f"name = '{use_case.model_name}' and run_id = '{run_id}'")
    return min((int(each.version) for each in found), default=None)


def _resumable(job: Job, experiment: str, tags: Mapping[str, str]) -> list[str]:
    """Runs of one job that its task has not seen to the end, the newest first.

    One that finished counts as well where it registered a version, and the job is that of a DAG: its task was killed
    right at its end. About whose version somebody else decided, that is settled, and another training begins; what
    this very run decided is no reason, its task may have been killed right after.
    """
    # Values are compared here: MLflow's filters have no way to quote a quotation mark.
    found = client(job.home).search_runs(
        [experiment], order_by=["attributes.start_time DESC"], max_results=RUNS_LOOKED_AT
    )
    made = decisions(job.use_case)
    same = []
    for run in found:
        if all(run.data.tags.get(name) == value for name, value in tags.items()):
            version = version_of_run(job.use_case, run.info.run_id)
            is_open = run.info.status != "FINISHED" or (version is not None and job.run_id != BY_HAND)
            mine = decided_by(job, run.info.run_id)
            if is_open and not any(each.version == version and each.run_id != mine for each in made):
                same.append(str(run.info.run_id))
    return same
