"""What MLflow keeps of a version: its files, its tags, and the run that made it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.declarations.use_case import UseCase
from nightshift.home.outside_errors import explained
from nightshift.home.settings import Settings
from nightshift.models.audit_pack.zip_file import FileContent
from nightshift.models.mlflow_connection import client, model_version, patiently

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Registered:
    """A version as MLflow has it.

    Attributes:
        tags: of the version, those of its run where the version has none of that name.
        files: by their names in the pack.
        missing: what should be there and is not, in words.
    """

    tags: Mapping[str, str]
    files: Mapping[str, FileContent]
    missing: tuple[str, ...]


def registered(use_case: UseCase, version: int, folder: Path) -> Registered:
    """Fetch everything into a folder.

    Raises:
        NightshiftError: if there is no such version, or MLflow does not answer.
    """
    found = model_version(use_case, version)
    run_id = str(found.run_id)
    run = _run(use_case.home, run_id)
    files: dict[str, FileContent] = {"registry/version.json": json_bytes(_version(found))}
    missing = []
    if run is None:
        missing.append(f"MLflow run {run_id}, which made the version, is gone, with its metrics, plots and model card")
    else:
        files["registry/run.json"] = json_bytes(run)
        files |= _fetched(folder, "run", run_id=run_id)
    model = _fetched(folder, "model", artifact_uri=f"models:/{use_case.model_name}/{version}")
    if not model:
        missing.append("the files of the model are gone, so nothing can be scored with it or replayed")
    tags = {**({} if run is None else run["tags"]), **found.tags}
    return Registered(tags, {**files, **model}, tuple(missing))


def json_bytes(content: Any) -> bytes:
    """JSON with its names in order, for people and programs."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n").encode()


def _version(found: ModelVersion) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": int(found.version),
        "run_id": found.run_id,
        "source": found.source,
        "made_at_milliseconds": found.creation_timestamp,
        "tags": dict(found.tags),
    }


def _run(home: Settings, run_id: str) -> dict[str, Any] | None:
    """The run with its parameters, metrics and tags; None where somebody deleted it."""
    from mlflow.exceptions import MlflowException

    try:
        run = patiently("reading the run", lambda: client(home).get_run(run_id))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return {
        "run_id": run_id,
        "experiment_id": run.info.experiment_id,
        "status": run.info.status,
        "started_at_milliseconds": run.info.start_time,
        "ended_at_milliseconds": run.info.end_time,
        "parameters": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": dict(run.data.tags),
    }


def _fetched(folder: Path, name: str, **where: str) -> dict[str, FileContent]:
    """The artifacts of a run or a model as files of the pack below ``name``; none where they are gone."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    below = folder / name
    below.mkdir(parents=True, exist_ok=True)
    try:
        patiently(
            f"fetching the files of the {name}",
            lambda: download_artifacts(**where, dst_path=str(below)),
        )
    except (OSError, MlflowException) as error:
        if told := explained(error):
            raise told from error
        log.warning("the files of the %s cannot be fetched: %.200s", name, error)
        return {}
    return {
        f"{name}/{path.relative_to(below).as_posix()}": path for path in sorted(below.rglob("*")) if path.is_file()
    }  # fmt: skip
