"""What `nightshift doctor` asks of an installation that runs: services, Airflow, databases, MLflow, landing zone.

All are asked at the same time, and nothing is started. What does not answer soon is a finding, and no wait.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg2

from nightshift import database
from nightshift.catalog import Catalog
from nightshift.dates import parse_date
from nightshift.delivery import MANIFEST, Folder, expects_manifest, is_complete, landing_folder
from nightshift.errors import NightshiftError
from nightshift.services.airflow_api import AirflowApi
from nightshift.services.airflow_env import connection_info, url
from nightshift.services.ports import Ports, is_free
from nightshift.services.supervisor import Supervisor, log_of, programs
from nightshift.settings import Settings
from nightshift.setup.finding import Finding
from nightshift.use_case import UseCase

# Of all checks together: a busy machine takes its time, a person who was woken has none.
LIMIT_SECONDS = 2.5
RESTART = "ask again in a minute, then run `nightshift down` and `nightshift up`"


@dataclass(frozen=True)
class Check:
    """Something to ask, and the remedy where there is no answer at all."""

    name: str
    look: Callable[[Settings], Iterator[Finding]]
    remedy: str


def findings(settings: Settings) -> list[Finding]:
    """What each check found; one that breaks, or has no answer in time, is itself a finding that failed."""
    asked = [(check, _asked(check, settings)) for check in CHECKS]
    deadline = time.monotonic() + LIMIT_SECONDS
    found: list[Finding] = []
    for check, answer in asked:
        try:
            found += answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            found.append(Finding(check.name, "fail", f"no answer within {LIMIT_SECONDS} s", check.remedy))
        except Exception as error:
            found.append(Finding(check.name, "fail", _first_line(error), check.remedy))
    return found


def _asked(check: Check, settings: Settings) -> Future[list[Finding]]:
    """The answer of a check, from a thread that nothing waits for when the doctor is done."""
    answer: Future[list[Finding]] = Future()

    def ask() -> None:
        try:
            answer.set_result(list(check.look(settings)))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name=check.name, daemon=True).start()
    return answer


def _ports(settings: Settings) -> Iterator[Finding]:
    ports = Ports.load(settings)
    if ports is None:
        yield Finding("ports", "ok", "none chosen yet; free ones are, at the first start")
        return
    taken = [f"{name} {port}" for name, port in asdict(ports).items() if not is_free(settings.bind_address, port)]
    if taken and not Supervisor(settings).is_running():
        yield Finding("ports", "warn", f"another program has {', '.join(taken)}", "none needed: others are chosen")
    else:
        yield Finding("ports", "ok", ", ".join(f"{name} {port}" for name, port in asdict(ports).items()))


def _services(settings: Settings) -> Iterator[Finding]:
    ports, supervisor = Ports.load(settings), Supervisor(settings)
    if ports is None:
        yield Finding("services", "ok", "never started here; `make up` does it")
        return
    if not supervisor.is_running():
        yield Finding("services", "warn", "stopped: no night runs, and no page answers", "run `nightshift up`")
        return
    states = {program.name: supervisor.state(program.name) for program in programs(settings, ports)}
    ended = [name for name, state in states.items() if state not in {"RUNNING", "STARTING"}]
    if ended:
        logs = ", ".join(str(log_of(settings, name)) for name in ended)
        found = ", ".join(f"{name} {states[name]}" for name in ended)
        yield Finding("services", "fail", found, f"run `nightshift up`; why it ended is at the end of {logs}")
    else:
        yield Finding("services", "ok", ", ".join(f"{name} {state.lower()}" for name, state in states.items()))


def _airflow(settings: Settings) -> Iterator[Finding]:
    ports = Ports.load(settings)
    if ports is None or not Supervisor(settings).is_running():
        return
    address = url(settings, ports.airflow)
    with AirflowApi(connection_info(settings.home), LIMIT_SECONDS) as api:
        health = api.health()
        if not health:
            remedy = f"{RESTART}; its log is {log_of(settings, 'api-server')}"
            yield Finding("airflow", "fail", f"does not answer at {address}", remedy)
            return
        sick = [name for name, state in health.items() if state != "healthy"]
        if sick:
            found = ", ".join(f"{name} {health[name]}" for name in sick)
            yield Finding("airflow", "fail", found, f"{RESTART}; the logs are in {log_of(settings, 'x').parent}")
            return
        broken = [str(error["filename"]) for error in api.import_errors()]
        if broken:
            remedy = f"mend it: {address} shows the error, under Dag Import Errors"
            yield Finding("airflow", "fail", f"cannot read {', '.join(broken)}", remedy)
        listed = api.call("GET", "dags", params={"paused": True, "limit": 100, "order_by": "dag_id"})["dags"]
        off = f"; switched off: {', '.join(dag['dag_id'] for dag in listed)}" if listed else ""
        yield Finding("airflow", "ok", f"healthy at {address}{off}")


def _pools(settings: Settings) -> Iterator[Finding]:
    if Ports.load(settings) is None or not Supervisor(settings).is_running():
        return
    with AirflowApi(connection_info(settings.home), LIMIT_SECONDS) as api:
        # The check of Airflow itself says that it does not answer.
        if not api.health():
            return
        missing = sorted({use_case.lake_pool for use_case in UseCase.load_all()} - api.pools())
    if missing:
        found = f"{', '.join(missing)} missing: no task of a use case without its pool is ever started"
        yield Finding("pools", "fail", found, "run `nightshift up`: it makes the pools of use cases that were added")


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url:
        _query(settings.database_url)
        yield Finding("database", "ok", "a server of your own (NIGHTSHIFT_DATABASE_URL), answers")
        return
    length = len(os.fsencode(database.socket_folder(settings) / ".s.PGSQL.5432"))
    server = database.running(settings)
    if length > database.SOCKET_LIMIT:
        remedy = "set TMPDIR to a shorter folder, like /tmp"
        yield Finding("database", "fail", f"the socket path has {length} bytes, {database.SOCKET_LIMIT} work", remedy)
    elif server is not None:
        _query(server.url("ledger", "psycopg2"))
        yield Finding("database", "ok", "embedded PostgreSQL, answers")
    elif Supervisor(settings).is_running():
        remedy = f"run `nightshift up`; its log is {settings.postgres / 'server.log'}"
        yield Finding("database", "fail", "embedded PostgreSQL does not run, and the services need it", remedy)
    else:
        yield Finding("database", "ok", "embedded PostgreSQL, not running; it starts when it is needed")


def _query(address: str) -> None:
    """Ask each database something.

    Raises:
        NightshiftError: if one does not answer; the password is not told.
    """
    parts = urlsplit(address)
    for name in database.DATABASES:
        libpq = urlunsplit(parts._replace(scheme="postgresql", path=f"/{name}"))
        try:
            connection = psycopg2.connect(libpq, connect_timeout=2)
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            finally:
                connection.close()
        except psycopg2.Error as error:
            said = _first_line(error).replace(parts.password or "\0", "***")
            raise NightshiftError(f"database {name}: {said}") from None


def _mlflow(settings: Settings) -> Iterator[Finding]:
    named = settings.mlflow_tracking_uri
    if named is None:
        ports = Ports.load(settings)
        if ports is None or not Supervisor(settings).is_running():
            yield Finding("mlflow", "ok", "in the database mlflow; its pages come with `nightshift up`")
            return
        address, remedy = url(settings, ports.mlflow), f"{RESTART}; its log is {log_of(settings, 'mlflow')}"
    elif named.startswith(("http://", "https://")):
        address, remedy = named.rstrip("/"), "see that the server of NIGHTSHIFT_MLFLOW_TRACKING_URI runs"
    else:
        yield Finding("mlflow", "ok", "as NIGHTSHIFT_MLFLOW_TRACKING_URI says; only servers are asked")
        return
    host = urlsplit(address).netloc.rpartition("@")[2]
    try:
        answer = httpx.get(f"{address}/health", timeout=LIMIT_SECONDS, trust_env=named is not None)
    except httpx.HTTPError as error:
        yield Finding("mlflow", "fail", f"{host} does not answer: {_first_line(error)}", remedy)
        return
    # A gateway that answers for it knows no /health, which is no fault; that it finds no server is one.
    if answer.is_server_error:
        yield Finding("mlflow", "fail", f"{host} answers with {answer.status_code}", remedy)
    else:
        yield Finding("mlflow", "ok", f"answers at {host}")


def _landing(settings: Settings) -> Iterator[Finding]:
    for use_case in UseCase.load_all():
        if not expects_manifest(Catalog(use_case)):
            continue
        folder = landing_folder(use_case)
        above = Path(folder.location).parent
        if settings.landing_url and not folder.is_remote and not above.is_dir():
            remedy = "is it mounted? else mend NIGHTSHIFT_LANDING_URL"
            yield Finding("landing", "fail", f"{above} is not there", remedy)
            return
        there = folder.is_remote or Path(folder.location).is_dir()
        dates = sorted(name for name in folder.sizes() if _is_date(name)) if there else []
        yield Finding("landing", "ok", f"{use_case.name}: {_newest(folder, dates)}")


def _newest(folder: Folder, dates: list[str]) -> str:
    if not dates:
        return f"nothing was delivered to {folder} yet"
    complete = "complete" if is_complete(folder / dates[-1]) else f"not complete: it has no {MANIFEST}"
    return f"newest delivery {dates[-1]} in {folder}, {complete}"


def _is_date(name: str) -> bool:
    try:
        parse_date(name)
    except NightshiftError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


CHECKS = (
    Check("ports", _ports, RESTART),
    Check("services", _services, RESTART),
    Check("airflow", _airflow, RESTART),
    Check("pools", _pools, RESTART),
    Check("database", _database, f"see that it runs and has the databases {', '.join(database.DATABASES)}"),
    Check("mlflow", _mlflow, RESTART),
    Check("landing", _landing, "mend the access to it, or NIGHTSHIFT_LANDING_URL (docs/landing-contract.md)"),
)
