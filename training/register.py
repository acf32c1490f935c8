"""What is kept of a training: an MLflow run always, a registered version and the alias only after the gates.

The order is what makes it safe: run, model files, version with all its tags, and the alias last. Whoever reads
`champion` therefore never sees half a model.
"""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift import registry
from nightshift.job import Job
from training.dataset import Dataset
from training.evaluate import Evaluation
from training.gates import Verdict, as_table
from training.plots import draw

if TYPE_CHECKING:
    import lightgbm as lgb
    from mlflow.models.model import ModelInfo

log = logging.getLogger("nightshift")

EXAMPLE_ROWS = 5
MODEL_REQUIREMENTS = ("lightgbm", "numpy")


@contextmanager
def tracked_run(job: Job) -> Iterator[str]:
    """An MLflow run around a training; gives its id. An exception marks the run as failed."""
    registry.client()
    import mlflow

    with mlflow.start_run(
        experiment_id=registry.experiment_id(job.use_case),
        run_name=f"{job.use_case.name} {job.dates}",
        tags={"use_case": job.use_case.name, "dates": str(job.dates), "nightshift_run": job.run_id},
    ) as run:
        yield run.info.run_id


def log_training(parameters: dict[str, Any], metrics: Mapping[str, float], tags: dict[str, str]) -> None:
    """Parameters, finite metrics and tags of the current run; other metrics are in the gates' report."""
    import mlflow

    mlflow.log_params(parameters)
    mlflow.log_metrics({name: value for name, value in metrics.items() if math.isfinite(value)})
    mlflow.set_tags(tags)


def log_report(booster: lgb.Booster, dataset: Dataset, evaluation: Evaluation, verdicts: Sequence[Verdict]) -> None:
    """Gates, features and plots of the current run."""
    import mlflow

    with tempfile.TemporaryDirectory(prefix="nightshift-") as name:
        folder = Path(name)
        _write_json(folder / "gates.json", [verdict.to_dict() for verdict in verdicts])
        (folder / "gates.txt").write_text(as_table(verdicts) + "\n", encoding="utf-8")
        _write_json(folder / "features.json", {**dataset.encoding.to_dict(), "left_out": list(dataset.left_out)})
        plots = folder / "plots"
        plots.mkdir()
        draw(plots, booster, dataset, evaluation)
        mlflow.log_artifacts(name)


def log_model(booster: lgb.Booster, dataset: Dataset) -> ModelInfo:
    """LightGBM's native file with signature, example and encoding, in the current run; nothing is pickled."""
    import importlib.metadata

    import mlflow
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    features = dataset.encoding.features
    # Everything is a double, a category as its code: an integer column could not hold a missing value.
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec("double")]),
    )
    example = pd.DataFrame(dataset.test.matrix[:EXAMPLE_ROWS].astype("float64"), columns=list(features))
    logged: ModelInfo = mlflow.lightgbm.log_model(
        booster,
        name="model",
        signature=signature,
        input_example=example,
        # Stated, because finding them out takes MLflow ten seconds.
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in MODEL_REQUIREMENTS],
        metadata={registry.ENCODING_KEY: dataset.encoding.to_dict()},
    )
    return logged


def promote(job: Job, model: ModelInfo, evaluation: Evaluation, tags: Mapping[str, str]) -> int:
    """Register a model that passed its gates and make it champion, the alias last; returns its version."""
    import mlflow

    name = job.use_case.model_name
    version = mlflow.register_model(
        model.model_uri,
        name,
        # repr: the threshold that was judged is the one that decides, to the last bit.
        tags={**tags, registry.THRESHOLD_TAG: repr(evaluation.threshold)},
    )
    registry.client().set_registered_model_alias(name, registry.CHAMPION, version.version)
    return int(version.version)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
