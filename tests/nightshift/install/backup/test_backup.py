"""All state in one file and back: whole, or nothing of it; into what is empty, and nothing else."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake
from sqlalchemy import create_engine, text

from nightshift import ledger
from nightshift.commands.cli import cli
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import BusyError, ConflictError, InstallationError, NightshiftError, UsageError
from nightshift.home import postgres_server, postgres_tools
from nightshift.home.home_folder import half_restored, prepare_home, refuse_transfer, transferred
from nightshift.home.settings import Settings, get_settings
from nightshift.install.backup import backup_format, database_dumps, restore_backup, write_backup
from nightshift.install.services.airflow_env import administration, fernet_key
from nightshift.install.services.service_state import Services
from nightshift.models import mlflow_connection
from tests import other_database

DAY = dt.date(2013, 1, 1)
# One Airflow, which this installation does not have: its tables would take half of the time.
NO_AIRFLOW = {"NIGHTSHIFT_AIRFLOW_URL": "http://127.0.0.1:9"}
Into = Callable[..., contextlib.AbstractContextManager[Settings]]


SCHEMA = pa.schema([("batch_date", pa.date32()), ("carrier", pa.string()), ("name", pa.string())])


@pytest.fixture(scope="module")
def new_server() -> Iterator[Path]:
    """The data folder of an embedded server that never ran a job: making one takes longer than most tests here."""
    with tempfile.TemporaryDirectory(prefix="nightshift-tests-") as folder:
        settings = Settings(home=Path(folder, "home"))
        postgres_server.ensure_server(settings)
        postgres_server.stop(settings)
        yield settings.postgres


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, new_server: Path) -> Into:
    """Makes this process one of a new home; its PostgreSQL ends with it."""

    @contextlib.contextmanager
    def into(**variables: str) -> Iterator[Settings]:
        # Not in pytest's own folder, which is closed to the user whom the server runs as.
        with tempfile.TemporaryDirectory(prefix="nightshift-tests-") as folder, monkeypatch.context() as patch:
            patch.delenv("NIGHTSHIFT_DATABASE_URL", raising=False)
            for name, value in {"NIGHTSHIFT_HOME": str(Path(folder, "home")), **variables}.items():
                patch.setenv(name, value)
            forget()
            prepare_home(get_settings())
            subprocess.run(["cp", "-a", new_server, get_settings().postgres], check=True)
            postgres_tools.give_away(get_settings().postgres)
            try:
                yield get_settings()
            finally:
                postgres_server.stop(get_settings())
        forget()

    def forget() -> None:
        for cached in (get_settings, ledger.engine, mlflow_connection.client):
            cached.cache_clear()

    return into


def fill(settings: Settings) -> None:
    """A table with a row, an experiment, a file of personal data's key."""
    table = Catalog(UseCase.load("flight_delays", get_settings()))["bronze.airlines"]
    rows = {"batch_date": [DAY], "carrier": ["9E"], "name": ["Endeavor"]}
    write_deltalake(table.location.path, pa.table(rows), partition_by=["batch_date"])
    (settings.home / "secrets").mkdir(mode=0o700)
    key = settings.home / "secrets" / "pii_key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    published()
    # What is connected counts as running.
    ledger.engine().dispose()
    artifacts = settings.mlflow_artifacts / "flight_delays"
    artifacts.mkdir(parents=True)
    (artifacts / "model.txt").write_text("a tree")
    with create_engine(postgres_server.database_url(get_settings(), "mlflow")).begin() as connection:
        connection.execute(
            text("CREATE TABLE experiments (artifact_location text); INSERT INTO experiments VALUES (:at), ('s3://b')"),
            {"at": artifacts.as_uri()},
        )


def published() -> None:
    """An entry of the ledger."""
    common = {"use_case": "flight_delays", "stage": "land", "table_name": "bronze.airlines", "run_id": "the night"}
    with ledger.attempt(common, {DAY: {}}):
        pass


def written() -> io.BytesIO:
    stream, said = io.BytesIO(), []
    write_backup.write_to(stream, get_settings(), said.append)
    assert any(line.startswith("lake: ") for line in said)
    stream.seek(0)
    return stream


def artifact_locations() -> list[str]:
    with create_engine(postgres_server.database_url(get_settings(), "mlflow")).begin() as connection:
        found = connection.execute(text("SELECT artifact_location FROM experiments ORDER BY 1"))
        return [row[0] for row in found]


def fingerprint() -> str:
    done = CliRunner().invoke(cli, ["fingerprint"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("served", [False, True])
def test_what_is_restored_is_what_was_there_and_knows_its_new_place(installation: Into, served: bool) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        before, backup = fingerprint(), written()
        assert before.startswith("bronze.flight_delays_airlines\t2013-01-01\t1\t")
    other = {"NIGHTSHIFT_MLFLOW_TRACKING_URI": "http://mlflow:5000"} if served else {}
    with installation(**NO_AIRFLOW, **other) as settings:
        if served:
            # As in docker-compose.yaml: the server's database is known here, too.
            address = postgres_server.database_url(get_settings(), "mlflow").replace("+psycopg2", "")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("NIGHTSHIFT_MLFLOW_DATABASE_URL", address)
                get_settings.cache_clear()
                restore_backup.restore_from(backup, get_settings(), lambda _: None)
                where = "mlflow-artifacts:"
                assert artifact_locations() == [f"{where}/flight_delays", "s3://b"]
            get_settings.cache_clear()
        else:
            restore_backup.restore_from(backup, get_settings(), lambda _: None)
            assert artifact_locations() == [f"{settings.mlflow_artifacts.as_uri()}/flight_delays", "s3://b"]
        assert fingerprint() == before
        with ledger.engine().begin() as connection:
            assert connection.execute(text("SELECT run_id FROM entries")).scalars().all() == ["the night"]
        ledger.engine().dispose()
        key = settings.home / "secrets" / "pii_key"
        assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"k" * 32, 0o600)
        assert key.parent.stat().st_mode & 0o777 == 0o700
        assert (settings.mlflow_artifacts / "flight_delays" / "model.txt").read_text() == "a tree"
        assert not list((settings.home / "tmp" / "restore").glob("*"))


def test_a_backup_that_is_cut_or_none_restores_nothing(installation: Into) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        whole = written().getvalue()
    newer = io.BytesIO()
    with tarfile.open(fileobj=newer, mode="w") as tar:
        head = backup_format.Head(form=99, code="", made_at="", artifacts=(), databases=()).model_dump_json().encode()
        member = tarfile.TarInfo(backup_format.HEAD)
        member.size = len(head)
        tar.addfile(member, io.BytesIO(head))
    with installation(**NO_AIRFLOW) as settings:
        for stream, said in (
            (whole[: len(whole) // 2], "is no whole backup"),
            (whole[:700], "is no whole backup"),
            (b"", "is no whole backup"),
            (b"not a tar file" * 100, "is no whole backup"),
            (newer.getvalue(), "has form 99"),
        ):
            with pytest.raises(UsageError, match=said):
                restore_backup.restore_from(io.BytesIO(stream), get_settings(), lambda _: None)
            assert not settings.lake.path.exists()
            assert not database_dumps.is_used(get_settings(), "ledger")
            assert not half_restored(settings).exists()
        restore_backup.restore_from(io.BytesIO(whole), get_settings(), lambda _: None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("home/../../beyond", tarfile.REGTYPE), ("/tmp/beyond", tarfile.REGTYPE), ("home/link", tarfile.SYMTYPE)],
)
def test_nothing_is_written_beyond_the_home(installation: Into, name: str, kind: bytes) -> None:
    head = backup_format.Head(code="", made_at="", artifacts=(), databases=()).model_dump_json().encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for called, content in ((backup_format.HEAD, head), (name, b"")):
            member = tarfile.TarInfo(called)
            member.size, member.linkname = len(content), "/etc"
            member.type = kind if called == name else tarfile.REGTYPE
            tar.addfile(member, io.BytesIO(content))
    stream.seek(0)
    with installation(**NO_AIRFLOW), pytest.raises(UsageError, match="which is no file or folder of a home"):
        restore_backup.restore_from(stream, get_settings(), lambda _: None)


def test_nothing_is_restored_over_what_is_there(installation: Into) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        backup = written()
        with pytest.raises(UsageError, match="holds something already: the folder lake"):
            restore_backup.restore_from(backup, get_settings(), lambda _: None)
        backup.seek(0)
        for name in backup_format.FILLED:
            shutil.rmtree(settings.home / name, ignore_errors=True)
        with pytest.raises(UsageError, match="holds something already: the database ledger"):
            restore_backup.restore_from(backup, get_settings(), lambda _: None)


def test_nothing_is_copied_under_services_that_run(installation: Into, monkeypatch: pytest.MonkeyPatch) -> None:
    with installation() as settings:
        fill(settings)
        monkeypatch.setattr(
            backup_format.service_state, "look", lambda _: Services("running", tasks=("land flight_delays",))
        )
        for carried_out in (write_backup.write_to, restore_backup.restore_from):
            with pytest.raises(UsageError, match=r"services, land flight_delays of .* run"):
                carried_out(io.BytesIO(), get_settings(), lambda _: None)


def test_nor_while_a_job_that_was_started_by_hand_is_connected(
    installation: Into, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_format, "ENDING_SECONDS", 0)
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        with ledger.engine().begin(), pytest.raises(UsageError, match="1 connections to the database ledger"):
            write_backup.write_to(io.BytesIO(), get_settings(), lambda _: None)


def test_a_job_that_ran_meanwhile_is_found(installation: Into, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = database_dumps.dump

    def and_a_job(settings: Settings, name: str, to: Path) -> None:
        dump(settings, name, to)
        published()
        ledger.engine().dispose()

    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        monkeypatch.setattr(database_dumps, "dump", and_a_job)
        with pytest.raises(ConflictError, match="a job ran while the backup was made"):
            write_backup.write_to(io.BytesIO(), get_settings(), lambda _: None)


def test_links_are_followed_and_those_to_nothing_are_named(installation: Into, tmp_path: Path) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        before = fingerprint()
        other_disk = tmp_path / "disk"
        shutil.move(settings.lake.path, other_disk)
        settings.lake.path.symlink_to(other_disk)
        settings.landing.path.mkdir()
        (settings.landing.path / "gone.csv").symlink_to(tmp_path / "none")
        # As Airflow's own, it leads to what is in the backup already.
        (settings.logs / "today").mkdir()
        (settings.logs / "latest").symlink_to("today")
        (settings.logs / "around").symlink_to(settings.home)
        stream, said = io.BytesIO(), []
        write_backup.write_to(stream, get_settings(), said.append)
        assert f"not in it: {settings.landing.path / 'gone.csv'}, which leads to no file" in said
    stream.seek(0)
    with installation(**NO_AIRFLOW) as settings:
        restore_backup.restore_from(stream, get_settings(), lambda _: None)
        assert (fingerprint(), settings.lake.path.is_symlink()) == (before, False)
        assert [each.name for each in settings.logs.iterdir()] == ["today"]


def test_what_lies_apart_is_named_as_left_out(installation: Into, tmp_path: Path) -> None:
    apart = {f"NIGHTSHIFT_{name}_URL": str(tmp_path / name.lower()) for name in ("LAKE", "ARCHIVE", "PAGES")}
    with installation(**NO_AIRFLOW, **apart) as settings:
        fill(settings)
        said: list[str] = []
        write_backup.write_to(io.BytesIO(), get_settings(), said.append)
        assert "not in it: the audit pages, which NIGHTSHIFT_PAGES_URL names" in said
        assert "not in it: the archive, which NIGHTSHIFT_ARCHIVE_URL names" in said
        assert "not in it: the lake, which NIGHTSHIFT_LAKE_URL names" in said


def test_a_lake_that_can_not_be_read_whole_is_no_backup(installation: Into, tmp_path: Path) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        (settings.lake.path / "bronze" / "lost").symlink_to(tmp_path / "none")
        with pytest.raises(UsageError, match="lost leads to no file"):
            write_backup.write_to(io.BytesIO(), get_settings(), lambda _: None)
        shutil.rmtree(settings.lake.path)
        settings.lake.path.symlink_to(tmp_path / "none")
        with pytest.raises(UsageError, match="lake is a link to nothing"):
            write_backup.write_to(io.BytesIO(), get_settings(), lambda _: None)


def test_nothing_starts_while_all_state_is_read_or_written(home: Settings) -> None:
    prepare_home(home)
    with transferred(home):
        for begun in (lambda: refuse_transfer(home), lambda: CliRunner().invoke(cli, ["sql"], catch_exceptions=False)):
            with pytest.raises(BusyError, match="is being written to a file, or read from one"):
                begun()
        with pytest.raises(BusyError), transferred(home):
            pass
    refuse_transfer(home)


def test_a_restore_that_failed_halfway_is_known_and_can_be_done_again(
    installation: Into, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        before, backup = fingerprint(), written()
    restore = database_dumps.restore

    def fails_at_mlflow(settings: Settings, name: str, dumped: Path) -> None:
        if name == "mlflow":
            raise InstallationError("the disk is full")
        restore(settings, name, dumped)

    with installation(**NO_AIRFLOW) as settings:
        with monkeypatch.context() as patch:
            patch.setattr(database_dumps, "restore", fails_at_mlflow)
            with pytest.raises(InstallationError, match="the disk is full"):
                restore_backup.restore_from(backup, get_settings(), lambda _: None)
        for begun in (
            lambda: refuse_transfer(settings),
            lambda: CliRunner().invoke(cli, ["sql"], catch_exceptions=False),
        ):
            with pytest.raises(InstallationError, match="holds a part of a backup"):
                begun()
        # Of another backup, whose files must not stay beside those of this one.
        (settings.lake.path / "bronze").mkdir(parents=True)
        (settings.lake.path / "bronze" / "other").touch()
        assert not list((settings.home / "tmp" / "restore").glob("*"))
        backup.seek(0)
        restore_backup.restore_from(backup, get_settings(), lambda _: None)
        refuse_transfer(settings)
        assert fingerprint() == before
        assert not (settings.lake.path / "bronze" / "other").exists()


@pytest.mark.parametrize("in_query", [False, True])
def test_a_server_that_asks_for_a_password_is_given_it_and_no_command_line_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_query: bool
) -> None:
    commands: list[list[str]] = []
    run = subprocess.run

    def noted(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return run(command, **options)

    with other_database.database_of_others() as server:
        password = other_database.PASSWORD
        login = f"postgres@127.0.0.1:{server.port}/ledger?password={password}"
        monkeypatch.setenv(
            "NIGHTSHIFT_DATABASE_URL",
            f"postgresql://{login}" if in_query else f"postgresql://postgres:{password}@127.0.0.1:{server.port}/ledger",
        )
        get_settings.cache_clear()
        server.run("CREATE DATABASE ledger", name="postgres")
        server.run("CREATE TABLE kept (said text)", "INSERT INTO kept VALUES ('as it was')", name="ledger")
        monkeypatch.setattr(database_dumps.subprocess, "run", noted)
        database_dumps.dump(get_settings(), "ledger", tmp_path / "dump")
        server.run("DROP TABLE kept", "CREATE TABLE newer (said text)", name="ledger")
        database_dumps.restore(get_settings(), "ledger", tmp_path / "dump")
        connection = server.connect("ledger")
        with connection.cursor() as cursor:
            cursor.execute("SELECT said, to_regclass('newer') FROM kept")
            assert cursor.fetchall() == [("as it was", None)]
        connection.close()
    get_settings.cache_clear()
    assert [Path(command[0]).name for command in commands][:2] == ["pg_dump", "pg_restore"]
    assert password not in str(commands)


MLFLOW, DATABASE = "NIGHTSHIFT_MLFLOW_TRACKING_URI", "postgresql://u:p@postgres/any"


@pytest.mark.parametrize(
    ("variables", "own"),
    [
        ({}, {"airflow", "ledger", "mlflow", "optuna"}),
        ({MLFLOW: "https://mlflow.company"}, {"airflow", "ledger", "optuna"}),
        (
            {MLFLOW: "https://mlflow.company", "NIGHTSHIFT_MLFLOW_DATABASE_URL": DATABASE},
            {"airflow", "ledger", "optuna"},
        ),
        (
            {MLFLOW: "http://mlflow:5000", "NIGHTSHIFT_MLFLOW_DATABASE_URL": DATABASE},
            {"airflow", "ledger", "mlflow", "optuna"},
        ),
        ({**NO_AIRFLOW, "NIGHTSHIFT_DATABASE_URL": DATABASE}, {"ledger", "mlflow", "optuna"}),
        (
            {**NO_AIRFLOW, "NIGHTSHIFT_AIRFLOW_DATABASE_URL": DATABASE},
            {"airflow", "ledger", "mlflow", "optuna"},
        ),
    ],
)
def test_what_other_servers_hold_is_not_this_installations(
    variables: dict[str, str], own: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NIGHTSHIFT_DATABASE_URL", *variables):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert {*database_dumps.own(Settings())} == own


def test_a_container_that_may_not_read_all_databases_is_told_which_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MLFLOW, "http://mlflow:5000")
    with pytest.raises(UsageError, match="may not read the databases"):
        database_dumps.own(Settings())


def test_a_full_disk_leaves_no_half_of_a_file(
    installation: Into, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write_backup, "write_to", full)
    (tmp_path / "all.tar.new").write_text("of a backup that was killed")
    done = CliRunner().invoke(cli, ["backup", str(tmp_path / "all.tar")])
    assert "No space left on device" in str(done.exception)
    assert not list(tmp_path.glob("all.tar*"))


def test_a_fingerprint_is_of_the_rows_alone_and_of_all_of_them(home: Settings) -> None:
    table = Catalog(UseCase.load("flight_delays", get_settings()))["bronze.airlines"]
    rows = [{"batch_date": DAY, "carrier": carrier, "name": name} for carrier, name in (("9E", None), ("AA", "A"))]

    def of(*parts: list[dict[str, Any]]) -> str:
        shutil.rmtree(table.location.path, ignore_errors=True)
        for part in parts:
            frame = pa.Table.from_pylist(part, schema=SCHEMA)
            write_deltalake(table.location.path, frame, partition_by=["batch_date"], mode="append")
        return fingerprint()

    same = of(rows)
    assert of(rows[::-1]) == of(rows[:1], rows[1:]) == same
    others = [of(rows, rows[:1]), of(rows, rows[:1], rows[:1]), of(rows[:1]), of([rows[0] | {"name": "NULL"}, rows[1]])]
    assert len({same, *others}) == 5


def test_a_home_that_is_none_is_not_backed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "none"))
    get_settings.cache_clear()
    file = tmp_path / "all.tar"
    done = CliRunner().invoke(cli, ["backup", str(file)])
    get_settings.cache_clear()
    assert isinstance(done.exception, NightshiftError)
    assert "is no home of nightshift" in str(done.exception)
    assert not list(tmp_path.glob("all.tar*"))


@pytest.mark.long
def test_what_airflow_has_encrypted_is_read_with_the_key_of_the_new_home(installation: Into) -> None:
    def airflow(settings: Settings, *command: str) -> str:
        environment = administration(settings, fernet_key(settings))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "airflow", *command],
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with installation() as settings:
        fill(settings)
        airflow(settings, "db", "migrate")
        airflow(settings, "variables", "set", "kept", "in confidence")
        old, backup = fernet_key(settings), written()
    with installation() as settings:
        said: list[str] = []
        restore_backup.restore_from(backup, get_settings(), said.append)
        assert fernet_key(settings) != old
        assert airflow(settings, "variables", "get", "kept").strip().endswith("in confidence")
