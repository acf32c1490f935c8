"""Access to MLflow: where runs are kept, which version of a model is champion, and what a version holds.

Importing mlflow takes seconds, so it is imported where it is used; jobs let that pass while the JVM starts.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.database import database_url
from nightshift.encoding import Encoding
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.use_case import UseCase

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
THRESHOLD_TAG = "decision_threshold"
# Key under which a model's own metadata (the file MLmodel) keeps its encoding.
ENCODING_KEY = "nightshift_encoding"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # It narrates every step of its database and misses pip, which no model needs.
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a registered model, with all that scoring needs of it.

    Attributes:
        name: of the registered model.
        version: in the registry.
        run_id: MLflow run that made it.
        booster: LightGBM's own text form.
        encoding: turns feature rows into the booster's matrix.
        signature: names of the inputs that its signature declares.
        threshold: probability from which the decision is `warn`.
    """

    name: str
    version: int
    run_id: str
    booster: str
    encoding: Encoding
    signature: tuple[str, ...]
    threshold: float


def tracking_uri() -> str:
    """The MLflow server of the settings, else the database of this home."""
    return get_settings().mlflow_tracking_uri or database_url("mlflow")


@functools.cache
def client() -> MlflowClient:
    """MLflow's client for tracking and registry; the first call imports mlflow."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow

    uri = tracking_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient()


def experiment_id(use_case: UseCase) -> str:
    """The experiment that holds a use case's runs, made where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client().get_experiment_by_name(use_case.name)
    if found is None:
        # A server of the settings has an artifact store of its own; the embedded one keeps files in the home.
        embedded = get_settings().mlflow_tracking_uri is None
        folder = get_settings().mlflow_artifacts / use_case.name
        try:
            return client().create_experiment(use_case.name, artifact_location=folder.as_uri() if embedded else None)
        except MlflowException:
            # Another run made it in between, or it was deleted and must be restored by a person.
            found = client().get_experiment_by_name(use_case.name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise NightshiftError(
            f"the MLflow experiment {use_case.name!r} is deleted: restore it (`mlflow experiments restore "
            f"--experiment-id {found.experiment_id}`) and train again"
        )
    return str(found.experiment_id)


def champion_version(use_case: UseCase) -> int | None:
    """The version that carries the alias ``champion``; None when there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return int(client().get_model_version_by_alias(use_case.model_name, CHAMPION).version)
    except MlflowException as error:
        # An unknown alias is INVALID_PARAMETER_VALUE, an unknown model RESOURCE_DOES_NOT_EXIST; anything else
        # (no connection, no permission) must not pass for "no champion".
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def champion(use_case: UseCase) -> RegisteredModel | None:
    """The model that is champion now; None when there is none."""
    version = champion_version(use_case)
    return None if version is None else load(use_case, version)


def resolve(use_case: UseCase, wanted: str) -> RegisteredModel:
    """The model that a person or a DAG asked for.

    Args:
        use_case: whose model it is.
        wanted: ``champion``, or the number of a version.

    Raises:
        NightshiftError: if it does not exist; no other model is taken in its place.
    """
    if wanted != CHAMPION:
        if not (wanted.isascii() and wanted.isdigit() and int(wanted) > 0):
            raise NightshiftError(f"{wanted!r} is not a model: allowed are `{CHAMPION}` and a version like 3")
        return load(use_case, int(wanted))
    found = champion(use_case)
    if found is None:
        raise NightshiftError(
            f"{use_case.model_name} has no champion, so nothing was scored: run the DAG {use_case.name}_train or "
            f"`python -m training.train --use-case {use_case.name} --dates <first>..<last>`, read its gates, "
            "then score again"
        )
    return found


def load(use_case: UseCase, version: int) -> RegisteredModel:
    """Read one version: booster, encoding, signature and threshold.

    Raises:
        NightshiftError: if there is no such version, or what it holds is not complete.
    """
    from mlflow.exceptions import MlflowException

    name = use_case.model_name
    try:
        found = client().get_model_version(name, str(version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NightshiftError(f"{name} has no version {version}: look at the registry for those that exist") from error
    if THRESHOLD_TAG not in found.tags:
        raise NightshiftError(
            f"{name} version {version} has no tag {THRESHOLD_TAG!r}: its registration is not complete"
        )
    folder = _artifacts(name, version)
    model = _description(folder)
    return RegisteredModel(
        name=name,
        version=version,
        run_id=str(found.run_id),
        booster=(folder / model["flavors"]["lightgbm"]["data"]).read_text(encoding="utf-8"),
        encoding=Encoding.from_dict(model["metadata"][ENCODING_KEY]),
        signature=tuple(column["name"] for column in json.loads(model["signature"]["inputs"])),
        threshold=float(found.tags[THRESHOLD_TAG]),
    )


def _artifacts(name: str, version: int) -> Path:
    """Folder with a version's files; a copy where the artifact store is not on this disk."""
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri=f"models:/{name}/{version}"))


def _description(folder: Path) -> dict[str, Any]:
    """The file MLmodel, MLflow's own description of a model."""
    import yaml

    raw: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    missing = [key for key in ("flavors", "signature", "metadata") if not raw.get(key)]
    if missing or ENCODING_KEY not in raw["metadata"]:
        raise NightshiftError(
            f"{folder} is not a model that nightshift registered: MLmodel lacks {missing or ENCODING_KEY}"
        )
    return raw
