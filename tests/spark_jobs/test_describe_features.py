"""The feature registry takes the path of all tables: staged, audited by its declaration, profiled, published."""

import datetime as dt
from dataclasses import replace

import pytest
from deltalake import DeltaTable

from nightshift import ledger
from nightshift.catalogue.feature_registry.declared_features import Feature
from nightshift.catalogue.feature_registry.features_in_use import FeatureInUse, Registry
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditError
from spark_jobs.describe_features import publish_registry

DAY = dt.date(2044, 1, 31)
LENGTH = FeatureInUse(
    declared=Feature(
        table="gold.features",
        name="length",
        description="Length of the flight.",
        owner="team",
        type="double",
        unit="kilometres",
        group="flight",
        categorical=False,
        computed_from=("silver.flights.distance",),
        also_depends_on=(),
        windows=("7 deliveries",),
    ),
    batch_date=DAY,
    rows=4,
    null_share=0.25,
    distinct=3,
    mean=2.0,
    # Of a profile, which is kept as JSON: a whole number.
    lowest=1,
    highest=3.5,
    histogram=(),
    top=(),
    gain_share=1.0,
    used_by=(1, 2),
    status="used",
)
# A text that no model was given, on an older slice.
CARRIER = replace(
    LENGTH,
    declared=replace(LENGTH.declared, name="carrier", type="string", unit=None, categorical=True, windows=()),
    batch_date=DAY - dt.timedelta(days=1),
    mean=None,
    lowest=None,
    highest=None,
    gain_share=0.0,
    used_by=(),
    status="used by no model",
)


def registry_of(*features: FeatureInUse) -> Registry:
    return Registry("flight_delays", 2, (1, 2), features)


@pytest.fixture
def job(home, spark) -> Job:
    use_case = UseCase.load("flight_delays", get_settings())
    return Job("describe_features", use_case, Catalog(use_case), BatchDates.of(DAY), "manual")


def test_the_registry_is_audited_profiled_and_published_like_every_table(job) -> None:
    first = publish_registry(job, registry_of(LENGTH, CARRIER))
    again = publish_registry(job, registry_of(LENGTH, CARRIER))

    table = job.catalog["gold.feature_registry"]
    rows = {row["feature"]: row for row in DeltaTable(table.location.path).to_pyarrow_table().to_pylist()}
    assert first.rows == again.rows == {DAY: 2}
    assert rows["carrier"]["status"] == "used by no model"
    assert (rows["length"]["used_by"], rows["length"]["lowest"]) == ("1, 2", 1.0)
    assert (rows["length"]["looks_back"], rows["carrier"]["looks_back"]) == ("7 deliveries", None)
    assert {row["batch_date"] for row in rows.values()} == {DAY}
    (entry,) = ledger.latest("flight_delays", DAY, published=True)
    assert (entry.table_name, entry.stage, entry.rows_published) == ("gold.feature_registry", "describe_features", 2)
    assert (get_settings().data_docs / entry.audit_page).exists()
    profile = ledger.profiles("flight_delays", "gold.feature_registry", [DAY])[DAY]
    assert profile["columns"]["null_share"]["mean"] == 0.25


@pytest.mark.parametrize(
    ("features", "check"),
    [
        ((LENGTH, LENGTH), "keys_are_unique"),
        ((LENGTH, replace(CARRIER, null_share=1.5)), "null_share_is_in_range"),
        ((LENGTH, replace(CARRIER, status="forgotten")), "status_is_an_accepted_value"),
    ],
    ids=["a feature listed twice", "more nulls than rows", "an unknown status"],
)
def test_a_registry_that_breaks_its_declaration_is_not_published(job, features, check) -> None:
    with pytest.raises(AuditError, match=check):
        publish_registry(job, registry_of(*features))

    assert not job.catalog["gold.feature_registry"].exists()
