"""What `nightshift doctor` asks of an installation that runs: services, Airflow, databases, MLflow, landing zone.

All are asked at the same time, and nothing is started. What does not answer soon is a finding, and no wait. What cannot
be asked, because something else failed, says so and has no remedy of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import httpx

from nightshift.home import postgres_server
from nightshift.home.settings import Settings
from nightshift.install.services import service_state
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info, local_url
from nightshift.install.services.airflow_pools import pools
from nightshift.install.services.ports import address_of, is_free
from nightshift.install.services.ready import BROKEN_USE_CASES
from nightshift.install.services.service_state import AGAIN
from nightshift.install.services.supervisor import Supervisor, log_of, programs
from nightshift.install.setup import doctor_stores
from nightshift.install.setup.doctor_finding import Finding, first_line
from nightshift.install.setup.doctor_installation import Installation, installation, left_out, use_cases

# Of all checks together: a busy machine takes its time, a person who was woken has none.
LIMIT_SECONDS = 5
LOGS_ELSEWHERE = "see the log of each service where it runs, like `docker compose logs api-server`"
RESTART = f"ask again in a minute; if it stays so, {AGAIN}"


@dataclass(frozen=True)
class Question:
    """Something to ask, and the remedy where there is no answer at all."""

    name: str
    look: Callable[[Installation], Iterator[Finding]]
    remedy: str


def findings(settings: Settings) -> list[Finding]:
    """What each check found; one that breaks, or has no answer in time, is itself a finding that failed."""
    here = installation(settings, service_state.look(settings, LIMIT_SECONDS))
    asked = [(check, _asked(check, here)) for check in CHECKS]
    deadline = time.monotonic() + LIMIT_SECONDS
    found: list[Finding] = []
    for check, answer in asked:
        try:
            found += answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            remedy = f"a busy machine answers late; else {check.remedy}"
            found.append(Finding(check.name, "fail", f"no answer within {LIMIT_SECONDS} s", remedy))
        except Exception as error:
            found.append(Finding(check.name, "fail", first_line(error), check.remedy))
    return found


def _asked(check: Question, here: Installation) -> Future[list[Finding]]:
    """The answer of a check, from a thread that nothing waits for when the doctor is done."""
    answer: Future[list[Finding]] = Future()

    def ask() -> None:
        try:
            answer.set_result(list(check.look(here)))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name=check.name, daemon=True).start()
    return answer


def _ports(here: Installation) -> Iterator[Finding]:
    if here.settings.airflow_url:
        return
    if here.ports is None:
        yield Finding("ports", "ok", "none chosen yet; free ones are, at the first start")
        return
    chosen = asdict(here.ports)
    taken = [f"{name} {port}" for name, port in chosen.items() if not is_free(address_of(name, here.settings), port)]
    if taken and here.services.state == "stopped":
        yield Finding("ports", "warn", f"another program has {', '.join(taken)}", "none needed: others are chosen")
    else:
        yield Finding("ports", "ok", ", ".join(f"{name} {port}" for name, port in chosen.items()))


def _services(here: Installation) -> Iterator[Finding]:
    services, settings = here.services, here.settings
    if settings.airflow_url:
        yield Finding("services", "ok", "run elsewhere, as NIGHTSHIFT_AIRFLOW_URL says")
        return
    if services.state == "never":
        yield Finding("services", "ok", services.found)
    elif services.state in {"stopped", "ending"}:
        yield Finding("services", "warn", services.found, services.remedy)
    elif services.state != "running" or here.ports is None:
        yield Finding("services", "fail", services.found, services.remedy)
    else:
        supervisor = Supervisor(settings)
        states = {program.name: supervisor.state(program.name) for program in programs(settings, here.ports)}
        ended = [name for name, service_state in states.items() if service_state not in {"RUNNING", "STARTING"}]
        if ended:
            logs = ", ".join(str(log_of(settings, name)) for name in ended)
            found = ", ".join(f"{name} {states[name]}" for name in ended)
            yield Finding("services", "fail", found, f"run `nightshift up`; why it ended is at the end of {logs}")
        elif services.found:
            yield Finding("services", "warn", services.found, services.remedy)
        else:
            yield Finding(
                "services", "ok", ", ".join(f"{name} {service_state.lower()}" for name, service_state in states.items())
            )


def _airflow(here: Installation) -> Iterator[Finding]:
    settings = here.settings
    if not here.serves:
        return
    connection = connection_info(settings)
    address = connection.public_url
    again = LOGS_ELSEWHERE if settings.airflow_url else f"{RESTART}; the logs are in {log_of(settings, 'x').parent}"
    with AirflowApi(connection, LIMIT_SECONDS) as api:
        health = api.health()
        if not health:
            remedy = again
            yield Finding("airflow", "fail", f"does not answer at {address}", remedy)
            return
        sick = [name for name, service_state in health.items() if service_state != "healthy"]
        if sick:
            found = ", ".join(f"{name} {health[name]}" for name in sick)
            yield Finding("airflow", "fail", found, again)
            return
        # What is wrong with use cases is a finding of its own.
        files = [str(error["filename"]) for error in api.import_errors()]
        broken = [file for file in files if not file.endswith(BROKEN_USE_CASES)]
        if broken:
            remedy = f"correct it: {address} shows the error, under Dag Import Errors"
            yield Finding("airflow", "fail", f"cannot read {', '.join(broken)}", remedy)
        listed = api.call("GET", "dags", params={"paused": True, "limit": 100, "order_by": "dag_id"})["dags"]
        off = f"; switched off: {', '.join(dag['dag_id'] for dag in listed)}" if listed else ""
        yield Finding("airflow", "ok", f"healthy at {address}{off}")


def _pools(here: Installation) -> Iterator[Finding]:
    if not here.serves:
        return
    with AirflowApi(connection_info(here.settings), LIMIT_SECONDS) as api:
        if not api.health():
            yield Finding("pools", "warn", "not looked at, as Airflow does not answer", "see airflow")
            return
        missing = sorted(pools(here.use_cases).keys() - api.pools())
    yield from left_out(here, "pools")
    if missing:
        found = f"{', '.join(missing)} missing: no task of a use case without its pool is ever started"
        makes = "start `init` again" if here.settings.airflow_url else "run `nightshift up`"
        yield Finding("pools", "fail", found, f"{makes}: it makes the pools of use cases that were added")


def _mlflow(here: Installation) -> Iterator[Finding]:
    settings = here.settings
    named = settings.mlflow_tracking_uri
    if named is None:
        if here.ports is None or not here.serves:
            yield Finding("mlflow", "ok", "in the database mlflow; its pages come with `nightshift up`")
            return
        address, remedy = local_url(here.ports.mlflow), f"{RESTART}; its log is {log_of(settings, 'mlflow')}"
    elif named.startswith(("http://", "https://")):
        address, remedy = named.rstrip("/"), "see that the server of NIGHTSHIFT_MLFLOW_TRACKING_URI runs"
    else:
        yield Finding("mlflow", "ok", "as NIGHTSHIFT_MLFLOW_TRACKING_URI says; only servers are asked")
        return
    host = urlsplit(address).netloc.rpartition("@")[2]
    try:
        answer = httpx.get(f"{address}/health", timeout=LIMIT_SECONDS, trust_env=named is not None)
    except httpx.HTTPError as error:
        yield Finding("mlflow", "fail", f"{host} does not answer: {first_line(error)}", remedy)
        return
    # A gateway that answers for it knows no /health, which is no fault; that it finds no server is one.
    if answer.is_server_error:
        yield Finding("mlflow", "fail", f"{host} answers with {answer.status_code}", remedy)
    else:
        yield Finding("mlflow", "ok", f"answers at {host}")


CHECKS = (
    Question("use cases", use_cases, "correct what it names"),
    Question("ports", _ports, RESTART),
    Question("services", _services, RESTART),
    Question("airflow", _airflow, RESTART),
    Question("pools", _pools, RESTART),
    Question(
        "database",
        doctor_stores.databases,
        f"see that it runs and has the databases {', '.join(postgres_server.DATABASES)}",
    ),
    Question("mlflow", _mlflow, RESTART),
    Question(
        "landing",
        doctor_stores.landing,
        "correct the access to it, or NIGHTSHIFT_LANDING_URL (docs/landing-contract.md)",
    ),
    Question("pages", doctor_stores.pages, "correct the access to it, or NIGHTSHIFT_PAGES_URL (docs/deploy.md)"),
)
