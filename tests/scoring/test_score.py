"""The job: one row per flight, the same on every run, or nothing at all."""

from __future__ import annotations

import datetime as dt

import duckdb
import lightgbm
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from nightshift import ledger
from nightshift.commands.sql import sql
from nightshift.errors import EXIT_FINAL, EXIT_TEMPORARY, NightshiftError
from nightshift.models import champions, resolve_version
from nightshift.models.champions.being_scored import being_scored_by
from scoring.reasons_dictionary_at_scoring import DictionaryOfThen
from scoring.schema_checks import carried_to_scores
from scoring.score import main, recipe
from scoring.score_on_executors import ROWS_WORTH_A_TASK, _spread, scored
from tests.scoring.conftest import DAY, FLIGHTS, NEXT, World

BOTH = f"{DAY}..{NEXT}"


def score(world: World, dates: object = DAY, *options: str) -> int:
    return main(["--use-case", world.use_case.name, "--dates", str(dates), *options])


def entries_of(world: World, date: dt.date = DAY) -> list[ledger.Entry]:
    return ledger.publications(world.use_case.name, "gold.scores", [date])


def test_every_flight_is_scored_once_and_a_rerun_changes_nothing(spark, world: World) -> None:
    features, version = world.features(), world.register()
    world.promote(version)
    assert score(world) == 0
    first = world.scores()
    assert [row["flight"] for row in first] == sorted(features["flight"].to_pylist())
    assert {(row["model_version"], row["feature_version"]) for row in first} == {(version, 0)}
    assert len({row["probability"] for row in first}) > 20
    assert set(first[0]) == set(world.catalog["gold.scores"].column_names)
    for row in first:
        told = sum(reason["contribution"] for reason in row["reasons"])
        assert row["base_contribution"] + told + row["other_contribution"] == pytest.approx(row["raw_score"], abs=1e-6)
    [entry] = entries_of(world)
    assert (entry.rows_in, entry.rows_published, entry.model_version) == (FLIGHTS, FLIGHTS, version)
    # Features of another date were published since; those of this one are as they were.
    world.features(NEXT, seed=8)
    assert score(world, DAY, "--model", str(version)) == 0
    assert world.scores() == first
    # As a night that is run again does: the features are published once more, with the same rows.
    world.features()
    assert score(world) == 0
    assert world.scores() == first
    _readable_by_everyone(world, first)


def _readable_by_everyone(world: World, rows: list[dict[str, object]]) -> None:
    """delta-rs, DuckDB and `nightshift sql` read the reasons."""
    table = world.catalog["gold.scores"]
    told = rows[0]["reasons"]
    delta = DeltaTable(table.location.path).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.register("scores", delta)
        found = connection.execute("SELECT reasons FROM scores WHERE flight = 1").fetchone()
        strongest = connection.execute("SELECT reasons[1].phrase FROM scores WHERE flight = 1").fetchone()
    assert found == (told,)
    assert strongest == (told[0]["phrase"],)
    shown = CliRunner().invoke(sql, [f"SELECT flight, reasons FROM {table.full_name} ORDER BY flight LIMIT 1"])
    assert f"{told[0]['phrase']} ({told[0]['contribution']:+.3f})" in shown.output, shown.output


def test_each_date_of_a_range_has_the_champion_of_its_own(spark, world: World) -> None:
    world.features()
    world.features(NEXT, seed=8)
    old, new = world.register(seed=6), world.register(seed=7)
    world.promote(old, DAY)
    world.promote(new, NEXT)
    assert score(world, BOTH) == 0
    made_by = {(row["batch_date"], row["model_version"], row["feature_version"]) for row in world.scores()}
    assert made_by == {(DAY, old, 0), (NEXT, new, 1)}
    assert DeltaTable(world.catalog["gold.scores"].location.path).version() == 0, (
        "both dates became visible in one commit"
    )
    for date, version in ((DAY, old), (NEXT, new)):
        [entry] = entries_of(world, date)
        assert (entry.model_version, entry.rows_published) == (version, FLIGHTS)
        assert next((each.name, each.version) for each in ledger.inputs(entry)) == (
            "gold.features",
            str(0 if date == DAY else 1),
        )
        assert ledger.environment_of(entry)["lightgbm"] == lightgbm.__version__
    assert score(world, BOTH, "--model", resolve_version.NEWEST) == 0
    assert {row["model_version"] for row in world.scores()} == {new}


def test_the_same_bits_however_rows_are_partitioned(spark, world: World) -> None:
    world.features()
    world.promote(world.register())
    features, scores = world.catalog["gold.features"], world.catalog["gold.scores"]
    champion = resolve_version.champion(world.use_case)
    how = recipe(champion, features, scores, DictionaryOfThen.declared(world.use_case, features), {DAY: 0})
    rows = spark.read.format("delta").load(str(features.location.path))
    one, seven = (
        sorted(
            scored(rows.repartition(parts), how, champion.booster, scores, FLIGHTS).collect(),
            key=lambda row: row.flight,
        )
        for parts in (1, 7)
    )
    assert len(one) == FLIGHTS
    assert one == seven


def test_many_rows_of_one_file_are_spread_over_the_cores(spark) -> None:
    rows = spark.range(10).coalesce(1)
    cores = spark.sparkContext.defaultParallelism
    assert _spread(rows, ROWS_WORTH_A_TASK * 2 - 1).rdd.getNumPartitions() == 1
    if cores > 1:
        assert _spread(rows, ROWS_WORTH_A_TASK * 100).rdd.getNumPartitions() == 3 * cores


def test_without_a_champion_nothing_is_written_and_the_remedy_is_named(spark, world: World, capsys) -> None:
    world.features()
    assert score(world) == EXIT_FINAL
    assert "has no champion" in capsys.readouterr().err
    assert not world.catalog["gold.scores"].exists()


def test_a_version_that_does_not_exist_is_not_replaced_by_another(spark, world: World, capsys) -> None:
    world.features()
    world.promote(world.register())
    assert score(world, DAY, "--model", "99") == EXIT_FINAL
    assert "99" in capsys.readouterr().err
    assert not world.catalog["gold.scores"].exists()


def test_what_is_rolled_back_between_resolving_and_staging_is_not_published(
    spark, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.features()
    for seed in (6, 7):
        world.promote(world.register(seed=seed))
    resolve, refuse_outdated, seen = resolve_version.resolve, resolve_version.refuse_outdated, []

    def rolled_back_meanwhile(*asked):
        found = resolve(*asked)
        champions.roll_back(
            world.use_case, 1, DAY, "maria", "version 2 warns of everything", "manual", blocks_live=True
        )
        # The rollback can tell of nothing: the ledger has no entry of this job yet.
        assert champions.affected(world.catalog, DAY).scored_by == {}
        return found

    def looked_again(*asked):
        seen.append(being_scored_by(world.catalog))
        refuse_outdated(*asked)

    monkeypatch.setattr(resolve_version, "refuse_outdated", looked_again)
    with monkeypatch.context() as patch:
        patch.setattr(resolve_version, "resolve", rolled_back_meanwhile)
        assert score(world) == EXIT_TEMPORARY
    assert "by now it is version 1 for 2013-10-01, which version 2 has scored" in capsys.readouterr().err
    assert not world.catalog["gold.scores"].exists()
    assert score(world) == 0
    assert {row["model_version"] for row in world.scores()} == {1}
    assert seen == [{DAY: 2}, {DAY: 1}], "whoever decides after the look finds what is being scored"


def test_a_flight_without_features_is_not_lost_in_silence(spark, world: World, capsys) -> None:
    world.publish("gold.features", world.features().slice(1), DAY)
    world.promote(world.register())
    assert score(world) == EXIT_FINAL
    assert f"{FLIGHTS} cases, {FLIGHTS - 1} feature rows" in capsys.readouterr().err
    assert not world.catalog["gold.scores"].exists()


def declaration(world: World, **changes):
    features = world.catalog["gold.features"]
    columns = tuple(changes.get(column.name, column) for column in features.columns)
    return features.model_copy(update={"columns": tuple(column for column in columns if column is not None)})


def test_a_score_column_that_nobody_provides_is_named(world: World) -> None:
    features, scores = world.catalog["gold.features"], world.catalog["gold.scores"]
    assert carried_to_scores(features, scores) == ("batch_date", "time_hour", "carrier", "flight", "origin", "dest")
    with pytest.raises(NightshiftError, match="declares dest, which scoring does not compute"):
        carried_to_scores(declaration(world, dest=None), scores)


def test_the_words_of_a_score_are_kept_by_their_digest(world: World) -> None:
    dictionary = DictionaryOfThen.declared(world.use_case, world.catalog["gold.features"])
    kept = dictionary.keep(world.use_case)
    assert (kept.kind, kept.name, kept.rows) == ("file", "reasons.yaml", 0)
    assert DictionaryOfThen.kept(world.use_case, kept.version) == dictionary
    assert dictionary.keep(world.use_case) == kept
    assert DictionaryOfThen.kept(world.use_case, "0" * 64) is None
