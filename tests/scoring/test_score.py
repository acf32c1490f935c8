"""The job: one row per flight, the same on every run, or nothing at all."""

import pytest
from deltalake import DeltaTable, write_deltalake

from nightshift import ledger, registry
from nightshift.errors import NightshiftError
from nightshift.job import EXIT_REFUSED
from nightshift.tables import Column
from scoring.predict import Recipe
from scoring.score import COMPUTED, carried_columns, check_features, main, scored


def score(job, *options):
    return main(["--use-case", job.use_case.name, "--dates", str(job.dates), *options])


def published(job):
    rows = DeltaTable(job.catalog["gold.scores"].path).to_pyarrow_table()
    return sorted(rows.to_pylist(), key=lambda row: row["flight"])


def test_every_flight_is_scored_once_and_a_rerun_changes_nothing(spark, job, lake_of, register):
    features, version = lake_of(job), register(job)
    assert score(job) == 0
    first = published(job)
    assert [row["flight"] for row in first] == sorted(features["flight"].to_pylist())
    assert {row["model_version"] for row in first} == {version}
    assert len({row["probability"] for row in first}) > 20
    assert set(first[0]) == set(job.catalog["gold.scores"].column_names)
    stage, entry = ledger.latest(job.use_case.name)
    assert (stage.table_name, stage.status) == ("score", "published")
    assert (entry.rows_in, entry.rows_published, entry.model_version) == (300, 300, version)
    assert score(job, "--model", str(version)) == 0
    assert published(job) == first


def test_the_same_bits_however_rows_are_partitioned(spark, job, lake_of, register):
    lake_of(job)
    register(job)
    champion = registry.champion(job.use_case)
    features, scores = job.catalog["gold.features"], job.catalog["gold.scores"]
    carried = carried_columns(features, scores)
    recipe = Recipe(champion.encoding, champion.threshold, carried, tuple(scores.column_names), "toy", 1)
    rows = spark.read.format("delta").load(str(features.path))
    one, seven = (
        sorted(scored(rows.repartition(parts), recipe, champion.booster, scores).collect(), key=lambda row: row.flight)
        for parts in (1, 7)
    )
    assert len(one) == 300
    assert one == seven


def test_without_a_champion_nothing_is_written_and_the_remedy_is_named(spark, job, lake_of, capsys):
    lake_of(job)
    assert score(job) == EXIT_REFUSED
    assert "has no champion" in capsys.readouterr().err
    assert not job.catalog["gold.scores"].exists()


def test_a_version_that_does_not_exist_is_not_replaced_by_another(spark, job, lake_of, register, capsys):
    lake_of(job)
    register(job)
    assert score(job, "--model", "99") == EXIT_REFUSED
    assert "has no version 99" in capsys.readouterr().err
    assert not job.catalog["gold.scores"].exists()


def test_a_flight_without_features_is_not_lost_in_silence(spark, job, lake_of, register, capsys):
    features = lake_of(job)
    write_deltalake(job.catalog["gold.features"].path, features.slice(1), mode="overwrite")
    register(job)
    assert score(job) == EXIT_REFUSED
    assert "300 cases, 299 feature rows" in capsys.readouterr().err
    assert not job.catalog["gold.scores"].exists()


def declaration(job, **changes):
    features = job.catalog["gold.features"]
    columns = tuple(changes.get(column.name, column) for column in features.columns)
    return features.model_copy(update={"columns": tuple(column for column in columns if column is not None)})


def test_a_feature_that_is_no_longer_declared_is_named(job, register):
    register(job)
    champion = registry.champion(job.use_case)
    check_features(champion, job.catalog["gold.features"])
    with pytest.raises(NightshiftError, match=r"needs distance, and .* declares no such"):
        check_features(champion, declaration(job, distance=None))
    now_a_quantity = Column(name="carrier", type="int", description="", role="feature")
    with pytest.raises(NightshiftError, match="`categorical` of carrier was declared otherwise"):
        check_features(champion, declaration(job, carrier=now_a_quantity))


def test_a_score_column_that_nobody_provides_is_named(job):
    assert not set(carried_columns(job.catalog["gold.features"], job.catalog["gold.scores"])) & set(COMPUTED)
    with pytest.raises(NightshiftError, match="declares dest, which scoring does not compute"):
        carried_columns(declaration(job, dest=None), job.catalog["gold.scores"])
