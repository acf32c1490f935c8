"""Audits find what they are there for, and say it in words."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from great_expectations.datasource.fluent.interfaces import Batch

from expectations import audit, run_suite
from expectations.use_case_checks import domain_expectations
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError, ResourcesError
from nightshift.home.settings import get_settings
from nightshift.lake.audit_report import AuditError, Check, without_result
from tests.declaring import a_table, column
from tests.expectations.conftest import EXPLAINED

DAY = dt.date(2013, 10, 1)
NIGHT = BatchDates.of(DAY)
HOUR = dt.datetime(2013, 10, 1, 9)


@pytest.fixture
def scores(home):
    declared = Catalog(UseCase.load("flight_delays", get_settings()))["gold.scores"]
    # What it has to agree with is not published here.
    return declared.model_copy(update={"agrees_with": ()})


def scored(spark, table, *changes):
    """Two good scores, then one row per change to a good one."""
    good = {
        **EXPLAINED,
        "batch_date": DAY,
        "time_hour": HOUR,
        "carrier": "UA",
        "flight": 1,
        "origin": "EWR",
        "dest": "IAH",
        "probability": 0.2,
        "decision": "none",
        "model_name": "flight_delays",
        "model_version": 1,
    }
    rows = [good, {**good, "flight": 2, "probability": 0.6}, *({**good, "flight": 3, **change} for change in changes)]
    return spark.createDataFrame([tuple(row[name] for name in table.column_names) for row in rows], table.ddl)


def failed(report) -> dict:
    return {check.name: check for check in report.checks if not check.passed}


def test_a_good_slice_passes(spark, scores):
    report = audit(scored(spark, scores), scores, NIGHT, expected_rows=2)
    assert failed(report) == {}
    assert report.page.read().count(b"<html") == 1
    assert "passed" in report.page.name


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"flight": 1}, "keys_are_unique"),
        ({"carrier": None}, "carrier_is_not_null"),
        ({"origin": "XXX"}, "origin_is_an_accepted_value"),
        ({"probability": 1.5}, "probability_is_in_range"),
        ({"probability": float("nan")}, "probability_is_in_range"),
        ({"model_version": 2}, "one_model_per_batch_date"),
        ({"reasons": None}, "reasons_is_not_null"),
        ({"threshold": None}, "threshold_is_not_null"),
    ],
)
def test_a_bad_row_blocks(spark, scores, change, check):
    report = audit(scored(spark, scores, change), scores, NIGHT, expected_rows=3)
    assert check in {blocking.name for blocking in report.blocking}
    assert "failed" in report.page.name


def test_a_missing_row_blocks(spark, scores):
    report = audit(scored(spark, scores), scores, NIGHT, expected_rows=3)
    assert "2, expected {'value': 3}" in failed(report)["row_count_is_as_delivered"].observed


def pandas_batch(rows, table):
    """As in the product, but for the engine: this needs no Spark."""
    source = run_suite._context().data_sources.add_or_update_pandas("rows")
    return (
        source.add_dataframe_asset(table.identifier)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": rows})
    )


def test_a_check_whose_result_got_lost_blocks(monkeypatch):
    validate = Batch.validate

    def forgetful(*arguments, **more):
        result = validate(*arguments, **more)
        names = [each.expectation_config.meta["name"] for each in result.results]
        result.results.pop(names.index("keys_are_unique"))
        return result

    table = a_table(column("id", "bigint", required=True), use_case="nobodys")
    rows = pd.DataFrame({"batch_date": [DAY], "id": [1]})
    monkeypatch.setattr(run_suite, "_batch", pandas_batch)
    assert all(check.passed for check in run_suite._declared_checks(rows, table, NIGHT, 1))
    monkeypatch.setattr(Batch, "validate", forgetful)
    [failed] = [check for check in run_suite._declared_checks(rows, table, NIGHT, 1) if not check.passed]
    assert (failed.name, failed.consequence, failed.observed) == ("keys_are_unique", "blocks", "no result")


def test_a_range_may_end_on_a_date_on_which_nothing_went_in(spark, scores):
    dates = BatchDates(DAY, DAY + dt.timedelta(days=1))
    report = audit(scored(spark, scores), scores, dates, expected_rows=2)
    assert failed(report) == {}
    assert report.profiles[dates.last]["rows"] == 0


def test_the_message_names_check_rows_examples_and_next_step(spark, scores):
    bad = [{"flight": 10 + number, "origin": "XXX"} for number in range(7)]
    report = audit(scored(spark, scores, *bad), scores, NIGHT, expected_rows=9)
    message = str(AuditError(scores, NIGHT, report, "call someone"))
    assert "origin_is_an_accepted_value (blocks, 7 rows)" in message
    assert message.count("example:") == 5
    assert '"flight": 10' in message
    assert message.endswith("next: call someone")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import great_expectations.expectations as gxe\n\ndef expectations(table, dates):\n"
            "    yield gxe.ExpectTableRowCountToEqual(value=1)\n",
            "is no check with a name, a reason and a consequence",
        ),
        (
            "def expectations(table, dates):\n    yield 'flights_are_many'\n",
            "'flights_are_many' is no check with a name",
        ),
    ],
    ids=["without a name", "no check at all"],
)
def test_a_check_of_the_domain_says_name_reason_and_consequence(scores, tmp_path, monkeypatch, code, said):
    audits = tmp_path / "flight_delays" / "audits"
    audits.mkdir(parents=True)
    (audits / "gold_scores.py").write_text(code)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path))
    get_settings.cache_clear()
    with pytest.raises(NightshiftError, match=said) as refused:
        domain_expectations(scores.within(get_settings()), NIGHT)
    assert str(audits / "gold_scores.py") in str(refused.value)


def test_a_declared_check_without_a_result_has_failed():
    good = Check("one", "warns", "why", passed=True)
    lacking = list(without_result(["one", "two", "one"], [good]))
    assert [(check.name, check.consequence, check.passed, check.observed) for check in lacking] == [
        ("one", "blocks", False, "no result"),
        ("two", "blocks", False, "no result"),
    ]
    assert list(without_result(["one"], [good])) == []


def test_every_domain_module_belongs_to_a_declared_table(home):
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    modules = sorted(path.stem for path in (catalog.use_case.folder / "audits").glob("[a-z]*.py"))
    assert modules
    for name in modules:
        suite = domain_expectations(catalog[name.replace("_", ".", 1)], NIGHT)
        assert suite, name
        for expectation in suite:
            assert expectation.meta["name"], name
            assert len(expectation.meta["why"]) > 20, name
            assert expectation.severity in ("critical", "warning"), name


@pytest.mark.parametrize(
    ("said", "raised"),
    [("java.io.IOException: No space left on device", ResourcesError), ("no such column", None)],
)
def test_a_check_that_a_full_disk_kept_from_being_evaluated_is_no_verdict(said, raised):
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    config = ExpectationConfiguration(
        "expect_column_values_to_not_be_null", {"column": "dest"}, meta={"name": "dest_is_known", "why": "a test"}
    )
    fault = {"raised_exception": True, "exception_message": said, "exception_traceback": ""}
    result = ExpectationValidationResult(success=False, expectation_config=config, exception_info=fault)
    scores = Catalog(UseCase.load("flight_delays", get_settings()))["gold.scores"]
    if raised is None:
        assert run_suite._check(result, scores).observed == "could not be evaluated: no such column"
    else:
        with pytest.raises(raised):
            run_suite._check(result, scores)
