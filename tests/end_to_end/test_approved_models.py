"""Models on their way through a real scheduler and a real browser: asked about, approved, promoted, taken back."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import deltalake
import httpx
import pytest

from nightshift import ledger
from nightshift.declarations.catalog import Catalog
from nightshift.home.settings import Settings
from nightshift.install.services.ports import Ports
from tests.end_to_end.station import (
    BACKFILLED,
    NIGHT,
    PATIENCE,
    SMALL,
    TO_COME,
    USE_CASE,
    WHY_APPROVED,
    WHY_PROMOTED,
    WHY_REJECTED,
    called,
    hash_of_rows,
    nightshift,
    slice_of,
    told,
    versions_of,
)

if TYPE_CHECKING:
    from tests.end_to_end.station import Station

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]

WHY_BACK = "version 1 warns of everything"


@pytest.fixture(scope="module")
def run_again(scored: Station) -> Station:
    """A night again, by the version that had scored it, which is not its champion; with what it changed."""
    day = BACKFILLED
    before = _hashes(scored, day)
    scores = deltalake.DeltaTable(str(Catalog(scored.use_case)["gold.scores"].location.path))
    version = scores.version()
    # The form's own way to say a date: no logical date, but the param.
    run = scored.succeed("nightly", PATIENCE, None, batch_date=day, model="1")
    scores.update_incremental()
    scored.finished["again"] = run | {"before": before, "after": _hashes(scored, day)}
    scored.finished["again"] |= {"commits": scores.version() - version, "versions": versions_of(day)}
    return scored


@pytest.fixture(scope="module")
def taken_back(scored: Station) -> Station:
    """Version 2 is put back over the night that version 1 had scored, and it is scored again."""
    scored.finished["rollback"] = scored.succeed(
        "rollback", PATIENCE, None, version=2, from_date=BACKFILLED, why=WHY_BACK, block=True, rescore=True
    )
    return scored


def _hashes(station: Station, day: str) -> dict[str, tuple[int, str]]:
    tables = [table for table in Catalog(station.use_case) if table.exists()]
    slices = {table.label: slice_of(f"{table.layer}.{table.name}", day) for table in tables}
    return {label: (rows.num_rows, hash_of_rows(rows)) for label, rows in slices.items()}


def _states(station: Station, name: str) -> dict[str, str]:
    return station.states(station.finished[name]["dag_id"], station.finished[name]["dag_run_id"])


def _log(station: Station, name: str, task_id: str) -> str:
    run = station.finished[name]
    return station.whole_log(run["dag_id"], run["dag_run_id"], task_id)


def _history() -> dict[str, Any]:
    history: dict[str, Any] = json.loads(told("models", "history", "--use-case", USE_CASE, "--json"))
    return history


def _decided_by(run: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run decided; each while it ran."""
    made = [each for each in _history()["decisions"] if each["run_id"] == run["dag_run_id"]]
    start, end = (dt.datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    assert all(start < dt.datetime.fromisoformat(each["decided_at"]) < end for each in made)
    return made


def _versions() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(told("models", "list", "--use-case", USE_CASE, "--json"))
    return listed


def _alias(station: Station) -> str:
    """The version that is called champion in MLflow."""
    ports = Ports.load(Settings(home=station.home))
    assert ports is not None
    url = f"http://127.0.0.1:{ports.mlflow}/api/2.0/mlflow/registered-models/alias"
    found = httpx.get(url, params={"name": USE_CASE, "alias": "champion"}, trust_env=False).raise_for_status()
    return str(found.json()["model_version"]["version"])


def test_the_form_shows_the_measures_and_the_gates_to_whoever_is_asked(trained: Station) -> None:
    for version, name in ((1, "rejected"), (2, "approved")):
        form = trained.forms[name]
        assert f"May version {version} of {USE_CASE} become champion?" in form
        for shown in (
            *("Answer by", "no champion so far", "Yes:", "No, or no answer:", "Gates:", "Model card and plots"),
            *("Area under the ROC curve", "Calibration error", "better_than_constant_rate"),
        ):
            assert shown in form, form


def test_a_rejection_in_the_browser_ends_green_and_is_kept(trained: Station) -> None:
    assert _states(trained, "rejected") == {
        "train": "success", "approve": "success", "promote": "skipped", "decline": "success",
        "describe_features": "success",
    }  # fmt: skip
    [kept] = _decided_by(trained.finished["rejected"])
    assert (kept["version"], kept["action"], kept["who"], kept["why"]) == (1, "declined", "admin", WHY_REJECTED)


def test_an_approval_in_the_browser_makes_the_model_champion_and_is_kept(trained: Station) -> None:
    assert _states(trained, "approved") == {
        "train": "success", "approve": "success", "promote": "success", "decline": "skipped",
        "describe_features": "success",
    }  # fmt: skip
    [kept] = _decided_by(trained.finished["approved"])
    assert (kept["version"], kept["action"], kept["first"]) == (2, "promoted", NIGHT)
    assert (kept["who"], kept["why"]) == ("admin", WHY_APPROVED)
    live = json.loads(told("models", "live-on", NIGHT, "--use-case", USE_CASE, "--json"))
    assert (live["version"], live["who"]) == (2, "admin")
    [listed] = [each for each in _versions() if each["version"] == 2]
    assert listed["champion_from"] == NIGHT


def test_a_night_takes_its_own_champion_unless_it_is_asked_for_another(scored: Station) -> None:
    assert versions_of(NIGHT) == {2}
    assert "--model as_of" in _log(scored, NIGHT, "score")
    assert scored.scored_by == {1}, "that of the nights to come was asked for"
    [promoted] = [each for each in _history()["decisions"] if each["why"].startswith(WHY_PROMOTED)]
    assert (promoted["version"], promoted["first"], promoted["who"]) == (1, TO_COME, "admin")


# Before the rollback, which blocks the version that is asked for here.
@pytest.mark.long
def test_a_night_run_again_by_the_version_of_its_form_leaves_the_same_rows(run_again: Station) -> None:
    again = run_again.finished["again"]
    assert again["versions"] == {1}
    assert len(again["before"]) >= 8
    assert again["after"] == again["before"]
    assert again["commits"] > 0


def test_a_rollback_says_what_it_affects_and_scores_it_again(taken_back: Station) -> None:
    assert set(_states(taken_back, "rollback").values()) == {"success"}
    assert f"{BACKFILLED} (1 batch date): scored by version 1" in _log(taken_back, "rollback", "show_affected")
    assert versions_of(BACKFILLED) == {2}


def test_after_a_rollback_the_feature_registry_names_the_live_model(taken_back: Station) -> None:
    registry = deltalake.DeltaTable(str(Catalog(taken_back.use_case)["gold.feature_registry"].location.path))
    rows = registry.to_pyarrow_table(columns=["batch_date", "champion"]).to_pylist()
    newest = max(row["batch_date"] for row in rows)
    assert {row["champion"] for row in rows if row["batch_date"] == newest} == {2}
    [seen, *_] = ledger.publications(USE_CASE, "gold.feature_registry", [newest])
    assert seen.run_id == taken_back.finished["rollback"]["dag_run_id"]


def test_a_rollback_is_kept_and_blocks_the_version_that_was_live(taken_back: Station) -> None:
    first = BACKFILLED
    made = [
        (each["action"], each["version"], each["first"], each["who"], each["why"])
        for each in _decided_by(taken_back.finished["rollback"])
    ]
    assert made == [("blocked", 1, None, "admin", WHY_BACK), ("rolled back", 2, first, "admin", WHY_BACK)]
    reigns = [(reign["version"], reign["first"], reign["last"]) for reign in _history()["reigns"]]
    assert reigns == [(2, NIGHT, NIGHT), (2, first, None)]
    assert _alias(taken_back) == "2"
    again = called("models", "promote", "1", "--use-case", USE_CASE, "--who", "admin", "--why", WHY_PROMOTED)
    assert again.returncode != 0
    assert "is blocked and nobody may promote it" in again.stderr + again.stdout


def test_a_night_is_replayed_to_the_bit_after_promotion_and_rollback(taken_back: Station) -> None:
    day = BACKFILLED
    report = nightshift("replay", "--use-case", USE_CASE, "--date", day)
    rows = f"{taken_back.scheduled_flights(day):,}"
    assert report.splitlines()[0].endswith(": equal bit for bit")
    assert f"{rows} rows compared" in report
    assert f"{day}: {rows} rows made from model version 2 and" in report


@pytest.mark.long
def test_a_model_that_is_no_better_than_the_champion_ends_green_and_asks_nobody(taken_back: Station) -> None:
    before = _history()
    taken_back.finished["refused"] = taken_back.succeed("train", PATIENCE, None, batch_date=NIGHT, **SMALL)
    assert _states(taken_back, "refused") == {
        "train": "success", "approve": "skipped", "promote": "skipped", "decline": "skipped",
        "describe_features": "success",
    }  # fmt: skip
    assert "better_than_champion" in _log(taken_back, "refused", "approve")
    assert _history() == before
    assert _alias(taken_back) == "2"
    assert len(_versions()) == 2
