"""Every picture is drawn, of models good and bad, and shows something."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from tests.training.challenged import challenged
from training.plots import Subject, draw
from training.plots.plot_canvas import canvas, saved

OF_ALL = ["by_month", "learning_curve", "importance", "shap_summary", "dependence"]
OF_BINARY = ["roc_and_precision_recall", "reliability", "scores", "cost", *OF_ALL]
OF_REGRESSION = ["predicted_against_actual", "residuals_by_month", "interval_coverage", *OF_ALL]


def pixels(path):
    from matplotlib.image import imread

    return imread(path)


def looked_at(pictures, names):
    """Check what every picture must be against each of them."""
    assert [picture.path.stem for picture in pictures] == names
    for picture in pictures:
        shown = pixels(picture.path)
        assert shown.shape[0] > 200
        assert shown.shape[1] > 400
        # Not an empty sheet.
        assert np.mean(shown[..., :3] < 0.98) > 0.005, picture.path.name
        assert picture.caption.endswith(".")
        assert picture.title


def test_all_pictures_of_a_probability(toy, prepared, tmp_path):
    job = toy(monotone={"signal": "increasing"})
    dataset = prepared(job)
    subject = Subject(challenged(job, dataset), dataset, job.use_case.training, {"signal": "volts"})
    looked_at(draw(tmp_path / "plots", subject), OF_BINARY)


def test_all_pictures_of_a_value(toy, prepared, tmp_path):
    job = toy(task="regression")
    dataset = prepared(job)
    subject = Subject(challenged(job, dataset), dataset, job.use_case.training, {}, "minutes")
    looked_at(draw(tmp_path / "plots", subject), OF_REGRESSION)


def test_a_champion_is_drawn_beside_the_model(toy, prepared, tmp_path):
    job = toy()
    dataset = prepared(job)
    alone = Subject(challenged(job, dataset), dataset, job.use_case.training)
    evaluation = alone.evaluation
    metrics = {**evaluation.metrics, "champion_auc": 0.5, "champion_average_precision": 0.5}
    champion = np.linspace(0.2, 0.4, len(dataset.test))
    beside = dataclasses.replace(
        alone,
        challenger=dataclasses.replace(
            alone.challenger, evaluation=dataclasses.replace(evaluation, champion=champion, metrics=metrics)
        ),
    )
    (before, *_), (after, *_) = draw(tmp_path / "alone", alone), draw(tmp_path / "beside", beside)
    assert not np.array_equal(pixels(before.path), pixels(after.path))


def test_a_model_without_any_split_is_drawn_as_well(toy, prepared, make_rows, tmp_path):
    job = toy()
    dataset = prepared(job, make_rows(strength=0.0))
    challenger = challenged(job, dataset)
    import lightgbm as lgb

    data = lgb.Dataset(dataset.train.matrix, dataset.train.labels, feature_name=list(dataset.encoding.features))
    stump = lgb.train(
        {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 10**6, "num_threads": 1}, data, num_boost_round=1
    )
    model = dataclasses.replace(challenger.model, booster=stump)
    predicted = {name: model.predicted(getattr(dataset, name).matrix) for name in ("train", "validation", "test")}
    assert len(set(predicted["test"])) == 1
    evaluation = dataclasses.replace(challenger.evaluation, predicted=predicted)
    challenger = dataclasses.replace(challenger, model=model, evaluation=evaluation)
    pictures = draw(tmp_path, Subject(challenger, dataset, job.use_case.training))
    assert [picture.path.stem for picture in pictures] == OF_BINARY


def test_missing_values_and_many_categories_are_drawn(toy, prepared, make_rows, tmp_path):
    rows = make_rows()
    generator = np.random.default_rng(5)
    kinds = pa.array([f"kind number {number}" for number in generator.integers(0, 40, rows.num_rows)])
    signal = pa.array(np.where(generator.random(rows.num_rows) < 0.1, np.nan, rows["signal"]), from_pandas=True)
    names = rows.column_names
    rows = rows.set_column(names.index("kind"), "kind", kinds)
    rows = rows.set_column(names.index("signal"), "signal", signal.cast(pa.float32()))
    job = toy()
    dataset = prepared(job, rows)
    looked_at(draw(tmp_path, Subject(challenged(job, dataset), dataset, job.use_case.training)), OF_BINARY)


@pytest.mark.parametrize("months", [1, 4])
def test_as_many_months_as_there_are(toy, prepared, make_rows, tmp_path, months):
    job = toy(task="regression")
    dataset = prepared(job, make_rows(task="regression"))
    challenger = challenged(job, dataset)
    only = challenger.evaluation.by_month[0]
    several = [dataclasses.replace(only, month=only.month + 31 * number) for number in range(months)]
    evaluation = dataclasses.replace(challenger.evaluation, by_month=several)
    subject = Subject(dataclasses.replace(challenger, evaluation=evaluation), dataset, job.use_case.training)
    found = {picture.path.stem: picture for picture in draw(tmp_path, subject)}
    assert ("lies within one month" in found["by_month"].caption) == (months == 1)


def test_a_persons_own_styles_change_no_picture(tmp_path) -> None:
    import matplotlib

    # Would ask for LaTeX.
    matplotlib.rcParams["text.usetex"] = True
    saved(tmp_path / "empty.png", canvas())
    assert not matplotlib.rcParams["text.usetex"]
