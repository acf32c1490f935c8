"""One version of a registered model, with all that scoring needs of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nightshift.declarations.training_section import BINARY, REGRESSION, Task
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError, MissingError, NightshiftError
from nightshift.home.outside_errors import explained
from nightshift.models.calibrated_predictions import Calibration, Interval
from nightshift.models.encoding import Encoding
from nightshift.models.mlflow_connection import model_version, patiently

# Keys under which a model's own metadata (the file MLmodel) keeps what its booster does not.
ENCODING_KEY = "nightshift_encoding"
CALIBRATION_KEY = "nightshift_calibration"
TASK_KEY = "nightshift_task"
THRESHOLD_KEY = "nightshift_threshold"
INTERVAL_KEY = "nightshift_interval"


@dataclass(frozen=True)
class RegisteredModel:
    """One version, as its files and the registry have it.

    Attributes:
        name: of the registered model.
        version: in the registry.
        run_id: MLflow run that made it.
        booster: LightGBM's own text form.
        encoding: turns feature rows into the booster's matrix.
        signature: names of the inputs that its signature declares.
        task: binary or regression.
        calibration: turns raw scores into probabilities or values.
        threshold: binary: the probability from which the decision is `warn`.
        interval: regression: what is added to a value to give the ends of its interval.
        tags: of the version, as people see them in MLflow.
    """

    name: str
    version: int
    run_id: str
    booster: str
    encoding: Encoding
    signature: tuple[str, ...]
    task: Task
    calibration: Calibration
    threshold: float | None = None
    interval: Interval | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def metadata(
    task: Task, encoding: Encoding, calibration: Calibration, threshold: float | None, interval: Interval | None
) -> dict[str, Any]:
    """What the file MLmodel of a version keeps beside the booster; :func:`load` reads it."""
    return {
        TASK_KEY: task,
        ENCODING_KEY: encoding.to_dict(),
        CALIBRATION_KEY: calibration.to_dict(),
        # repr: the threshold that was judged is the one that decides, to the last bit.
        THRESHOLD_KEY: None if threshold is None else repr(threshold),
        INTERVAL_KEY: None if interval is None else interval.to_dict(),
    }


def load(use_case: UseCase, version: int) -> RegisteredModel:
    """Read one version, whatever was decided about it: a replay needs blocked ones, too.

    Raises:
        NightshiftError: if there is no such version, what it holds is not complete, or MLflow does not answer.
    """
    found = model_version(use_case, version)
    name = use_case.model_name
    folder = _artifacts(use_case, version)
    try:
        model = _description(folder)
        return RegisteredModel(
            name=name,
            version=version,
            run_id=str(found.run_id),
            booster=_booster(folder / model["flavors"]["lightgbm"]["data"]),
            encoding=Encoding.from_dict(model["metadata"][ENCODING_KEY]),
            signature=tuple(column["name"] for column in json.loads(model["signature"]["inputs"])),
            **_decides(model["metadata"]),
            tags=dict(found.tags),
        )
    except (OSError, KeyError, TypeError, ValueError, NightshiftError) as error:
        raise explained(error) or _incomplete(use_case, version, f"{error!s:.300} (in {folder})") from error


def _decides(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Task, calibration, threshold and interval, which must fit each other."""
    task = kept[TASK_KEY]
    if task not in (BINARY, REGRESSION):
        raise DataError(f"{task!r} is not a task that nightshift scores")
    threshold, interval = kept.get(THRESHOLD_KEY), kept.get(INTERVAL_KEY)
    needed = {THRESHOLD_KEY: threshold} if task == BINARY else {INTERVAL_KEY: interval}
    for key, value in needed.items():
        if value is None:
            raise DataError(f"MLmodel lacks {key}, which a {task} model needs")
    return {
        "task": cast("Task", task),
        "calibration": Calibration.from_dict(kept[CALIBRATION_KEY]),
        "threshold": None if threshold is None else float(threshold),
        "interval": None if interval is None else Interval.from_dict(interval),
    }


def _artifacts(use_case: UseCase, version: int) -> Path:
    """Folder with a version's files; a copy where the artifact store is not on this disk."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    name = use_case.model_name
    try:
        return patiently(
            f"fetching the files of {name} version {version}",
            lambda: Path(download_artifacts(artifact_uri=f"models:/{name}/{version}")),
        )
    except (OSError, MlflowException) as error:
        raise explained(error) or _incomplete(use_case, version, f"{error!s:.300}") from error


def _incomplete(use_case: UseCase, version: int, why: str) -> NightshiftError:
    return MissingError(
        f"{use_case.model_name} version {version} is not complete, so nothing can be scored with it: {why}. Take "
        f"another version (`nightshift models list --use-case {use_case.name}`), or restore its files from a backup"
    )


def _booster(path: Path) -> str:
    """LightGBM's text form, whole: it ends with its parameters, so a file that was cut short shows."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise DataError(f"{path.name} is no whole model of LightGBM")
    return text


def _description(folder: Path) -> dict[str, Any]:
    """The file MLmodel, MLflow's own description of a model."""
    import yaml

    raw: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    missing = [key for key in ("flavors", "signature", "metadata") if not raw.get(key)]
    missing = missing or [key for key in (ENCODING_KEY, CALIBRATION_KEY, TASK_KEY) if key not in raw["metadata"]]
    if missing:
        raise DataError(f"MLmodel lacks {', '.join(missing)}, so nightshift did not register it")
    return raw
