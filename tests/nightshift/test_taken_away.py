"""What a job needs is taken away while it runs, and given back: it asks to be tried again, and publishes the same."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from nightshift import ledger
from nightshift.errors import EXIT_TEMPORARY
from nightshift.home import postgres_server
from nightshift.home.settings import Settings, get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.ingest.delivery import delivery_folder, is_complete
from nightshift.job import Job, run_job
from nightshift.job_result import failure
from nightshift.lake.audit_report import AuditReport, Check
from nightshift.lake.publication import publish
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.models import mlflow_connection
from tests import fixtures
from tests.declaring import a_table, column
from tests.servers import answering, free_port
from tests.staged import staged

DAY = dt.date(2013, 10, 1)
ROWS = [{"thing": "a", "size": 1}, {"thing": "b", "size": 2}]
TABLE = a_table(column("thing", required=True), column("size", "int"), use_case="flight_delays")
Hook = Callable[[], object]


def nothing() -> None:
    """Nobody takes anything away."""


def run(staging: Hook = nothing, auditing: Hook = nothing) -> int:
    """A job that stages, audits and publishes a slice without Spark; gives its exit status."""

    def audit(*_: object) -> AuditReport:
        auditing()
        return AuditReport((Check("anything_goes", "blocks", "a test", passed=True),))

    def body(job: Job, _: object) -> None:
        staging()
        rows = pa.Table.from_pylist(ROWS, pa.schema({"thing": "string", "size": "int32"}))
        publish(job, TABLE, staged(TABLE, {DAY: rows}), audit=audit)

    return run_job("refine", "A job.", body, argv=["--use-case", "flight_delays", "--dates", str(DAY)])


def visible() -> list[dict]:
    rows = DeltaTable(TABLE.location.path).to_pyarrow_table(columns=["thing", "size"]).to_pylist()
    return sorted(rows, key=lambda row: row["thing"])


def statuses() -> list[str]:
    with ledger.engine().connect() as connection:
        query = EntryRow.__table__.select().where(EntryRow.table_name == TABLE.short_name).order_by("id")
        return [row.status for row in connection.execute(query)]


def stop_postgres() -> None:
    assert postgres_server.stop(Settings(home=Path(fixtures._SESSION_HOME.name) / "home"))


@pytest.fixture
def told(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a job leaves how it failed."""
    monkeypatch.setenv(RESULT_FILE, str(tmp_path / "result.json"))
    return tmp_path / "result.json"


@pytest.fixture
def postgres_comes_back() -> Iterator[None]:
    yield
    fixtures.database_of_tests()


@pytest.mark.usefixtures("postgres_comes_back")
def test_a_database_that_goes_away_is_waited_for_by_the_scheduler(told: Path) -> None:
    assert run(auditing=stop_postgres) == EXIT_TEMPORARY
    error = failure(told)
    assert error is not None
    assert error.kind == "database"
    assert not TABLE.exists()
    fixtures.database_of_tests()
    assert run() == 0
    assert visible() == ROWS
    assert statuses() == ["failed", "published"]


@pytest.mark.usefixtures("postgres_comes_back")
def test_a_database_that_restarts_between_two_questions_is_not_noticed(told: Path) -> None:
    def restart() -> None:
        stop_postgres()
        fixtures.database_of_tests()

    assert run(auditing=restart) == 0
    assert visible() == ROWS
    assert statuses() == ["published"]


@pytest.mark.long
@pytest.mark.usefixtures("postgres_comes_back")
def test_mlflow_that_is_away_is_waited_for_by_the_scheduler(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_connection, "PATIENCE_SECONDS", 0.2)
    mlflow_connection.client.cache_clear()

    def asked(before: Hook = nothing) -> int:
        def body(job: Job, _: object) -> None:
            before()
            mlflow_connection.model_versions(job.use_case)

        argv = ["--use-case", "flight_delays", "--dates", str(DAY)]
        return run_job("score", "A job.", body, argv=argv, recorded=False)

    # Its database is that of the home.
    assert asked() == 0
    assert asked(before=stop_postgres) == EXIT_TEMPORARY
    error = failure(told)
    assert error is not None
    assert error.kind == "server"
    fixtures.database_of_tests()
    assert asked() == 0
    mlflow_connection.client.cache_clear()


def test_an_mlflow_server_that_is_away_is_waited_for_by_the_scheduler(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, found = free_port(), []
    monkeypatch.setattr(mlflow_connection, "PATIENCE_SECONDS", 0.2)
    # MLflow itself asks for minutes.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("NIGHTSHIFT_MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    get_settings.cache_clear()
    mlflow_connection.client.cache_clear()

    def body(job: Job, _: object) -> None:
        found.append(mlflow_connection.model_versions(job.use_case))

    def asked() -> int:
        argv = ["--use-case", "flight_delays", "--dates", str(DAY)]
        return run_job("score", "A job.", body, argv=argv, recorded=False)

    try:
        assert asked() == EXIT_TEMPORARY
        error = failure(told)
        assert error is not None
        assert error.kind == "server"
        assert found == []
        with answering(port, b"{}") as paths:
            assert asked() == 0
        assert found == [{}]
        assert paths[0].startswith("/api/2.0/mlflow/model-versions/search")
    finally:
        mlflow_connection.client.cache_clear()


def test_a_landing_store_that_is_away_is_waited_for_by_the_scheduler(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, found = free_port(), []
    url = f"s3://deliveries/landing?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    keys = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}
    for name, value in {**keys, "NIGHTSHIFT_LANDING_URL": url}.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()

    def body(job: Job, _: object) -> None:
        found.append(is_complete(delivery_folder(job.use_case, DAY), get_settings()))

    def looked() -> int:
        argv = ["--use-case", "flight_delays", "--dates", str(DAY)]
        return run_job("land", "A job.", body, argv=argv, recorded=False)

    assert looked() == EXIT_TEMPORARY
    error = failure(told)
    assert error is not None
    assert error.kind == "store"
    assert found == []
    with answering(port, b"{}") as paths:
        assert looked() == 0
    assert found == [True]
    assert paths[0] == f"/deliveries/landing/flight_delays/{DAY}/manifest.json"


@pytest.fixture
def small_disk(told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of 4 MB; the database is elsewhere."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    try:
        monkeypatch.setenv("NIGHTSHIFT_HOME", str(folder / "home"))
        get_settings.cache_clear()
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("moment", ["staging", "auditing"])
def test_a_disk_that_is_full_is_waited_for_by_the_scheduler(small_disk: Path, told: Path, moment: str) -> None:
    ballast = small_disk / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(2**12))

    assert run(**{moment: fill}) == EXIT_TEMPORARY
    error = failure(told)
    assert error is not None
    assert error.kind == "resources"
    assert not TABLE.exists()
    ballast.unlink()
    assert run() == 0
    assert visible() == ROWS
