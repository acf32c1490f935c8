"""What use_case.yaml names and the tables do not have is said before a row is read, with the field."""

import pytest

from nightshift.errors import NightshiftError
from training.data.declaration_checks import carried_columns, check_declarations


def test_what_fits_is_accepted(toy):
    job = toy(monotone={"signal": "increasing"}, slices=["region", "kind"], fairness=["gender", "region"])
    check_declarations(job.catalog)
    assert carried_columns(job.use_case) == ("region", "kind", "gender")
    by_region = toy(slices=["kind"], independent_unit="region")
    check_declarations(by_region.catalog)
    assert carried_columns(by_region.use_case) == ("kind", "region")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"monotone": {"nothing": "increasing"}}, r"training\.monotone: nothing is no feature .* signal, other"),
        (
            {"cleared_features": {"region": "known at noon of the day before"}},
            r"cleared_features: region is no feature .* signal, other, kind",
        ),
        ({"monotone": {"region": "increasing"}}, r"training\.monotone: region is no feature"),
        ({"monotone": {"kind": "decreasing"}}, r"training\.monotone: kind is a category"),
        ({"slices": ["nothing"]}, r"training\.slices: nothing is no column of gold/.*; columns there: .*region"),
        ({"fairness": ["nothing"]}, r"training\.fairness: nothing is no column"),
        (
            {"independent_unit": "nothing"},
            r"training\.independent_unit: nothing is no column .*; it is batch_date, or one of id, kind, region",
        ),
        ({"independent_unit": "signal"}, r"training\.independent_unit: signal of gold/.* is a double, .* string, int"),
    ],
)
def test_a_column_that_does_not_exist_is_named_with_its_field(toy, training, message):
    with pytest.raises(NightshiftError, match=message):
        check_declarations(toy(**training).catalog)


def test_events_of_values_cannot_be_kept(toy):
    with pytest.raises(NightshiftError, match=r"training\.sampling\.keep_events is for binary tasks"):
        toy(task="regression", sampling={"max_rows": 500, "keep_events": True})
    assert toy(sampling={"max_rows": 500, "keep_events": True}).use_case.training.sampling.keep_events
    assert not toy(task="regression", sampling={"max_rows": 500}).use_case.training.sampling.keep_events


def test_all_faults_are_said_at_once(toy):
    with pytest.raises(NightshiftError) as refusal:
        check_declarations(toy(slices=["one"], fairness=["two"]).catalog)
    assert "training.slices: one" in str(refusal.value)
    assert "training.fairness: two" in str(refusal.value)


def changed(job, short_name, column, **update):
    """The table with one column declared otherwise, in the job's catalog."""
    table = job.catalog[short_name]
    columns = tuple(one.model_copy(update=update) if one.name == column else one for one in table.columns)
    job.catalog._tables[short_name] = table.model_copy(update={"columns": columns})


@pytest.mark.parametrize(("task", "column"), [("binary", "happened"), ("regression", "minutes")])
def test_a_label_of_a_type_that_the_task_cannot_learn(toy, task, column):
    job = toy(task=task)
    changed(job, "silver.results", column, type="string")
    with pytest.raises(NightshiftError, match=rf"target\.column: {column} of silver/.* is a string"):
        check_declarations(job.catalog)


def test_a_label_that_does_not_exist(toy):
    job = toy()
    changed(job, "silver.results", "happened", name="renamed")
    with pytest.raises(NightshiftError, match=r"target\.table: silver/.* lacks happened"):
        check_declarations(job.catalog)


def test_a_feature_that_is_called_label(toy):
    job = toy()
    changed(job, "gold.features", "other", name="label")
    with pytest.raises(NightshiftError, match="has a column 'label'"):
        check_declarations(job.catalog)
