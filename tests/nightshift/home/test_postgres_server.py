"""The embedded PostgreSQL: started once by whoever asks first, for its own home and user only."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from nightshift.errors import NightshiftError
from nightshift.home import postgres_server, postgres_tools, sockets
from nightshift.home.settings import Settings, get_settings
from nightshift.install.services.service_state import Services
from nightshift.install.setup import doctor_stores
from nightshift.install.setup.doctor_installation import Installation


@pytest.fixture
def own_home(monkeypatch):
    """A home whose server nothing else uses, stopped at the end.

    It does not lie in pytest's own folder: each session that starts closes that one to other users, and the server
    is one where this process is root.
    """
    with tempfile.TemporaryDirectory(prefix="nightshift-tests-") as folder:
        monkeypatch.setenv("NIGHTSHIFT_HOME", str(Path(folder) / "home"))
        monkeypatch.delenv("NIGHTSHIFT_DATABASE_URL", raising=False)
        get_settings.cache_clear()
        settings = get_settings()
        yield settings
        postgres_server.stop(settings)
        get_settings.cache_clear()


def _ask_in_new_process(temporary: str) -> tuple[str, int]:
    code = (
        "from nightshift.home.postgres_server import *; s = Settings(); "
        "print(database_url(s, 'ledger'), ensure_server(s).pid)"
    )
    environment = os.environ | {"TMPDIR": temporary}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    url, pid = done.stdout.split()
    return url, int(pid)


def _asked(server: postgres_server.Server, question: str) -> object:
    with contextlib.closing(psycopg2.connect(server.url("ledger", "psycopg2").replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and that nothing reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid: int) -> bool:
    """Whether a process is gone within moments: `pg_ctl` waits for the server's pid file alone."""
    deadline = time.monotonic() + 5
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(pid)


def _names(server: postgres_server.Server) -> set[str]:
    connection = psycopg2.connect(host=str(server.socket_folder), user="postgres", dbname="ledger")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            return {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()


def test_processes_of_any_temporary_folder_that_ask_at_once_share_one_server_that_outlives_them(own_home, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(_ask_in_new_process, ["", "/tmp", str(tmp_path), str(tmp_path / "missing")]))

    assert len(answers) == 1
    server = postgres_server.running(own_home)
    assert server is not None
    assert server.pid == answers.pop()[1]
    assert set(postgres_server.DATABASES) <= _names(server)
    assert postgres_server.stop(own_home)
    assert ends(server.pid)
    assert not postgres_server.stop(own_home), "there is nothing left to stop"


def test_a_killed_server_is_started_again_with_its_data(own_home):
    server = postgres_server.ensure_server(own_home)
    connection = psycopg2.connect(host=str(server.socket_folder), user="postgres", dbname="ledger")
    connection.autocommit = True
    connection.cursor().execute("CREATE TABLE kept AS SELECT 7 AS number")
    connection.close()
    group = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    for process in group:
        process.kill()
    psutil.wait_procs(group, timeout=10)

    again = postgres_server.ensure_server(own_home)

    connection = psycopg2.connect(host=str(again.socket_folder), user="postgres", dbname="ledger")
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM kept")
        assert cursor.fetchone() == (7,)
    connection.close()


def test_a_pid_file_that_names_another_process_by_now_does_not_block_the_start(own_home):
    postgres_server.ensure_server(own_home)
    lines = (own_home.postgres / "postmaster.pid").read_text().splitlines()
    postgres_server.stop(own_home)
    # As after a restart of the machine: the number is taken, by this very test.
    lines[0] = str(os.getpid())
    pid_file = own_home.postgres / "postmaster.pid"
    pid_file.write_text("\n".join(lines) + "\n")

    assert not postgres_server.stop(own_home), "what has the number by now is not ended"
    pid_file.write_text("\n".join(lines) + "\n")
    (own_home.postgres / ".s.PGSQL.5432.lock").write_text("\n".join(lines) + "\n")
    assert postgres_server.ensure_server(own_home).pid != os.getpid()


def test_a_copied_home_gets_a_server_of_its_own(own_home):
    copy = Settings(home=own_home.home.with_name("copy"))
    postgres_server.ensure_server(own_home)
    postgres_server.stop(own_home)
    shutil.copytree(own_home.home, copy.home, symlinks=True)
    first = postgres_server.ensure_server(own_home)
    shutil.copy(own_home.postgres / "postmaster.pid", copy.postgres / "postmaster.pid")
    if os.getuid() == 0:
        owner = own_home.postgres.stat()
        for path in [copy.postgres, *copy.postgres.rglob("*")]:
            os.chown(path, owner.st_uid, owner.st_gid)

    assert postgres_server.running(copy) is None
    try:
        assert postgres_server.ensure_server(copy).pid != first.pid
        assert postgres_server.running(own_home) == first
    finally:
        postgres_server.stop(copy)


def test_another_system_user_is_refused_even_where_the_socket_is_reachable(own_home):
    if os.getuid() != 0:
        pytest.skip("only root can act as another user")
    server = postgres_server.ensure_server(own_home)
    server.socket_folder.chmod(0o755)
    ask = [postgres_tools.binaries() / "psql", "-h", server.socket_folder, "-U", "postgres", "-c", "SELECT 1", "ledger"]
    nobody = pwd.getpwnam("nobody")
    as_nobody: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    done = subprocess.run(ask, capture_output=True, text=True, cwd="/", check=False, **as_nobody)

    assert done.returncode != 0
    assert "Peer authentication failed" in done.stderr


def test_an_unknown_database_is_named_before_anything_starts(own_home):
    with pytest.raises(NightshiftError, match="no database 'elsewhere'; there are: airflow, ledger, mlflow, optuna"):
        postgres_server.database_url(get_settings(), "elsewhere")
    assert not own_home.home.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "postgresql://u:p%40ss@db:5433/any?connect_timeout=3",
            # What only says how libpq connects, asyncpg does not know.
            "postgresql+asyncpg://u:p%40ss@db:5433/mlflow",
        ),
        ("postgresql+psycopg2://postgres@/x?host=/run/pg", "postgresql+asyncpg://postgres@/mlflow?host=%2Frun%2Fpg"),
    ],
)
def test_a_server_of_ones_own_is_used_as_given(monkeypatch, given, expected):
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", given)
    get_settings.cache_clear()
    assert postgres_server.database_url(get_settings(), "mlflow", "asyncpg") == expected
    get_settings.cache_clear()


def test_a_socket_that_was_removed_is_put_back_under_a_server_that_goes_on(own_home):
    server = postgres_server.ensure_server(own_home)
    with contextlib.closing(psycopg2.connect(host=str(server.socket_folder), user="postgres", dbname="ledger")) as task:
        task.cursor().execute("SELECT pg_advisory_lock(7)")
        (own_home.postgres / ".s.PGSQL.5432").unlink()

        assert postgres_server.running(own_home) == server
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert _asked(server, held) == 1, "a session that was open is still open"


def test_a_server_that_cannot_be_reached_any_more_is_left_alone_and_said_so(own_home):
    server = postgres_server.ensure_server(own_home)
    (own_home.postgres / ".s.PGSQL.5432").unlink()
    (own_home.run / "postgres.spare").unlink()

    with pytest.raises(NightshiftError, match=r"(?s)cannot be reached .* was removed.*`nightshift up`"):
        postgres_server.ensure_server(own_home)
    [finding] = doctor_stores.databases(Installation(own_home, Services("stopped"), (), {}))
    assert (finding.result, "cannot be reached" in finding.found) == ("fail", True)
    assert finding.remedy == "when no task runs, run `nightshift down` and `nightshift up`"
    assert lives(server.pid)
    assert postgres_server.stop(own_home)
    assert ends(server.pid)
    assert postgres_server.ensure_server(own_home).pid != server.pid


def test_a_home_of_any_name_and_length_has_a_server_that_survives_its_move(own_home):
    odd = Settings(home=own_home.home / "it's a $HOME; naïve" / ("long" * 35))
    server = postgres_server.ensure_server(odd)
    link = sockets.short(odd.home)
    assert _asked(server, "SELECT 1") == 1
    link.unlink()
    assert postgres_server.running(odd) == server, "a link that a cleaner removed is made again"
    assert _asked(server, "SELECT 1") == 1

    moved = Settings(home=own_home.home / "moved")
    odd.home.rename(moved.home)
    found = postgres_server.ensure_server(moved)
    assert (found.pid, _asked(found, "SELECT 1")) == (server.pid, 1)
    assert postgres_server.stop(moved)
    link.unlink()
