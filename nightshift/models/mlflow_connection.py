"""The connection to MLflow: where it is, its client, and how long is waited for it when it does not answer.

Importing mlflow takes seconds, so it is imported where it is used; jobs let that pass while the JVM starts.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DatabaseUnreachableError, MissingError, ServerUnreachableError
from nightshift.home.outside_errors import explained
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.home.variables.known_variables import MLFLOW_VARIABLES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("nightshift")
Result = TypeVar("Result")

# A step that MLflow does not answer is begun again until this much time has passed.
PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 1.0
# Versions that one answer of the registry may hold.
PAGE_ROWS = 1000


def tracking_uri(home: Settings) -> str:
    """The MLflow server of the settings, else the database of this home."""
    return home.mlflow_tracking_uri or database_url(home, "mlflow")


# One: MLflow itself knows one server at a time.
@functools.lru_cache(maxsize=1)
def client(home: Settings) -> MlflowClient:
    """MLflow's client for tracking and registry of a home; the first call imports mlflow."""
    os.environ.update({each.name: each.value for each in MLFLOW_VARIABLES})
    import mlflow

    uri = tracking_uri(home)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient()


def patiently(what: str, step: Callable[[], Result]) -> Result:
    """The result of a step that MLflow has part in, begun again while MLflow does not answer.

    Args:
        what: the step in words, like ``registering the model``.
        step: may be run several times; it must find out itself what an earlier run of it has left.

    Raises:
        ServerUnreachableError: if MLflow did not answer for :data:`PATIENCE_SECONDS`. Whatever else the step raises is
            raised at once: no connection must never pass for "there is none".
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return step()
        except Exception as error:
            told = explained(error)
            if not isinstance(told, DatabaseUnreachableError | ServerUnreachableError):
                raise
            left = deadline - time.monotonic()
            if left <= 0:
                raise ServerUnreachableError(
                    f"MLflow did not answer while {what}, for {PATIENCE_SECONDS:.0f} s: {_first_line(error):.160}",
                    remedy="see that it runs (`nightshift doctor`; `nightshift up` starts that of this home), then run "
                    "this again: it resumes where it stood",
                ) from error
            log.warning("MLflow does not answer while %s, it is asked again: %s", what, _first_line(error))
            time.sleep(min(pause, left))
            pause *= 2


def experiment_id(use_case: UseCase) -> str:
    """The experiment that holds a use case's runs, made where it is missing.

    Raises:
        NightshiftError: if it was deleted, which only a person can undo, or MLflow does not answer.
    """
    return patiently("looking for the experiment", lambda: _experiment_id(use_case))


def _experiment_id(use_case: UseCase) -> str:
    from mlflow.exceptions import MlflowException

    found = client(use_case.home).get_experiment_by_name(use_case.name)
    if found is None:
        # A server of the settings has an artifact store of its own; the embedded one keeps files in the home.
        embedded = use_case.home.mlflow_tracking_uri is None
        folder = use_case.home.mlflow_artifacts / use_case.name
        try:
            return str(
                client(use_case.home).create_experiment(
                    use_case.name, artifact_location=folder.as_uri() if embedded else None
                )
            )
        except MlflowException:
            # Another run made it in between, or it was deleted and must be restored by a person.
            found = client(use_case.home).get_experiment_by_name(use_case.name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise MissingError(
            f"the MLflow experiment {use_case.name!r} is deleted: restore it (`mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`) and train again"
        )
    return str(found.experiment_id)


def model_versions(use_case: UseCase) -> dict[int, ModelVersion]:
    """All versions of a use case's model by number, the oldest first; MLflow is waited for."""
    found = patiently(
        "listing the versions of the model",
        lambda: client(use_case.home).search_model_versions(f"name = '{use_case.model_name}'", max_results=PAGE_ROWS),
    )
    return dict(sorted((int(each.version), each) for each in found))


def model_version(use_case: UseCase, version: int) -> ModelVersion:
    """One version of a use case's model.

    Raises:
        NightshiftError: if there is none of that number, or MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    name = use_case.model_name
    try:
        return patiently(
            f"reading version {version} of {name}", lambda: client(use_case.home).get_model_version(name, str(version))
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise MissingError(
            f"{name} has no version {version}: see those that exist with `nightshift models list --use-case "
            f"{use_case.name}`"
        ) from error


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
