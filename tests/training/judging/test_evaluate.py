"""A whole evaluation: what is there, what is compared, and what noise and sameness give."""

import dataclasses
import math

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score

from nightshift.errors import NightshiftError
from nightshift.models.calibrated_predictions import Interval
from tests.training.judged import Oracle, a_part, dataset, use_case
from training.judging.evaluate import best_threshold, evaluate, interval_level
from training.judging.gates import Facts, Gate, judge

ROWS = 6000
COMPUTED = Gate(
    name="computed", group="absolute", number="numbers_not_finite", at_most=0, meaning="What is hidden could be bad."
)


def forecasts(seed, strength=1.0):
    """Chances of an event, and whether it happened; strength 0 is noise."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=ROWS)
    chance = 1 / (1 + np.exp(1.2 - signal))
    labels = (generator.random(ROWS) < chance).astype(float)
    given = 1 / (1 + np.exp(1.2 - signal)) if strength else 1 / (1 + np.exp(1.2 - generator.normal(size=ROWS)))
    return given.astype(np.float32).astype(float), labels


def parts(seed=1, strength=1.0):
    return tuple(
        a_part(*forecasts(seed + number, strength), first)
        for number, first in enumerate(("2024-01-01", "2024-03-01", "2024-05-01"))
    )


@pytest.fixture
def data():
    return dataset(parts(), {"all": {"origin": pa.array(np.repeat(["A", "B"], ROWS // 2))}})


def test_all_that_was_promised_is_there_and_a_number(data):
    case = use_case(slices=["origin"], fairness=["origin"])
    champion = np.full(ROWS, 0.25)
    evaluation = evaluate(Oracle(0.25), data, case, champion, champion_threshold=0.2)
    headline = ("auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_at_10", "precision",
                "recall", "cost_per_row", "gain_over_constant", "gain_over_champion")  # fmt: skip
    for name in headline:
        metrics = evaluation.metrics
        assert metrics[f"{name}_lower"] <= metrics[name] <= metrics[f"{name}_upper"], name
    assert {"rows", "events", "rows_of_rarer_class", "threshold", "warned_share", "loss", "cost_per_row_never_warning",
            "train_auc", "validation_loss", "constant_log_loss", "champion_auc", "champion_cost_per_row",
            "auc_gain_over_champion_lower", "worst_slice_auc", "worst_slice_calibration_error",
            "smallest_selection_ratio_lower", "smallest_true_positive_ratio"} <= metrics.keys()  # fmt: skip
    assert all(type(value) is float and math.isfinite(value) for value in metrics.values())
    assert set(evaluation.side_by_side) == {"train", "validation", "test", "constant", "champion"}
    assert {name: len(each) for name, each in evaluation.predicted.items()} == dict.fromkeys(evaluation.predicted, ROWS)


def test_numbers_without_a_prefix_are_those_of_test(data):
    metrics = evaluate(Oracle(0.25), data, use_case()).metrics
    for prefix, part in (("", data.test), ("train_", data.train), ("validation_", data.validation)):
        assert metrics[f"{prefix}auc"] == pytest.approx(roc_auc_score(part.labels, part.matrix[:, 0]))
    assert not [name for name in metrics if "champion" in name or name.startswith(("worst_", "smallest_"))]


def test_months_are_those_of_test(data):
    evaluation = evaluate(Oracle(0.25), data, use_case(), np.full(ROWS, 0.25))
    assert [str(each.month) for each in evaluation.by_month] == ["2024-05-01", "2024-06-01"]
    assert sum(each.rows for each in evaluation.by_month) == ROWS
    may = data.test.days < np.datetime64("2024-06-01")
    expected = roc_auc_score(data.test.labels[may], data.test.matrix[may, 0])
    assert evaluation.by_month[0].metrics["auc"] == pytest.approx(expected)
    assert evaluation.by_month[0].metrics["champion_auc"] == 0.5


def test_a_better_model_is_surely_better_and_the_same_is_not(data):
    noisy = np.clip(data.test.matrix[:, 0] + np.random.default_rng(3).normal(0, 0.15, ROWS), 0.01, 0.99)
    better = evaluate(Oracle(0.25), data, use_case(), noisy).metrics
    assert better["gain_over_champion_lower"] > 0
    assert better["auc_gain_over_champion_lower"] > 0
    assert better["gain_over_champion"] == pytest.approx(better["champion_loss"] - better["loss"])
    same = evaluate(Oracle(0.25), data, use_case(), data.test.matrix[:, 0].astype(float)).metrics
    assert same["gain_over_champion_lower"] == same["gain_over_champion_upper"] == 0
    assert same["auc_gain_over_champion_lower"] <= 0 <= same["auc_gain_over_champion_upper"]


def test_a_slightly_worse_model_is_not_surely_better(data):
    good = data.test.matrix[:, 0].astype(float)
    worse = dataset(tuple(a_part(np.clip(part.matrix[:, 0] + 0.02, 0, 0.99), part.labels, str(part.days[0]))
                                 for part in (data.train, data.validation, data.test)))  # fmt: skip
    assert evaluate(Oracle(0.25), worse, use_case(), good).metrics["gain_over_champion_lower"] < 0


def test_days_that_the_champion_has_seen_do_not_decide_against_a_better_model(data):
    seen, labels = data.test.days < np.datetime64("2024-06-01"), data.test.labels
    champion = np.where(seen, np.clip(labels, 0.1, 0.9), 0.25)
    refused = evaluate(Oracle(0.25), data, use_case(), champion).metrics
    assert refused["gain_over_champion"] < 0
    assert refused["gain_over_champion_lower"] < 0
    fair = evaluate(Oracle(0.25), data, use_case(), champion, champion_rows=~seen).metrics
    assert fair["gain_over_champion_lower"] > 0
    # As if the test had these days only; all else is measured on the whole of it.
    part = a_part(data.test.matrix[~seen, 0], labels[~seen], "2024-06-01")
    later = evaluate(Oracle(0.25), dataset((data.train, data.validation, part)), use_case(), champion[~seen]).metrics
    gains = {name for name in fair if "gain_over_champion" in name}
    assert len(gains) == 9
    assert fair == {name: (later if name in gains else refused)[name] for name in refused}


def test_warnings_on_neighbouring_days_leave_only_the_ends_of_their_precision_unknown(data):
    """Two days of sixty, of one group, hold all warnings: without it there are none, and no precision."""
    part, day = data.test, np.arange(ROWS) // 100
    some = (day < 2) & (part.labels == 1)
    forecast = np.where(some, 0.9, np.minimum(part.matrix[:, 0], 0.4))
    few = dataset((data.train, data.validation, a_part(forecast, part.labels, "2024-05-01")))
    metrics = evaluate(Oracle(0.5), few, use_case()).metrics
    assert metrics["precision"] == 1
    assert {name for name, value in metrics.items() if not math.isfinite(value)} == {
        "precision_lower",
        "precision_upper",
    }
    facts = Facts.of(use_case(), champion_exists=False, scored_before=False)
    (verdict,) = judge([COMPUTED], metrics, facts)
    assert verdict.passed, verdict.meaning


def test_noise_is_no_better_than_chance_or_a_constant():
    passed = []
    for seed in range(20):
        noise = dataset(parts(10 * seed, strength=0))
        metrics = evaluate(Oracle(0.25), noise, use_case()).metrics
        passed += [metrics["auc_lower"] > 0.5, metrics["gain_over_constant_lower"] > 0]
    # Half a percent of 40 is expected.
    assert sum(passed) <= 1


@pytest.mark.parametrize("days", [4, 14])
def test_rows_on_too_few_days_show_nothing_surely(caplog, days):
    """Days whose rates happen to rise as their forecasts do."""
    day = np.arange(ROWS) * days // ROWS
    forecast = 0.1 + 0.6 * day / days
    labels = (np.random.default_rng(1).random(ROWS) < forecast).astype(float)
    train, validation, _ = parts()
    test = dataclasses.replace(
        a_part(forecast, labels, "2024-05-01"), days=np.datetime64("2024-05-01") + day.astype("timedelta64[D]")
    )
    columns = {"all": {"origin": pa.array(np.random.default_rng(2).choice(["A", "B"], ROWS))}}
    metrics = evaluate(
        Oracle(0.2), dataset((train, validation, test), columns), use_case(fairness=["origin"]), np.full(ROWS, 0.25)
    ).metrics
    assert metrics["auc"] > 0.6
    assert math.isfinite(metrics["smallest_selection_ratio"])
    names = ("auc", "gain_over_constant", "gain_over_champion", "auc_gain_over_champion", "brier")
    ends = [metrics[f"{name}_{end}"] for name in (*names, "smallest_selection_ratio") for end in ("lower", "upper")]
    assert [math.isfinite(end) for end in ends] == [days == 14] * len(ends)
    assert ("gates on ends of intervals fail: 4 batch dates of the test period have rows" in caplog.text) == (days == 4)


def test_a_test_of_one_date_is_judged_by_customers(data):
    """Each customer has ten rows and a level of its own, which the forecast does not see."""
    customer = np.repeat(np.arange(ROWS // 10, dtype=np.uint64), 10)
    level = np.random.default_rng(1).normal(size=ROWS // 10)[customer]
    signal = np.random.default_rng(2).normal(size=ROWS)
    labels = (np.random.default_rng(3).random(ROWS) < 1 / (1 + np.exp(1.2 - signal - level))).astype(float)
    forecast = 1 / (1 + np.exp(1.2 - signal))
    one_date = np.full(ROWS, np.datetime64("2024-05-01"))

    def evaluated(units, champion=None):
        test = dataclasses.replace(a_part(forecast, labels, "2024-05-01"), days=one_date, units=units)
        case = use_case(independent_unit="batch_date" if units is None else "customer")
        return evaluate(Oracle(0.25), dataset((data.train, data.validation, test)), case, champion)

    found = evaluated(customer, np.full(ROWS, 0.25))
    assert found.metrics["auc_lower"] > 0.6
    assert found.metrics["gain_over_champion_lower"] > 0
    assert found.basis.words == (
        "Intervals rest on 50 groups of 600 customer. They do not cover a change that hits all customer at once, like "
        "another season or another economy, as the test has 1 batch date only."
    )
    # Rows are not independent: as if they were, the interval of the Brier score would be narrower.
    as_rows = evaluated(np.random.default_rng(4).permutation(ROWS).astype(np.uint64))
    widths = [each.metrics["brier_upper"] - each.metrics["brier_lower"] for each in (found, as_rows)]
    assert widths[0] > 1.2 * widths[1]
    assert math.isnan(evaluated(None).metrics["auc_lower"])


def test_what_keeps_noise_out_is_wider_than_what_compares(data):
    assert interval_level("auc") == interval_level("gain_over_constant") == 0.99
    assert interval_level("gain_over_champion") == interval_level("brier") == 0.95


def test_weights_count_in_every_number():
    labels = np.tile([1.0, 0.0], ROWS // 2)
    forecast = np.where(labels == 1, 0.3, 0.2)
    weights = np.where(labels == 1, 1.0, 3.0)
    part = a_part(forecast, labels, "2024-01-01", weights)
    metrics = evaluate(Oracle(0.1), dataset(part), use_case()).metrics
    assert metrics["event_rate"] == pytest.approx(0.25)
    assert metrics["precision"] == pytest.approx(0.25)
    assert metrics["cost_per_row"] == pytest.approx(0.75)
    assert metrics["calibration_error"] == pytest.approx(0.25 * 0.7 + 0.75 * 0.2, abs=1e-6)
    assert metrics["rows"] == ROWS


def test_the_threshold_is_the_models_own_and_validation_chooses_it(data):
    costs = use_case().training.costs
    validation = data.validation
    threshold = best_threshold(validation.labels, validation.matrix[:, 0].astype(float), validation.weights, costs)
    assert threshold == pytest.approx(1 / (1 + 3), abs=0.08), "of a calibrated forecast: cost ratio"
    metrics = evaluate(Oracle(threshold), data, use_case()).metrics
    assert metrics["cost_per_row"] < min(metrics["cost_per_row_never_warning"], metrics["cost_per_row_always_warning"])


def test_a_forecast_that_is_no_number_ends_the_training(data):
    data.test.matrix[3, 0] = np.nan
    with pytest.raises(NightshiftError, match="1 of 6000 rows of the test period"):
        evaluate(Oracle(0.25), data, use_case())


def test_a_champion_that_gives_no_numbers_is_not_beaten(data):
    champion = np.full(ROWS, 0.25)
    champion[0] = np.nan
    metrics = evaluate(Oracle(0.25), data, use_case(), champion).metrics
    for name in ("gain_over_champion", "gain_over_champion_lower", "auc_gain_over_champion_lower", "champion_auc"):
        assert math.isnan(metrics[name]), name
    assert math.isfinite(metrics["auc"])


def test_regression_has_measures_of_its_own():
    generator = np.random.default_rng(1)
    values = generator.normal(10, 3, ROWS)
    forecast = (values + generator.normal(0, 1, ROWS)).astype(np.float32)
    data = dataset(a_part(forecast, values, "2024-01-01"), {"all": {"size": generator.random(ROWS)}})
    case = use_case("regression", slices=["size"])
    champion = values + generator.normal(0, 2, ROWS)
    model = Oracle(None, Interval(-1.28, 1.28, 0.8))
    evaluation = evaluate(model, data, case, champion)
    metrics = evaluation.metrics
    assert metrics["mae"] == pytest.approx(mean_absolute_error(values, forecast))
    for name in ("mae", "rmse", "pinball_lower", "pinball_upper", "coverage", "gain_over_constant"):
        assert metrics[f"{name}_lower"] < metrics[name] < metrics[f"{name}_upper"], name
    assert metrics["coverage_lower"] < 0.8 < metrics["coverage_upper"]
    assert metrics["gain_over_champion_lower"] > 0
    assert metrics["constant_mse"] == pytest.approx(values.var())
    assert metrics["worst_slice_mae"] >= metrics["mae"]
    assert "auc" not in metrics
    assert "pinball_lower" not in evaluation.side_by_side["champion"], "its interval was not given"
    assert all(math.isfinite(value) for value in metrics.values())
    assert [each.value.split(":")[0] for each in evaluation.slices] == [f"quartile {number}" for number in (1, 2, 3, 4)]
