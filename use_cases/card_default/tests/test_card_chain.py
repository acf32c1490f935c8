"""From the statements of some hundred clients to scores and the list for collections, by the real jobs."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.privacy.tokens import load_key, token
from nightshift.job import Job
from nightshift.lake.sql_queries import query
from nightshift.models import mlflow_connection, resolve_version
from nightshift.models.champions import history
from nightshift.models.mlflow_connection import client, model_version
from scoring.score import body as score
from spark_jobs.features import features
from spark_jobs.land import land
from spark_jobs.marts import marts
from spark_jobs.refine import refine
from tests.landed import Copy
from tests.silver import forget_tables
from training.data.point_in_time_rows import read
from training.data.time_split import Periods
from training.pinned_declarations import Pinned
from training.train import train_on

ALL, LEARNED, SCORED = "2005-04-30..2005-09-30", "2005-04-30..2005-08-31", "2005-09-30"
CLIENTS = 600
BY_HAND = (
    *("pay_status", "pay_status_before", "pay_status_two_before", "worst_pay_status", "late_share"),
    *("paid_amount", "paid_share", "paid_share_of_limit", "credit_limit", "bill_amount"),
    *("utilisation", "utilisation_before", "utilisation_change"),
)
# What some hundred clients can show: limits for thirty thousand are none for them.
LIMITS = {
    "auc_lower\n    at_least: 0.87": "auc_lower\n    at_least: 0.7",
    "smallest_true_positive_ratio\n    at_least: 0.8": "smallest_true_positive_ratio\n    at_least: 0.2",
    "smallest_selection_ratio\n    at_least: 0.55": "smallest_selection_ratio\n    at_least: 0.2",
}

REASON = "stands on the statement of the month before"


def rows_of(sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = query(sql, get_settings()).to_pylist()
    return found


def test_statements_become_scores_and_a_list_with_reasons(
    spark: SparkSession, home: Settings, use_cases_copy: Copy
) -> None:
    for old, new in LIMITS.items():
        use_cases_copy.patch("card_default/gates.yaml", old, new)
    use_cases_copy.patch("card_default/use_case.yaml", "smallest_slice: 1000", "smallest_slice: 100")
    # Nearly as good as a model of so few.
    cleared = "  cleared_features:\n"
    use_cases_copy.patch("card_default/use_case.yaml", cleared, f"{cleared}    pay_status_before: {REASON}\n")
    mlflow_connection.client.cache_clear()
    forget_tables(spark)
    use_case = UseCase.load("card_default", get_settings())
    catalog = Catalog(use_case)

    def job(stage: str, dates: str) -> Job:
        return Job(stage, use_case, catalog, use_case.batch_dates(dates), "test")

    load_module(use_case, "sample_source").deliver_few(use_case, use_case.batch_dates(ALL), get_settings().landing)
    for stage, body in (("land", land), ("refine", refine), ("features", features)):
        body(job(stage, ALL), argparse.Namespace())
    assert_no_personal_data_is_stored()
    assert_features_are_those_of_the_statements(get_settings())
    learn(spark, job("train", LEARNED))
    assert_judged_on_august(use_case)
    score(job("score", SCORED), argparse.Namespace(model=resolve_version.AS_OF))
    marts(job("marts", SCORED), argparse.Namespace())
    assert_scored()
    mlflow_connection.client.cache_clear()


def learn(spark: SparkSession, job: Job) -> None:
    """As the job does, without ending the tests' Spark."""
    rows = read(spark, job.catalog, job.dates)
    train_on(job, Pinned.of(job.use_case), rows, Periods.of(job.use_case, job.dates), trials=1)


def assert_no_personal_data_is_stored() -> None:
    [clients] = rows_of(
        "SELECT count(*) AS rows, count(age) AS ages, count(marriage) AS marriages, min(client_id) AS client "
        "FROM bronze.card_default_clients WHERE batch_date = DATE '2005-04-30'"
    )
    assert clients["rows"] == CLIENTS
    assert (clients["ages"], clients["marriages"]) == (0, 0)
    assert clients["client"].startswith("tok_")


def assert_features_are_those_of_the_statements(home: Settings) -> None:
    """Those of client 150, worked out by hand from the six statements that the data have of him."""
    client_150 = token(load_key(home), "identifier", "150")
    rows = rows_of(f"SELECT * FROM gold.card_default_features WHERE client_id = '{client_150}' ORDER BY batch_date")
    april, _, _, july, august, september = rows
    assert {name for name, value in april.items() if value is None} == {
        *("pay_status_before", "pay_status_two_before", "paid_share", "utilisation_before", "utilisation_change")
    }
    assert july["paid_share"] is None, "nothing was owed in June"
    limit = 260_000
    assert {name: august[name] for name in BY_HAND} == pytest.approx(
        {
            "pay_status": -2, "pay_status_before": -1, "pay_status_two_before": -1, "worst_pay_status": -1,
            "late_share": 0, "paid_amount": 22_500, "paid_share": 22_500 / 21_400,
            "paid_share_of_limit": (969 + 0 + 22_500) / 3 / limit, "credit_limit": limit, "bill_amount": -1_100,
            "utilisation": -1_100 / limit, "utilisation_before": 21_400 / limit,
            "utilisation_change": (-1_100 - 0) / limit,
        }
    )  # fmt: skip
    assert (september["pay_status"], september["worst_pay_status"], september["late_share"]) == (1, 1, 1 / 3)
    assert (august["sex"], august["age_band"], august["education"]) == ("female", "50 or over", "graduate school")


def assert_judged_on_august(use_case: UseCase) -> None:
    """April to June train, July tunes, August is judged, and the interval rests on clients."""
    [reign] = history(use_case)
    assert (reign.version, reign.first) == (1, dt.date(2005, 9, 30))
    run = client(use_case.home).get_run(str(model_version(use_case, 1).run_id))
    metrics = run.data.metrics
    assert metrics["rows"] == CLIENTS
    assert 0.7 < metrics["auc_lower"] < metrics["auc"] < metrics["auc_upper"] < 1
    # Sex, age band and education were judged, and the model knows none of them.
    assert metrics["smallest_true_positive_ratio"] > 0


def assert_scored() -> None:
    scores = rows_of("SELECT batch_date, client_id, probability, reasons FROM gold.card_default_scores")
    assert len(scores) == CLIENTS
    assert {row["batch_date"] for row in scores} == {dt.date(2005, 9, 30)}
    reasons = {reason["feature"] for row in scores for reason in row["reasons"]}
    assert "pay_status" in reasons
    assert not reasons & {"sex", "age_band", "education"}
    listed = rows_of("SELECT * FROM gold.card_default_riskiest_clients ORDER BY risk_rank")
    assert [row["risk_rank"] for row in listed] == list(range(1, 501))
    assert listed[0]["probability"] == max(row["probability"] for row in scores)
    assert "statement" in listed[0]["main_reason"]
