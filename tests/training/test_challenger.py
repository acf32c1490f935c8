"""What a challenger is made from, and what it is compared with."""

import dataclasses
import logging

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss

from nightshift.dates import Length
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from nightshift.models.model_version import RegisteredModel
from tests.training.challenged import challenged
from training import challenger as module
from training.challenger import predictions_of
from training.data.dataset import prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.fitting.cross_fit import left_out_scores
from training.fitting.fit import binned, raw_scores
from training.fitting.fit_calibration import calibrate, interval
from training.judging.skew import Skew


def registered(model, version=4):
    encoding = model.encoding
    text = model.booster.model_to_string()
    return RegisteredModel(
        "toy", version, "run", text, encoding, encoding.features, model.task, model.calibration, model.threshold,
        model.interval,
    )  # fmt: skip


def with_column(rows, name, values):
    return rows.set_column(rows.column_names.index(name), name, values)


def leaking(rows, kind):
    """The rows with a leak in the column `other`."""
    generator = np.random.default_rng(1)
    event = rows["label"].to_numpy(zero_copy_only=False).astype(bool)
    noise, side = generator.normal(size=len(event)), generator.choice([-1, 1], len(event))
    column = {
        "copy": 1.0 * event,
        "noisy copy": event + 0.3 * noise,
        "both ends": np.where(event, side * (4 + 0.3 * noise), 0.5 * noise),
        "of events alone": np.where(event & (generator.random(len(event)) < 0.5), noise, np.nan),
    }[kind]
    return with_column(rows, "other", pa.array(column.astype(np.float32)))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("copy", "alone it has"),
        ("noisy copy", "alone it has"),
        # Alone it orders nothing.
        ("both ends", "a model without it has"),
        ("of events alone", "it is filled in "),
    ],
)
def test_a_leak_is_named_with_its_evidence_and_refused_where_nobody_answers_for_it(
    toy, prepared, make_rows, kind, says
):
    # What honest features say is little beside it.
    rows = leaking(make_rows(strength=0.4 if kind == "both ends" else 1.6), kind)
    job = toy()
    made = challenged(job, prepared(job, rows))
    assert [each.feature for each in made.suspects] == ["other"]
    assert any(clause.startswith(says) for clause in made.suspects[0].evidence)
    (verdict,) = [each for each in made.refused if each.name == "suspects_are_answered_for"]
    assert verdict.value == 1
    assert f"Suspected: {made.suspects[0]}." in verdict.meaning


def test_no_reason_clears_what_was_rewritten_since_it_was_scored(toy, prepared):
    job = toy(cleared_features={"signal": "drawn before the label", "kind": "known at noon of the day before"})
    skew = Skew(3000, {"kind": 0.05}, {}, (job.dates.first,), (), {"kind": 0.05})
    made = challenged(job, prepared(job), skew=skew)
    assert [each.feature for each in made.suspects] == ["kind"]
    assert "suspects_are_answered_for" in {each.name for each in made.refused}


def test_with_a_named_person_or_a_reason_a_suspect_is_not_refused(toy, prepared, make_rows):
    rows = leaking(make_rows(), "noisy copy")
    asked = toy(approval={"by": ["maria"]})
    made = challenged(asked, prepared(asked, rows))
    assert [each.feature for each in made.suspects] == ["other"]
    cleared = toy(cleared_features={"other": "written at noon of the day before; asked the sender"})
    looked_at = challenged(cleared, prepared(cleared, rows))
    assert looked_at.suspects == ()
    assert [str(each) for each in looked_at.cleared] == [str(each) for each in made.suspects]
    for each in (made, looked_at):
        assert "suspects_are_answered_for" not in {verdict.name for verdict in each.refused}


def test_a_champion_that_reads_a_suspect_is_named_with_the_command_that_blocks_it(toy, prepared, make_rows, caplog):
    job = toy(approval={"by": ["maria"]})
    dataset = prepared(job, leaking(make_rows(), "noisy copy"))
    first = challenged(job, dataset)
    caplog.clear()
    challenged(job, dataset, champion=registered(first.model))
    assert "champion version 4 reads other as well, which may know the outcome" in caplog.text
    assert f"nightshift models block 4 --use-case {job.use_case.name} --who <name> --why <reason>" in caplog.text


def test_an_honest_feature_that_is_strong_beside_others_is_none(toy, prepared, make_rows):
    rows, job = make_rows(), toy(cleared_features={})
    known = 1.6 * (rows["signal"].to_numpy() + 0.7 * rows["other"].to_numpy())
    label = np.random.default_rng(1).random(len(known)) < 1 / (1 + np.exp(-known))
    made = challenged(job, prepared(job, with_column(rows, "label", pa.array(label))))
    assert made.numbers["strongest_feature_auc"] > 0.75
    assert made.suspects == made.cleared == ()


def test_what_was_rewritten_since_it_was_scored_is_a_suspect(toy, prepared):
    job = toy()
    skew = Skew(3000, {"kind": 0.05}, {}, (job.dates.first,), (), {"kind": 0.05})
    made = challenged(job, prepared(job), skew=skew)
    assert [str(each) for each in made.suspects] == [
        "kind: 5.0% of its values differ from those that were scored, of 3,000 rows of 1 scored dates, by key"
    ]


def test_a_base_rate_that_rises_fourfold_in_the_test_fails_both_defaults_on_calibration(toy, prepared, make_rows):
    rows = make_rows(per_day=200)
    event = rows["label"].to_numpy(zero_copy_only=False).astype(bool)
    last = np.repeat(np.arange(36) >= 22, 200)
    # Of events, few are left before the test.
    kept = np.where(event & ~last, np.random.default_rng(2).random(len(event)) < 0.04, True)
    job = toy()
    (job.use_case.folder / "gates.yaml").unlink()
    refused = {}
    for name, table in (("drift", rows.filter(pa.array(kept))), ("as it was", rows)):
        made = challenged(job, prepared(job, table))
        refused[name] = {each.name for each in made.refused}
    assert {"level_is_right", "calibrated_for_the_base_rate"} <= refused["drift"]
    assert refused["as it was"] == set()


def test_a_model_whose_test_has_rows_on_too_few_days_is_refused_and_it_is_said_why(toy, prepared, make_rows, caplog):
    rows = make_rows()
    day = np.repeat(np.arange(36), 100)
    job = toy()
    made = challenged(job, prepared(job, rows.filter(pa.array(~np.isin(day, [23, 26])))))
    refused = {"better_than_constant_rate", "ranks_better_than_chance"}
    assert refused <= {each.name for each in made.refused}
    assert (
        "12 batch dates of the test period have rows, and to tell how far chance moves a measure 14 are needed"
        in caplog.text
    )
    assert made.numbers["auc"] > 0.7


def test_a_regression_has_its_own_measure_of_a_leak(toy, prepared):
    job = toy(task="regression")
    numbers = challenged(job, prepared(job)).numbers
    assert 0.1 < numbers["strongest_feature_r2"] < 1
    assert "strongest_feature_auc" not in numbers


@pytest.mark.parametrize("weight", [20, "balanced"])
def test_weighed_events_do_not_move_probabilities_where_few_days_prove_nothing(toy, make_rows, weight, monkeypatch):
    """Three days to train on and three to calibrate on: hardly enough to choose by."""
    job = toy(days=20, event_weight=weight)
    rows = make_rows(days=20, per_day=60, strength=0.5, seed=2)
    rare = rows.filter(pa.array((rows["label"].to_numpy(zero_copy_only=False) == 0) | (np.arange(1200) % 4 == 0)))
    dataset = prepare(
        Rows.complete(rare),
        job.use_case,
        job.catalog["gold.features"],
        Periods.at_end(job.dates, Length(3), Length(14)),
    )
    taken_out = []
    monkeypatch.setattr(module, "calibrate", lambda *given: taken_out.append(given[6]) or calibrate(*given))
    made = challenged(job, dataset)
    events = float(dataset.train.labels.sum())
    known = 20.0 if weight == 20 else (len(dataset.train) - events) / events
    assert taken_out == [known]
    # The known shift, or a map that was better than it on days left out: never the raw sigmoid.
    assert made.model.calibration.kind != "none"
    predicted = made.evaluation.predicted["validation"]
    assert predicted.mean() == pytest.approx(dataset.constant, abs=0.1)
    assert known > 3
    assert made.evaluation.predicted["test"].mean() == pytest.approx(dataset.test.rate, abs=0.08)


def test_the_interval_of_values_comes_from_train_left_out_and_validation(toy, prepared):
    job = toy(task="regression")
    dataset = prepared(job)
    made = challenged(job, dataset)
    train, validation = dataset.train, dataset.validation
    parts = binned(dataset, job.use_case)
    raw, there = left_out_scores(parts, train, made.winner.parameters, made.winner.rounds)
    assert there.all()
    residuals = np.append(train.labels - raw, validation.labels - raw_scores(made.model.booster, validation.matrix))
    assert made.model.interval == interval(residuals, np.zeros(len(residuals)), np.ones(len(residuals)), 0.8)


def test_the_embargo_of_the_split_is_that_of_what_is_left_out(toy, make_rows, monkeypatch):
    job = toy()
    periods = Periods.at_end(job.dates, Length(8), Length(14), Length(2))
    dataset = prepare(Rows.complete(make_rows()), job.use_case, job.catalog["gold.features"], periods)
    asked = []

    def left_out(parts, train, parameters, rounds, embargo, calendar):
        asked.append(embargo)
        return left_out_scores(parts, train, parameters, rounds, embargo, calendar)

    monkeypatch.setattr(module, "left_out_scores", left_out)
    challenged(job, dataset)
    assert asked == [dataset.embargo] == [2]


@pytest.fixture(scope="module")
def says():
    return "nightshift models block 4 --use-case toy_"


def test_a_champion_predicts_the_rows_of_the_test(toy, prepared):
    job = toy()
    dataset = prepared(job)
    made = challenged(job, dataset)
    again = predictions_of(registered(made.model), dataset, job.use_case)
    assert np.array_equal(again, made.evaluation.predicted["test"])


def test_a_champion_that_was_tuned_on_a_day_of_the_test_is_compared_on_the_others(toy, prepared, caplog):
    """Thirteen later days: too few by themselves, and enough where each row is a unit."""
    job = toy(independent_unit="id")
    dataset = prepared(job)
    model = challenged(job, dataset).model
    shifted = dataclasses.replace(model, calibration=Calibration("platt", slope=0.5))
    champion = dataclasses.replace(registered(shifted), tags={"period.test": "2024-01-24..2024-02-05"})
    with caplog.at_level(logging.WARNING, "nightshift"):
        made = challenged(job, dataset, champion=champion)
    later = dataset.test.days >= np.datetime64("2024-01-24")
    labels = dataset.test.labels[later]
    theirs, ours = (
        log_loss(labels, each[later]) for each in (made.evaluation.champion, made.evaluation.predicted["test"])
    )
    assert made.numbers["gain_over_champion"] == pytest.approx(theirs - ours)
    assert "On 2024-01-23 of this test period the measures of champion version 4 flatter it" in made.flattered
    assert made.flattered in caplog.text
    assert len(made.evaluation.champion) == len(dataset.test)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("signal", None, "no longer has signal"),
        ("kind", pa.array(np.zeros(3600, np.float32)), "kind is a float now, and it knows it as a category"),
        ("signal", pa.array(["low", "high", "high"] * 1200), "signal is a string now, and it knows it as a quantity"),
    ],
    ids=["gone", "category became a number", "number became a category"],
)
def test_a_champion_that_cannot_read_the_features_of_today_is_said_with_the_next_step(
    toy, prepared, make_rows, caplog, says, column, values, fault
):
    job = toy()
    rows = make_rows()
    old = challenged(job, prepared(job, rows)).model
    dataset = prepared(job, rows)
    changed = rows.drop_columns([column]) if values is None else with_column(rows, column, values)
    first = dataset.periods.test.first
    test = changed.filter(pa.compute.greater_equal(changed["batch_date"], pa.scalar(first)))
    today = dataclasses.replace(dataset, tables={**dataset.tables, "test": test})
    with caplog.at_level(logging.WARNING, "nightshift"):
        assert predictions_of(registered(old), today, job.use_case) is None
    assert fault in caplog.text
    assert says in caplog.text


def test_a_champion_of_another_task_is_said_before_the_search_and_blocks_the_challenger(
    toy, prepared, caplog, says, monkeypatch
):
    of_values, job = toy(task="regression"), toy()
    champion = registered(challenged(of_values, prepared(of_values)).model)
    searched = []
    real = module.search
    monkeypatch.setattr(module, "search", lambda *a, **k: searched.append("block 4" in caplog.text) or real(*a, **k))
    with caplog.at_level(logging.WARNING, "nightshift"):
        made = challenged(job, prepared(job), champion=champion)
    assert "it is a regression model, and the task is binary now" in caplog.text
    assert says in caplog.text
    assert searched == [True]
    assert "better_than_champion" in {each.name for each in made.refused}


def test_a_feature_that_is_read_alike_under_another_declaration_is_compared(toy, prepared):
    job = toy()
    dataset = prepared(job)
    model = registered(challenged(job, dataset).model)
    test = dataset.tables["test"]
    wider = with_column(test, "signal", test["signal"].cast(pa.float64()))
    today = dataclasses.replace(dataset, tables={**dataset.tables, "test": wider}, encoding=Encoding((), {}))
    assert predictions_of(model, today, job.use_case) is not None
