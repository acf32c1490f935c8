"""Scores come out again bit for bit, whatever happened since; what cannot be made again is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import lightgbm
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from deltalake import DeltaTable, write_deltalake

from nightshift import lake, ledger
from nightshift.commands.replay import replay as command
from nightshift.errors import EXIT_FINAL
from nightshift.home.settings import get_settings
from nightshift.ledger import run_environment
from nightshift.ledger.database_engine import engine
from nightshift.ledger.ledger_tables import InputRow
from nightshift.models import model_version
from scoring import replay as job
from scoring import score
from tests.scoring.conftest import DAY, FLIGHTS, NEXT, World

Replay = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scored(spark, world: World) -> World:
    """A day that was scored by its champion, version 1, from version 0 of the features."""
    world.features()
    world.promote(world.register(seed=6))
    assert score.main(["--use-case", world.use_case.name, "--dates", str(DAY)]) == 0
    return world


@pytest.fixture
def replay(scored: World, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Replays; gives exit status, output and errors."""

    def run(*options: str, date: object = DAY) -> tuple[int, str, str]:
        capsys.readouterr()
        status = job.main(["--use-case", scored.use_case.name, "--dates", str(date), *options])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def again(world: World) -> None:
    assert score.main(["--use-case", world.use_case.name, "--dates", str(DAY), "--model", "champion"]) == 0


def spoilt(world: World, sql: str) -> None:
    """Change published scores behind everyone's back; they stay in the same Delta version's successor."""
    import duckdb

    table = world.catalog["gold.scores"]
    published = DeltaTable(table.location.path).to_pyarrow_table()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("scores", published)
        rows = connection.sql(sql).to_arrow_table().cast(published.schema)
    write_deltalake(table.location.path, rows, mode="overwrite")


def test_scores_come_out_again_after_promotions_new_features_and_new_words(scored: World, replay: Replay) -> None:
    before = scored.scores()
    scored.promote(scored.register(seed=7))
    scored.features(seed=9)
    scored.features(NEXT, seed=10)
    phrases = scored.use_case.folder / "reasons.yaml"
    phrases.write_text(phrases.read_text().replace("leaves at", "departs at"))
    status, out, _ = replay("--json")
    found = json.loads(out)
    assert status == 0
    assert found["same"] is True
    assert (found["rows"], found["equal"], found["differing"]) == (FLIGHTS, FLIGHTS, 0)
    assert found["made_from"] == [
        {"batch_date": str(DAY), "model_version": 1, "feature_version": 0, "rows": FLIGHTS},
    ]
    assert set(found["columns"]) == set(scored.catalog["gold.scores"].column_names)
    assert found["published"][0]["environment_differs"] == {}
    assert scored.scores() == before, "a replay writes nothing"

    # The new champion scores the date from its new features; what was overwritten still comes out as it was.
    again(scored)
    assert {(row["model_version"], row["feature_version"]) for row in scored.scores()} == {(2, 1)}
    status, out, _ = replay("--score-version", "0")
    assert status == 0
    assert "model version 1 and gold.features version 0" in out
    status, out, _ = replay()
    assert status == 0
    assert f"{FLIGHTS} rows compared" in out
    assert "model version 2 and gold.features version 1" in out

    listed = json.loads(replay("--list", "--json")[1])
    assert [(each["score_version"], each["model_version"]) for each in listed] == [(1, 2), (0, 1)]
    assert replay("--list")[1].splitlines()[0].split()[:2] == ["batch_date", "score_version"]


def test_dates_that_one_model_scored_are_made_again_at_once(scored: World, replay: Replay, monkeypatch) -> None:
    scored.features(NEXT, seed=10)
    assert score.main(["--use-case", scored.use_case.name, "--dates", str(NEXT)]) == 0
    loaded, made = [], []
    load, spread = model_version.load, job.scored
    monkeypatch.setattr(model_version, "load", lambda *asked: loaded.append(asked[1]) or load(*asked))
    monkeypatch.setattr(job, "scored", lambda *given: made.append(given[-1]) or spread(*given))
    status, out, _ = replay("--json", date=f"{DAY}..{NEXT}")
    found = json.loads(out)
    assert status == 0
    assert (found["rows"], found["equal"]) == (2 * FLIGHTS, 2 * FLIGHTS)
    # In the fixture's lake, version 1 of the features is that of the second date.
    assert [(each["batch_date"], each["feature_version"]) for each in found["made_from"]] == [
        (str(DAY), 0),
        (str(NEXT), 1),
    ]
    assert loaded == [1]
    assert made == [2 * FLIGHTS]


def test_a_date_that_was_scored_without_rows_comes_out_without_rows(scored: World, replay: Replay) -> None:
    scored.features(NEXT, flights=0)
    assert score.main(["--use-case", scored.use_case.name, "--dates", str(NEXT)]) == 0
    status, out, err = replay("--json", date=NEXT)
    assert status == 0, err
    found = json.loads(out)
    assert (found["same"], found["rows"], found["not_published"]) == (True, 0, 0)
    assert found["made_from"] == [{"batch_date": str(NEXT), "model_version": 1, "feature_version": 1, "rows": 0}]
    status, out, _ = replay("--json", date=f"{DAY}..{NEXT}")
    found = json.loads(out)
    assert status == 0
    assert (found["rows"], found["equal"]) == (FLIGHTS, FLIGHTS)
    assert [(each["batch_date"], each["rows"]) for each in found["made_from"]] == [(str(DAY), FLIGHTS), (str(NEXT), 0)]
    assert f"has no rows with flight=4 of {NEXT}" in replay("--key", "flight=4", date=NEXT)[2]
    # Where the features that the ledger names have rows, they are missing from the scores.
    scored.features(NEXT, flights=5)
    assert replay(date=NEXT)[0] == 0
    [entry] = ledger.publications(scored.use_case.name, "gold.scores", [NEXT])
    named = InputRow.attempt_id == entry.attempt_id, InputRow.name == "gold.features"
    with engine().begin() as connection:
        connection.execute(sa.update(InputRow).where(*named).values(version="2"))
    status, out, _ = replay(date=NEXT)
    assert status == EXIT_FINAL
    assert "5 recomputed rows were not published" in out


def test_a_changed_bit_is_found_and_shown(scored: World, replay: Replay) -> None:
    [first, second, *_] = scored.scores()
    spoilt(
        scored,
        "SELECT * REPLACE (CASE WHEN flight = 1 THEN nextafter(probability, 1) ELSE probability END AS probability, "
        "CASE WHEN flight = 2 THEN reasons[:2] ELSE reasons END AS reasons) FROM scores WHERE flight <> 3",
    )
    status, out, err = replay("--json")
    found = json.loads(out)
    assert status == EXIT_FINAL
    assert "could not be computed again bit for bit" in err
    assert found["same"] is False
    assert (found["rows"], found["equal"], found["differing"]) == (FLIGHTS - 1, FLIGHTS - 3, 2)
    assert (found["not_published"], found["not_recomputed"]) == (1, 0)
    assert found["differing_columns"] == {"probability": 1, "reasons": 1}
    shown = {example["key"]["flight"]: example for example in found["examples"]}
    assert float(shown["1"]["differing"]["probability"]["now"]) == first["probability"]
    assert float(shown["1"]["differing"]["probability"]["then"]) > first["probability"]
    assert json.loads(shown["2"]["differing"]["reasons"]["now"])[2]["phrase"] == second["reasons"][2]["phrase"]
    assert "not among the published" in shown["3"]["missing"]
    assert "NOT EQUAL" in replay()[1]

    spoilt(scored, "SELECT * REPLACE (CASE WHEN flight = 5 THEN 2 ELSE model_version END AS model_version) FROM scores")
    assert "names several versions, as 1 and 2 of the model" in replay()[2]

    # Of one flight only.
    assert replay("--key", "flight=4")[0] == 0
    assert replay("--key", "flight=1")[0] == EXIT_FINAL
    assert json.loads(replay("--key", "flight=4", "--json")[1])["rows"] == 1
    assert "write name=value, with a name among time_hour, carrier, flight" in replay("--key", "origin=EWR")[2]
    assert "has no rows with flight=999" in replay("--key", "flight=999")[2]


def test_another_environment_or_code_than_then_is_said(
    scored: World, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = run_environment.described() | {"lightgbm": "9.9.9"}
    monkeypatch.setattr(run_environment, "described", lambda: now)
    monkeypatch.setattr(ledger, "code_version", lambda: "0123456789ab")
    status, out, _ = replay()
    assert status == 0
    assert "environment differs:" in out
    assert f"lightgbm: {lightgbm.__version__} then, 9.9.9 now" in out
    assert "0123456789ab now" in out


def test_what_no_longer_exists_is_named(scored: World, replay: Replay) -> None:
    status, _, err = replay(date=NEXT)
    assert status == EXIT_FINAL
    assert f"has no rows of {NEXT} at version 0" in err
    assert "no longer has version 7" in replay("--score-version", "7")[2]
    # Published again with the same bytes: those are left by a vacuum.
    scored.features()
    lake.vacuum(scored.catalog["gold.features"], 0)
    assert replay()[0] == 0
    scored.features(seed=9)
    lake.vacuum(scored.catalog["gold.features"], 0)
    status, _, err = replay()
    assert status == EXIT_FINAL
    assert "no longer has version 0, the features that 2013-10-01 was scored from" in err
    assert "1 of its 1 files were removed" in err


def test_a_model_version_that_is_gone_is_named(scored: World, replay: Replay) -> None:
    from nightshift.models.mlflow_connection import client

    client(get_settings()).delete_model_version(scored.use_case.model_name, "1")
    status, _, err = replay()
    assert status == EXIT_FINAL
    assert f"{scored.use_case.model_name} has no version 1" in err


def test_the_command_runs_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    class Done:
        returncode = EXIT_FINAL

    def run(arguments: list[str], **_: object) -> Done:
        called.append(arguments)
        return Done()

    monkeypatch.setattr("nightshift.commands.replay.subprocess.run", run)
    options = ["--use-case", "flight_delays", "--date", str(DAY), "--key", "flight=1", "--score-version", "4", "--json"]
    assert CliRunner().invoke(command, options).exit_code == EXIT_FINAL
    assert called[0][1:] == [
        "-m",
        "scoring.replay",
        *("--use-case", "flight_delays", "--dates", str(DAY)),
        *("--key=flight=1", "--score-version=4", "--json"),
    ]
    assert "is not a batch date" in str(CliRunner().invoke(command, ["--use-case", "x", "--date", "soon"]).exception)
