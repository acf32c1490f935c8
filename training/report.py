"""All that a training leaves for people to read: its numbers as JSON, its pictures, and the model card.

The files go into the MLflow run of the training, and from there into the audit pack of the version that it made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings
from nightshift.ledger.run_environment import described
from training.card import Card, write_card
from training.judging.gates import as_table
from training.judging.metrics import reliability
from training.plots import Subject, draw

if TYPE_CHECKING:
    from nightshift.job import Job
    from nightshift.models.model_version import RegisteredModel
    from training.challenger import Challenger
    from training.data.dataset import Dataset
    from training.data.time_split import Periods
    from training.judging.skew import Skew

log = logging.getLogger("nightshift")


@contextlib.contextmanager
def write_report(
    job: Job,
    challenger: Challenger,
    dataset: Dataset,
    periods: Periods,
    provenance: Mapping[str, str],
    champion: RegisteredModel | None,
    skew: Skew | None,
    declarations: Mapping[str, bytes],
) -> Iterator[Path]:
    """A folder with everything that the MLflow run keeps beside the model; it goes when the block ends.

    Args:
        job: the training.
        challenger: the model, its evaluation and its verdicts.
        dataset: that it was made from.
        periods: train, validation and test.
        provenance: what the version's tags will say: data versions, code, environment, study.
        champion: that it was compared with.
        skew: of the training range; None where it was not looked for.
        declarations: content of the files that declare the use case and judged the model, by name: as they were when
            the training began.
    """
    with tempfile.TemporaryDirectory(prefix="nightshift-report-") as name:
        folder = Path(name)
        (folder / "gates.txt").write_text(as_table(challenger.verdicts) + "\n", encoding="utf-8")
        for file, content in _contents(challenger, dataset, periods, provenance, skew).items():
            (folder / file).write_text(as_json(content), encoding="utf-8")
        for file, declared in declarations.items():
            (folder / file).write_bytes(declared)
        _write_trials(folder, job.home, challenger.winner.study)
        pictures = draw(folder / "plots", _subject(job, challenger, dataset))
        card = Card(
            job.use_case, job.catalog, challenger, dataset, periods, provenance, champion, skew, pictures
        )  # fmt: skip
        write_card(folder / "card", card)
        yield folder


def _subject(job: Job, challenger: Challenger, dataset: Dataset) -> Subject:
    """What pictures are drawn of, with the units that the tables declare."""
    target = job.use_case.target
    units = {column.name: column.unit for column in job.catalog[FEATURE_TABLE].features if column.unit}
    labels = job.catalog[f"silver.{target.table}"].columns
    unit = next((column.unit for column in labels if column.name == target.column), None)
    return Subject(challenger, dataset, job.use_case.training, units, unit or "")


def as_json(content: Any) -> str:
    """JSON as every reader understands it: what is not finite is null, dates and arrays are text and lists."""
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _contents(
    challenger: Challenger,
    dataset: Dataset,
    periods: Periods,
    provenance: Mapping[str, str],
    skew: Skew | None,
) -> dict[str, Any]:
    """The content of each JSON file."""
    evaluation, model = challenger.evaluation, challenger.model
    return {
        "suspects.json": {
            "open": [each.to_dict() for each in challenger.suspects],
            "cleared": [each.to_dict() for each in challenger.cleared],
        },
        "gates.json": [verdict.to_dict() for verdict in challenger.verdicts],
        "measures.json": {
            "judged": challenger.numbers,
            "side_by_side": evaluation.side_by_side,
            "intervals": evaluation.basis.words,
        },
        "features.json": {
            **dataset.encoding.to_dict(),
            "left_out": dataset.left_out,
            "drift": challenger.drift,
            "missing_rise": challenger.missing_rise,
        },
        "slices.json": evaluation.slices,
        "fairness.json": evaluation.groups,
        "by_month.json": evaluation.by_month,
        "skew.json": None if skew is None else skew.to_dict(),
        "calibration.json": {
            **model.calibration.to_dict(),
            "threshold": model.threshold,
            "interval": None if model.interval is None else model.interval.to_dict(),
            "reliability": _reliability(challenger, dataset),
        },
        "learning_curve.json": challenger.learning_curve,
        "search.json": challenger.winner,
        "data.json": {
            "periods": {name: str(period) for name, period in periods.items()},
            "rows": {name: len(getattr(dataset, name)) for name, _ in periods.items()},
            "coverage": {str(date): both for date, both in dataset.coverage.items()},
        },
        "provenance.json": {**provenance, "environment": described()},
    }


def _reliability(challenger: Challenger, dataset: Dataset) -> list[dict[str, float]] | None:
    """Forecast, observed rate and rows of each bin of the test period; None for values."""
    if challenger.model.threshold is None:
        return None
    test = dataset.test
    bins = zip(*reliability(test.labels, challenger.evaluation.predicted["test"], test.weights), strict=True)
    return [{"forecast": forecast, "observed": observed, "rows": rows} for forecast, observed, rows in bins]


def _write_trials(folder: Path, home: Settings, study: str) -> None:
    """The trials of the search as CSV; a study that is not in the database is said and passed over.

    What a search did is told by its winner as well, so that a report never fails for the lack of it.
    """
    import optuna
    import sqlalchemy.exc

    from nightshift.home.postgres_server import database_url

    try:
        trials = optuna.load_study(study_name=study, storage=database_url(home, "optuna")).trials_dataframe()
    except (KeyError, NightshiftError, sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        log.warning("the trials of study %s cannot be read, the report goes without them: %.200s", study, error)
        return
    trials.to_csv(folder / "trials.csv", index=False)


def _plain(value: Any) -> Any:
    """Plain values for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.datetime64 | dt.date):
        return str(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
