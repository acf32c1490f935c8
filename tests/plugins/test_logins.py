"""Logins, roles and approvals of an Airflow on servers, asked of a real API server with a real database."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from nightshift.home.settings import get_settings
from nightshift.install.services import airflow_env
from nightshift.install.services.airflow_api import AirflowApi, AirflowRefused
from nightshift.install.services.airflow_env import AirflowAddress
from nightshift.install.services.ports import Ports
from nightshift_airflow.approval import ApproveModel
from tests.end_to_end.browser import answer
from tests.fixtures import database_of_tests
from tests.plugins.test_approval import TOLD, Pushed, operator
from tests.servers import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DATABASE = "airflow_with_logins"
DAG = "flight_delays_train"
RUN = {"logical_date": "2013-10-01T04:00:00Z", "conf": {"batch_date": "2013-10-01"}}
OPTIONS = ["Approve version 2", "Reject version 2"]
# What a browser or a monitor may ask before anybody has logged in.
OPEN = {
    "/api/v2/auth/login",
    "/api/v2/auth/logout",
    "/api/v2/monitor/health",
    "/api/v2/version",
    "/auth/logout",
    "/auth/token",
    "/auth/token/cli",
}


@dataclass
class Airflow:
    """An API server with logins, and how its components are started."""

    url: str
    environment: dict[str, str]
    folder: Path
    passwords: dict[str, str] = field(
        default_factory=lambda: {name: f"s3cret of {name}" for name in ("admin", "oncall", "viewer")}
    )

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ensure_users(self) -> None:
        for name, password in self.passwords.items():
            (self.folder / f"{name}_password").write_text(f"{password}\n")
        printed = self.run("nightshift_airflow.users", str(self.folder))
        assert not [name for name, password in self.passwords.items() if password in printed]

    def client(self, name: str) -> AirflowApi:
        return AirflowApi(AirflowAddress(self.url, name, self.passwords.get(name, "unknown")))

    def status(self, name: str, method: str, path: str, body: Any = None) -> int:
        """What the server answers this user: 200 where it does what was asked for."""
        with self.client(name) as api:
            try:
                api.call(method, path, body)
            except AirflowRefused as refused:
                return refused.status
        return 200


def of_tests(name: str) -> str:
    return database_of_tests().replace("/ledger?", f"/{name}?")


def sql(statement: str, *values: Any, name: str = DATABASE) -> Any:
    connection = psycopg2.connect(of_tests(name).replace("+psycopg2", ""))
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def roles_and_numbers() -> dict[str, tuple[int, set[str]]]:
    found = sql(
        "SELECT username, u.id, array_agg(r.name) FROM ab_user u "
        "JOIN ab_user_role ur ON ur.user_id = u.id JOIN ab_role r ON r.id = ur.role_id GROUP BY 1, 2"
    )
    return {name: (number, set(roles)) for name, number, roles in found}


def permissions(role: str) -> set[tuple[str, str]]:
    return set(
        sql(
            "SELECT p.name, v.name FROM ab_role r JOIN ab_permission_view_role pr ON pr.role_id = r.id "
            "JOIN ab_permission_view pv ON pv.id = pr.permission_view_id JOIN ab_permission p ON p.id = "
            "pv.permission_id JOIN ab_view_menu v ON v.id = pv.view_menu_id WHERE r.name = %s",
            role,
        )
    )


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """The server with its users; the project's DAGs are known to it, and nothing runs them."""
    sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", name="postgres")
    sql(f"CREATE DATABASE {DATABASE}", name="postgres")
    port = free_port()
    environment = airflow_env.environment(get_settings(), Ports(airflow=port, mlflow=1, data_docs=2)) | {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__AUTH_MANAGER": "nightshift_airflow.auth.NightshiftAuthManager",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": of_tests(DATABASE),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": of_tests(DATABASE).replace("psycopg2", "asyncpg"),
    }
    made = Airflow(f"http://127.0.0.1:{port}", environment, tmp_path_factory.mktemp("passwords"))
    made.run("airflow", "db", "migrate")
    made.ensure_users()
    made.run("airflow", "dags", "reserialize")
    log = tmp_path_factory.mktemp("log") / "api-server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"], env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 180
        with made.client("admin") as api:
            while not api.health():
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
        yield made
    finally:
        server.terminate()
        server.wait(60)


def test_each_user_has_a_password_of_its_own_and_nobody_else_gets_in(airflow: Airflow) -> None:
    for name in airflow.passwords:
        assert airflow.status(name, "GET", "dags") == 200
    assert airflow.status("mallory", "GET", "dags") == 401
    for name, password in (("admin", "s3cret of viewer"), ("viewer", "s3cret of admin")):
        login = {"username": name, "password": password}
        assert httpx.post(f"{airflow.url}/auth/token", json=login).status_code == 401
    forged = httpx.get(f"{airflow.url}/api/v2/dags", headers={"Authorization": "Bearer of-mallory"})
    assert forged.status_code in (401, 403)


@pytest.mark.parametrize("app", ["", "/auth"])
def test_no_route_answers_without_a_login(airflow: Airflow, app: str) -> None:
    with httpx.Client(base_url=airflow.url, timeout=60) as client:
        routes = [
            (method, path)
            for path, each in client.get(f"{app}/openapi.json").json()["paths"].items()
            for method in each
        ]
        asked = {
            f"{method} {path}": client.request(method, re.sub(r"\{.*?\}", "1", path)).status_code
            for method, path in ((method, path if path.startswith(app) else f"{app}{path}") for method, path in routes)
            if path not in OPEN
        }
    assert len(asked) > 5
    assert {route: status for route, status in asked.items() if status not in (401, 403)} == {}


@pytest.mark.parametrize("page", ["users/list/", "users/add", "roles/list/", "permissions/list/"])
def test_pages_of_users_and_roles_ask_for_a_login(airflow: Airflow, page: str) -> None:
    assert "/auth/login/" in httpx.get(f"{airflow.url}/auth/{page}").headers["location"]


@pytest.mark.parametrize(
    ("method", "path", "body", "oncall", "viewer"),
    [
        ("GET", f"dags/{DAG}/dagRuns", None, 200, 200),
        ("GET", "dags/~/dagRuns/~/hitlDetails", None, 200, 200),
        ("GET", "importErrors", None, 200, 200),
        ("PATCH", f"dags/{DAG}", {"is_paused": True}, 200, 403),
        ("POST", f"dags/{DAG}/dagRuns", RUN, 200, 403),
        ("POST", f"dags/{DAG}/clearTaskInstances", {"dry_run": True}, 200, 403),
        (
            *("POST", "backfills/dry_run"),
            {"dag_id": "flight_delays_nightly", "from_date": "2013-10-01T04:00Z", "to_date": "2013-10-02T04:00Z"},
            *(200, 403),
        ),
        ("DELETE", f"dags/{DAG}/dagRuns/any", None, 403, 403),
        ("DELETE", f"dags/{DAG}", None, 403, 403),
        ("GET", "connections", None, 403, 403),
        ("GET", "variables", None, 403, 403),
        ("POST", "variables", {"key": "any", "value": "1"}, 403, 403),
        ("GET", "config", None, 403, 403),
        ("PATCH", "pools/default_pool", {"slots": 1}, 403, 403),
        # An approval travels in XCom: whoever writes there could give it in another's name.
        (
            "POST",
            f"dags/{DAG}/dagRuns/any/taskInstances/approve/xcomEntries",
            {"key": "promote", "value": True},
            403,
            403,
        ),
    ],
)
def test_what_on_call_staff_and_viewers_may(
    airflow: Airflow, method: str, path: str, body: Any, oncall: int, viewer: int
) -> None:
    assert airflow.status("viewer", method, path, body) == viewer
    assert airflow.status("oncall", method, path, body) == oncall


def test_required_actions_are_in_everybodys_menu(airflow: Airflow) -> None:
    for name, password in airflow.passwords.items():
        login = httpx.post(f"{airflow.url}/auth/token", json={"username": name, "password": password}).json()
        token = {"Authorization": f"Bearer {login['access_token']}"}
        menu = httpx.get(f"{airflow.url}/ui/auth/menus", headers=token).json()["authorized_menu_items"]
        assert "Required Actions" in menu
        assert ("Connections" in menu) is (name == "admin")


def waiting_approval(airflow: Airflow, day: int, asks: ApproveModel) -> str:
    """The path of a form that waits, as the task leaves it."""
    with airflow.client("oncall") as api:
        run_id = api.trigger(DAG, dt.datetime(2013, 11, day, 4, tzinfo=dt.UTC), {"batch_date": f"2013-11-{day:02}"})
    task = sql(
        "UPDATE task_instance SET state = 'awaiting_input' WHERE task_id = 'approve' AND run_id = %s RETURNING id",
        run_id,
    )
    sql(
        "INSERT INTO hitl_detail (ti_id, subject, options, params, assignees, multiple, created_at, params_input) "
        "VALUES (%s, 'May version 2?', %s, %s, %s, false, now(), '{}')",
        *(task[0][0], json.dumps(OPTIONS), json.dumps(asks.serialized_params), json.dumps(asks.assigned_users)),
    )
    return f"dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"


def ordered(airflow: Airflow, form: str, asks: ApproveModel) -> Pushed:
    """What the task makes of the answer that was given."""
    with airflow.client("viewer") as api:
        given = api.call("GET", form)
    orders, at = Pushed(TOLD), dt.datetime.fromisoformat(given["responded_at"])
    asks.execute_complete(orders.context(), {**given, "responded_at": at, "timedout": False})
    return orders


def test_only_who_is_assigned_by_name_answers_an_approval(airflow: Airflow) -> None:
    asks = operator(by=["oncall"])
    form = waiting_approval(airflow, 1, asks)
    no = {"chosen_options": [OPTIONS[1]], "params_input": {"why": "worse"}}
    # No role counts, and neither does the right to delete the whole run.
    assert airflow.status("admin", "PATCH", form, no) == 403
    assert airflow.status("viewer", "PATCH", form, no) == 403
    assert airflow.status("oncall", "PATCH", form, no) == 200
    assert airflow.status("oncall", "PATCH", form, no) == 409, "an answer is given once"
    number, _ = roles_and_numbers()["oncall"]
    orders = ordered(airflow, form, asks)
    assert (orders["who"], orders["who_id"], orders["why"]) == (f"oncall ({number})", "oncall", "worse")


@pytest.mark.e2e
def test_the_form_is_answered_in_a_browser_after_the_login_page(airflow: Airflow) -> None:
    asks = operator(by=["viewer", "oncall"])
    form = waiting_approval(airflow, 2, asks)
    answer(AirflowAddress(airflow.url, "oncall", airflow.passwords["oncall"]), OPTIONS[1], "no better")
    orders = ordered(airflow, form, asks)
    assert (orders["who_id"], orders["why"], orders["decline"]) == ("oncall", "no better", True)


def test_the_number_of_a_user_is_no_name(airflow: Airflow) -> None:
    number, _ = roles_and_numbers()["oncall"]
    form = waiting_approval(airflow, 3, operator(by=[str(number)]))
    assert airflow.status("oncall", "PATCH", form, {"chosen_options": OPTIONS[:1], "params_input": {}}) == 403


def test_the_next_start_restores_what_is_declared_and_nothing_else(airflow: Airflow) -> None:
    before, allowed = roles_and_numbers(), permissions("OnCall")
    assert {name: roles for name, (_, roles) in before.items()} == {
        "admin": {"Admin"},
        "oncall": {"OnCall"},
        "viewer": {"Viewer", "RequiredActions"},
    }
    old = airflow.passwords["oncall"]
    airflow.passwords["oncall"] = "another one"
    sql(
        "INSERT INTO ab_user (first_name, last_name, username, email, active, id) "
        "VALUES ('Maria', 'M.', 'maria', 'maria@company', true, nextval('ab_user_id_seq'))"
    )
    sql(
        "INSERT INTO ab_user_role (id, user_id, role_id) "
        "SELECT nextval('ab_user_role_id_seq'), u.id, r.id FROM ab_user u, ab_role r "
        "WHERE (u.username, r.name) IN (('viewer', 'Admin'), ('maria', 'Op'))"
    )
    sql(
        "INSERT INTO ab_permission_view_role (id, permission_view_id, role_id) "
        "SELECT nextval('ab_permission_view_role_id_seq'), pv.id, r.id FROM ab_role r, ab_permission_view pv "
        " JOIN ab_view_menu v ON v.id = pv.view_menu_id "
        "WHERE r.name = 'OnCall' AND v.name = 'Connections'"
    )
    sql("UPDATE ab_user SET active = false WHERE username = 'viewer'")
    assert permissions("OnCall") > allowed

    airflow.ensure_users()

    assert permissions("OnCall") == allowed
    after = roles_and_numbers()
    assert after.pop("maria")[1] == {"Op"}
    assert after == before
    login = {"username": "oncall", "password": old}
    assert httpx.post(f"{airflow.url}/auth/token", json=login).status_code == 401
    assert airflow.status("oncall", "GET", "dags") == 200
    assert airflow.status("admin", "GET", "dags") == 200
    assert airflow.status("viewer", "GET", "dags") == 401, "somebody switched it off"
