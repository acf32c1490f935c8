"""`nightshift demo`: months ingested, a champion trained, nights scored, a challenger, all by the real scheduler."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import click

from nightshift import terminal
from nightshift.dates import BatchDates
from nightshift.declarations.found_use_cases import asked_use_cases, find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import DecisionError, UsageError
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings
from nightshift.install.demo import demo_report
from nightshift.install.demo.dag_runs import asks_a_person, finish_run, wall_seconds
from nightshift.install.demo.peak_memory import PeakMemory
from nightshift.install.demo.second_model import SecondModel, form_of, outcome
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info
from nightshift.install.services.external_services import served
from nightshift.install.services.ready import Addresses
from nightshift.install.services.start import start
from nightshift.models import champions

GIB = 2**30
# By whether the services are embedded.
_ENDS = {
    True: "Everything keeps running on this machine only. `make stop` ends it, `make clean` also removes its state.",
    False: "Everything keeps running on this machine only. `make compose-down` ends it, `make compose-clean` also "
    "removes its state.",
}
_PROGRAM = {True: ".venv/bin/nightshift", False: "docker compose run --rm cli"}
# Every kind of DAG: who has seen the demo tries them next.
KINDS = ("backfill", "catch_up", "nightly", "rollback", "train")


@click.command()
@click.argument("use_case", required=False)
@click.option("--challenger/--no-challenger", default=True, help="Whether a second model is trained at the end.")
@pass_settings
def demo(settings: Settings, use_case: str | None, challenger: bool) -> None:
    """Deliver the sample of USE_CASE, ingest it, train, score night by night, train a challenger, and show all that.

    Without USE_CASE it is the only one that has a demo, or the one whose demo is the default.

    Run twice, it resumes: what is done stays done. A challenger that deserves it waits for a person's approval, and
    the demo does not wait for that. The services are left running; `make stop` ends them.
    """
    case = demonstrable(settings, use_case)
    console = terminal.console(140)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:4.0f} s[/]  {line}", soft_wrap=True)

    embedded = _is_embedded(settings)
    second = case.demo.challenger if case.demo and challenger else None
    with PeakMemory(settings) as memory:
        addresses = start(say, settings) if embedded else served(say, settings)
        with AirflowApi(connection_info(settings)) as api:
            nights = _through_the_scheduler(api, case, say)
            challenged = _challenged(api, case, second, say)
    seconds = time.monotonic() - began
    console.print()
    demo_report.print_nights(console, case, nights)
    console.print()
    demo_report.print_query(console, case)
    console.print()
    demo_report.print_champions(console, case)
    console.print()
    if challenged is not None:
        console.print("\n".join(challenged.lines()), soft_wrap=True)
        console.print()
    demo_report.print_places(console, _places(settings, addresses))
    slowest = max(night.seconds for night in nights)
    peak = f", peak memory {memory.peak_bytes / GIB:.1f} GiB" if embedded else ""
    console.print(
        f"\n[bold]{seconds / 60:.1f} minutes in all, slowest night {slowest:.0f} s{peak}[/]\n{_ENDS[embedded]}"
    )


def demonstrable(settings: Settings, name: str | None) -> UseCase:
    """The use case of this name; without one the only one that has a demo, or the one whose demo is the default.

    Raises:
        UsageError: if there is none of that name, it has no demo, or none was named and there is not exactly one.
    """
    able = {
        case.name: case for case in find_use_cases(settings).use_cases if case.demo is not None and case.sample_source
    }
    remedy = f"name one that has a demo, like `make demo USE_CASE=<name>`; there are: {', '.join(able) or 'none'}"
    if name is None:
        defaults = [case for case in able.values() if case.demo and case.demo.default]
        shown = defaults or list(able.values())
        if len(shown) == 1:
            return shown[0]
        several = f"{len(shown)} use cases have a demo"
        if defaults:
            several = f"{' and '.join(case.name for case in defaults)} each declare `default: true` for their demo"
        raise UsageError(f"{several}, and none was named", remedy=remedy)
    [case] = asked_use_cases(settings, name).use_cases
    if name not in able:
        missing = " and ".join(field for field in ("demo", "sample_source") if getattr(case, field) is None)
        raise UsageError(f"{case.folder / 'use_case.yaml'} declares no {missing}: {name} has no demo", remedy=remedy)
    return case


def _is_embedded(settings: Settings) -> bool:
    """Whether this home's own supervisor runs the services, whose processes can then be seen from here."""
    return settings.airflow_url is None


def _through_the_scheduler(api: AirflowApi, case: UseCase, say: Callable[[str], None]) -> list[demo_report.Night]:
    """Everything from the first delivery to the last scored night."""
    assert case.demo is not None
    history, nights = (case.batch_dates(text) for text in (case.demo.history, case.demo.nights))
    _switch_on(api, case)
    _deliver(case, history, say)
    say(f"[bold]ingest {history} as one range[/]")
    conf = {"first_date": str(history.first), "last_date": str(history.last), "stages": "ingest"}
    finish_run(api, f"{case.name}_backfill", f"demo__{history.first}__{history.last}", say, conf=conf)
    first = _train(api, case, case.batch_dates(case.demo.first_model), say)
    if asks_a_person(first) and not champions.history(case):
        raise DecisionError(
            f"the first model of {case.name} waits for a person, and without a champion nothing is scored",
            remedy=f"answer at {form_of(api, first)}, then run `make demo USE_CASE={case.name}` again: it resumes",
        )
    runs: dict[dt.date, dict[str, Any]] = {}
    for date in nights:
        _deliver(case, case.between(date, date), say)
        say(f"[bold]night of {date}[/]")
        midnight = dt.datetime.combine(date, dt.time(), case.zone)
        runs[date] = finish_run(api, f"{case.name}_nightly", f"demo__{date}", say, logical_date=midnight)
        say(f"night of {date} took {wall_seconds(runs[date]):.0f} s")
    return [demo_report.night(case, date, wall_seconds(run)) for date, run in runs.items()]


def _challenged(api: AirflowApi, case: UseCase, dates: str | None, say: Callable[[str], None]) -> SecondModel | None:
    """A second model beside the first; None where the demo declares none."""
    return None if dates is None else outcome(api, case, _train(api, case, case.batch_dates(dates), say))


def _switch_on(api: AirflowApi, case: UseCase) -> None:
    """Let every DAG of the use case run."""
    for kind in KINDS:
        api.wait_for_dag(f"{case.name}_{kind}")
        api.set_paused(f"{case.name}_{kind}", paused=False)


def _train(api: AirflowApi, case: UseCase, dates: BatchDates, say: Callable[[str], None]) -> dict[str, Any]:
    """Train on exactly these dates; the run, which may wait for a person."""
    say(f"[bold]train on {dates}[/]")
    labels_come = case.calendar.due(dates.last, case.maturity)
    conf = {"first_date": str(dates.first), "last_date": str(dates.last), "batch_date": str(labels_come)}
    return finish_run(api, f"{case.name}_train", f"demo__{labels_come}", say, conf=conf)


def _deliver(case: UseCase, dates: BatchDates, say: Callable[[str], None]) -> None:
    say(f"[bold]deliver {dates}[/]")
    assert case.sample_source is not None
    source = load_module(case, case.sample_source)
    done = source.deliver(case, dates, case.home.landing, progress=lambda _: None, force=False)
    say(f"{len(done.written)} deliveries written, {len(done.unchanged)} found equal")


def _places(settings: Settings, addresses: Addresses) -> dict[str, str]:
    return {
        "Airflow": f"{addresses.airflow}   user {addresses.user}, password {addresses.password}",
        "Approvals": f"{addresses.airflow}/required_actions",
        "MLflow": addresses.mlflow,
        "Data Docs": addresses.data_docs,
        "Lake": str(settings.lake),
        "Query": f"{_PROGRAM[_is_embedded(settings)]} sql   (without a query it lists the tables)",
    }
