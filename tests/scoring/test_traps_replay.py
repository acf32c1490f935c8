"""After two promotions and a rollback every date names its model, is scored by it, and comes out again."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from click.testing import CliRunner

from nightshift.commands.models import models
from nightshift.errors import EXIT_FINAL
from nightshift.home.settings import get_settings
from nightshift.models import champions
from nightshift.models.mlflow_connection import client
from scoring import replay, score
from tests.scoring.conftest import World

DAYS = [dt.date(2013, 10, day) for day in range(1, 5)]


def made_by(world: World) -> dict[dt.date, int]:
    return {row["batch_date"]: row["model_version"] for row in world.scores()}


def test_dates_after_two_promotions_and_a_rollback(spark, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def job(module, dates: object, *options: str) -> int:
        capsys.readouterr()
        return module.main(["--use-case", world.use_case.name, "--dates", str(dates), *options])

    for number, day in enumerate(DAYS):
        world.features(day, seed=10 + number, flights=40)
    for seed, day in zip((6, 7, 8), DAYS, strict=False):
        world.promote(world.register(seed=seed), day)
    assert job(score, f"{DAYS[0]}..{DAYS[2]}") == 0
    back = ["rollback", "1", "--use-case", world.use_case.name, "--from", str(DAYS[2])]
    done = CliRunner().invoke(models, [*back, "--who", "maria", "--why", "version 3 is worse"])
    assert "2013-10-03 (1 batch date): scored by version 3" in done.output
    assert [champions.live_on(world.use_case, day).version for day in DAYS] == [1, 2, 1, 1]
    # What recomputing features changes comes after what was scored from them.
    world.features(DAYS[0], seed=99, flights=40)
    assert job(score, DAYS[3]) == 0
    assert made_by(world) == dict(zip(DAYS, (1, 2, 3, 1), strict=True))
    assert job(replay, f"{DAYS[0]}..{DAYS[3]}", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["same"], found["rows"], found["equal"]) == (True, 160, 160)

    # A champion of the past that is gone is not replaced, and nothing of the range is written.
    client(get_settings()).delete_model_version(world.use_case.model_name, "2")
    before = world.scores()
    assert job(score, f"{DAYS[0]}..{DAYS[3]}") == EXIT_FINAL
    assert "has no version 2" in capsys.readouterr().err
    assert world.scores() == before
    assert job(replay, DAYS[1]) == EXIT_FINAL
