"""The same search gives the same winner: with more processes, in a database, and after being killed in the middle."""

import dataclasses
import subprocess
import sys
import time

import optuna
import psutil
import pytest

from nightshift.declarations.training_section import SearchSpace
from nightshift.errors import NightshiftError
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import PROJECT_DIR, get_settings
from tests.training.searched import STOPPED_AFTER, TRIALS, made, run
from training.search import study as study_module
from training.search.pruned_trials import Grown
from training.search.search_space import FIRST_POINT, distributions, nearest, parameters_at
from training.search.study import Study


@pytest.fixture(scope="module")
def undisturbed():
    return run("searched/alone")


@pytest.fixture
def storage(home):
    """A database without the studies of other tests, from which a search would learn."""
    url = database_url(get_settings(), "optuna")
    for name in optuna.get_all_study_names(url):
        optuna.delete_study(study_name=name, storage=url)
    return url


@pytest.fixture
def impatient(monkeypatch):
    """Trials count as left behind after two seconds."""
    monkeypatch.setattr(study_module, "HEARTBEAT", 1)
    monkeypatch.setattr(study_module, "GRACE", 2)


def outcome(winner):
    """All of a winner that must be equal where the search was."""
    return dataclasses.replace(winner, study="", seconds=0.0, seconds_before=0.0)


def trials_of(study, storage):
    return optuna.load_study(study_name=study, storage=storage).get_trials(deepcopy=False)


def test_the_winner_is_the_best_of_so_many_trials_of_which_some_were_pruned(undisturbed):
    assert undisturbed.trials == TRIALS
    assert 0 < undisturbed.pruned < TRIALS
    assert 0 < undisturbed.loss < 0.69
    assert undisturbed.rounds > 1
    assert undisturbed.seconds > undisturbed.seconds_before == 0


def test_processes_and_a_database_change_nothing(undisturbed, storage):
    name = "searched/two processes"
    assert outcome(run(name, storage, parallel_trials=2)) == outcome(undisturbed)
    assert [trial.user_attrs["slot"] for trial in trials_of(name, storage)] == list(range(TRIALS))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_search_killed_in_the_middle_ends_as_if_it_had_not_been(undisturbed, storage, impatient, processes):
    name = f"searched/killed with {processes}"
    command = [sys.executable, "-m", "tests.training.searched", storage, name, str(processes)]
    with subprocess.Popen(command, cwd=PROJECT_DIR) as child:
        searcher = psutil.Process(child.pid)
        try:
            _wait(lambda: searcher.status() == psutil.STATUS_STOPPED)
            workers = searcher.children(recursive=True)
        finally:
            child.kill()
    assert "RUNNING" in _states(name, storage)
    assert _finished(name, storage) == STOPPED_AFTER
    spent = optuna.load_study(study_name=name, storage=storage).user_attrs["seconds"]
    resumed = run(name, storage)
    assert outcome(resumed) == outcome(undisturbed)
    assert resumed.seconds > resumed.seconds_before == spent > 0
    states = _states(name, storage)
    assert states.count("COMPLETE") + states.count("PRUNED") == TRIALS
    assert "RUNNING" not in states
    assert states.count("FAIL") >= 1
    _wait(lambda: not any(worker.is_running() for worker in workers))


def test_a_finished_search_begun_again_is_not_searched_again(storage, monkeypatch):
    first = run("searched/twice", storage, trials=2)
    monkeypatch.setattr("training.search.parameter_search._batch", None)
    assert outcome(run("searched/twice", storage, trials=2)) == outcome(first)


def test_no_trial_begins_when_time_is_up_but_one_always_does(storage):
    winner = run("searched/no time", storage, seconds=0)
    assert winner.trials == 1
    assert winner.parameters == parameters_at(FIRST_POINT, 6000)
    # Those that were asked for and not begun are closed; begun again, there is no time either.
    assert set(_states("searched/no time", storage)) == {"COMPLETE", "FAIL"}
    assert run("searched/no time", storage, seconds=0).trials == 1


def test_the_best_of_the_newest_study_of_other_data_is_tried_next_and_the_same_data_searched_the_same(storage):
    older = run("searched/a", storage, trials=3, seed=1)
    best = min(trials_of("searched/a", storage), key=lambda trial: trial.value).params
    run("elsewhere/b", storage, trials=1, seed=2)
    first = run("searched/c", storage, trials=3, seed=4)
    assert trials_of("searched/c", storage)[1].params == pytest.approx(best)
    assert older.parameters["num_leaves"] == best["num_leaves"]
    # The same data once more: the study in between is passed over, or its best would make this one another search.
    assert outcome(run("searched/d", storage, trials=3, seed=4)) == outcome(first)


def test_data_that_were_searched_before_are_searched_the_same_whatever_came_between(storage):
    def searched(number):
        name = f"searched/same {number}"
        winner = outcome(run(name, storage, trials=2, seed=5))
        return winner, [trial.params for trial in trials_of(name, storage)]

    def learned(number, best):
        study = Study(*made(seed=number), f"searched/other {number}", storage)
        study.remember({**FIRST_POINT, "lambda_l2": best})
        return study._study.user_attrs["first"][1]["lambda_l2"]

    first = searched(1)
    learned(6, 1.25)
    second = searched(2)
    learned(7, 2.5)
    assert learned(8, 3.75) == 2.5, "data that are new begin with what was learned last"
    assert searched(3) == second == first


def test_a_study_that_was_made_on_other_data_starts_from_scratch(storage, caplog):
    run("searched/changed", storage, trials=3, seed=3)
    winner = run("searched/changed", storage, trials=2)
    assert "is begun again" in caplog.text
    assert winner.trials == len(trials_of("searched/changed", storage)) == 2


def test_a_study_that_another_process_works_on_is_left_to_it(storage, impatient):
    parts, use_case = made()
    theirs = Study(parts, use_case, "searched/theirs", storage)
    trial = theirs.ask(0)
    with theirs.alive([trial]), pytest.raises(NightshiftError, match="another process works on study searched/theirs"):
        Study(parts, use_case, "searched/theirs", storage)


def test_a_trial_that_was_killed_before_its_first_sign_of_life_is_taken_over(storage, impatient):
    parts, use_case = made()
    theirs = Study(parts, use_case, "searched/silent", storage)
    with pytest.warns(UserWarning, match="Heartbeat"):
        theirs._study.ask()
    assert run("searched/silent", storage, trials=2).trials == 2
    assert _states("searched/silent", storage) == ["FAIL", "COMPLETE", "COMPLETE"]


def test_a_trial_that_was_taken_over_ends_its_search(storage):
    parts, use_case = made()
    ours = Study(parts, use_case, "searched/taken", storage)
    trial = ours.ask(0)
    optuna.load_study(study_name="searched/taken", storage=storage).tell(
        trial.number, state=optuna.trial.TrialState.FAIL
    )
    with pytest.raises(NightshiftError, match="another process has taken over study searched/taken"):
        run_trial(ours, trial)


def run_trial(study, trial):

    study.tell(trial, Grown(0.5, 1, {0: 0.6}), {}, 1.0)


def test_the_declared_space_is_searched_and_points_of_another_are_moved_into_it(storage):
    space = SearchSpace.model_validate(
        {"num_leaves": {"low": 3, "high": 5}, "lambda_l2": {"low": 200, "high": 300, "log": True}}
    )
    assert nearest(space, {"num_leaves": 90, "lambda_l2": 1}) == {**FIRST_POINT, "num_leaves": 5, "lambda_l2": 200.0}
    run("searched/space", storage, trials=6, search=space.model_dump())
    points = [trial.params for trial in trials_of("searched/space", storage)]
    assert {type(point["num_leaves"]) for point in points} == {int}
    for name, allowed in distributions(space).items():
        assert all(allowed.low <= point[name] <= allowed.high for point in points)


def _finished(name, storage):
    return sum(state in ("COMPLETE", "PRUNED") for state in _states(name, storage))


def _states(name, storage):
    try:
        return [trial.state.name for trial in trials_of(name, storage)]
    except KeyError:
        return []


def _wait(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
