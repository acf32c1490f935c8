"""All state in one file and back: whole, or nothing of it; into what is empty, and nothing else."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake
from sqlalchemy import create_engine, text

from nightshift import database, ledger
from nightshift.backup import databases, form, read, write
from nightshift.catalog import Catalog
from nightshift.cli import cli
from nightshift.errors import NightshiftError, UsageError
from nightshift.models import tracking
from nightshift.services.airflow_env import administration, fernet_key
from nightshift.services.state import Services
from nightshift.settings import Settings, get_settings
from nightshift.use_case import UseCase

# One Airflow, which this installation does not have: its tables would take half of the time.
NO_AIRFLOW = {"NIGHTSHIFT_AIRFLOW_URL": "http://127.0.0.1:9"}
Into = Callable[..., contextlib.AbstractContextManager[Settings]]


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Into:
    """Makes this process one of a new home; its PostgreSQL ends with it."""

    @contextlib.contextmanager
    def into(**variables: str) -> Iterator[Settings]:
        # Not in pytest's own folder, which is closed to the user whom the server runs as.
        with tempfile.TemporaryDirectory(prefix="nightshift-tests-") as folder, monkeypatch.context() as patch:
            patch.delenv("NIGHTSHIFT_DATABASE_URL", raising=False)
            for name, value in {"NIGHTSHIFT_HOME": str(Path(folder, "home")), **variables}.items():
                patch.setenv(name, value)
            forget()
            try:
                yield get_settings()
            finally:
                database.stop(get_settings())
        forget()

    def forget() -> None:
        for cached in (get_settings, ledger.engine, tracking.client):
            cached.cache_clear()

    return into


def fill(settings: Settings) -> None:
    """A table with a row, an experiment, a file of personal data's key."""
    table = Catalog(UseCase.load("flight_delays"))["bronze.airlines"]
    rows = {"batch_date": [dt.date(2013, 1, 1)], "carrier": ["9E"], "name": ["Endeavor"]}
    write_deltalake(table.path, pa.table(rows), partition_by=["batch_date"])
    (settings.home / "secrets").mkdir(mode=0o700)
    key = settings.home / "secrets" / "pii_key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    with ledger.engine().begin() as connection:
        connection.execute(text("CREATE TABLE kept (said text); INSERT INTO kept VALUES ('as it was')"))
    artifacts = settings.mlflow_artifacts / "flight_delays"
    artifacts.mkdir(parents=True)
    (artifacts / "model.txt").write_text("a tree")
    with create_engine(database.database_url("mlflow")).begin() as connection:
        connection.execute(
            text("CREATE TABLE experiments (artifact_location text); INSERT INTO experiments VALUES (:at), ('s3://b')"),
            {"at": artifacts.as_uri()},
        )


def written() -> io.BytesIO:
    stream, said = io.BytesIO(), []
    write.write(stream, said.append)
    assert any(line.startswith("lake: ") for line in said)
    stream.seek(0)
    return stream


def artifact_locations() -> list[str]:
    with create_engine(database.database_url("mlflow")).begin() as connection:
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
            address = database.database_url("mlflow").replace("+psycopg2", "")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("NIGHTSHIFT_MLFLOW_DATABASE_URL", address)
                get_settings.cache_clear()
                read.read(backup, lambda _: None)
                where = "mlflow-artifacts:"
                assert artifact_locations() == [f"{where}/flight_delays", "s3://b"]
            get_settings.cache_clear()
        else:
            read.read(backup, lambda _: None)
            assert artifact_locations() == [f"{settings.mlflow_artifacts.as_uri()}/flight_delays", "s3://b"]
        assert fingerprint() == before
        with ledger.engine().begin() as connection:
            assert connection.execute(text("SELECT said FROM kept")).scalar() == "as it was"
        key = settings.home / "secrets" / "pii_key"
        assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"k" * 32, 0o600)
        assert (settings.mlflow_artifacts / "flight_delays" / "model.txt").read_text() == "a tree"
        assert not list((settings.home / "tmp" / "restore").glob("*"))


def test_a_backup_that_is_cut_or_none_restores_nothing(installation: Into) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        whole = written().getvalue()
    newer = io.BytesIO()
    with tarfile.open(fileobj=newer, mode="w") as tar:
        head = form.Head(form=99, code="", made_at="", artifacts="", databases=()).model_dump_json().encode()
        member = tarfile.TarInfo(form.HEAD)
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
                read.read(io.BytesIO(stream), lambda _: None)
            assert not settings.lake.exists()
            assert not databases.is_used("ledger")
        read.read(io.BytesIO(whole), lambda _: None)


def test_nothing_is_restored_over_what_is_there(installation: Into) -> None:
    with installation(**NO_AIRFLOW) as settings:
        fill(settings)
        backup = written()
        with pytest.raises(UsageError, match="holds something already: the folder lake"):
            read.read(backup, lambda _: None)


def test_nothing_is_copied_under_services_that_run(installation: Into, monkeypatch: pytest.MonkeyPatch) -> None:
    with installation() as settings:
        fill(settings)
        monkeypatch.setattr(form.state, "look", lambda _: Services("running", tasks=("land flight_delays",)))
        for carried_out in (write.write, read.read):
            with pytest.raises(UsageError, match=r"services of .* run"):
                carried_out(io.BytesIO(), lambda _: None)


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
        read.read(backup, said.append)
        assert fernet_key(settings) != old
        assert airflow(settings, "variables", "get", "kept").strip().endswith("in confidence")
