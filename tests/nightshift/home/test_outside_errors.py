"""What outside things say, by their own exceptions: temporary, for a person to fix, or a bug."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import boto3
import httpx
import psycopg2
import pytest
import requests
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from deltalake.exceptions import DeltaError
from mlflow.exceptions import MlflowException, RestException
from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

from nightshift.errors import (
    DatabaseUnreachableError,
    InstallationError,
    NightshiftError,
    ResourcesError,
    ServerUnreachableError,
    SettingsError,
    StoreUnreachableError,
    TemporaryError,
)
from nightshift.home.outside_errors import explained, explained_words, explaining, unusable
from nightshift.home.settings import Settings

# Nothing listens there.
CLOSED = "http://127.0.0.1:1"


def full_disk() -> None:
    Path("/dev/full").write_text("no room")


def silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        requests.get(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.1)


def mlflow_says(code: str) -> None:
    raise RestException({"error_code": code, "message": "x"})


def s3_says(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutObject")


def s3_is_gone() -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=CLOSED,
        region_name="x",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    s3.put_object(Bucket="models", Key="x")


def arrow_is_alone() -> None:
    S3FileSystem(
        endpoint_override="127.0.0.1:1",
        scheme="http",
        region="x",
        access_key="x",
        secret_key="x",
        retry_strategy=AwsStandardS3RetryStrategy(1),
    ).get_file_info("bucket/ada@example.org")


def raising(error: Exception) -> Callable[[], object]:
    def fails() -> None:
        raise error

    return fails


def no_server() -> None:
    sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/x").connect()


@pytest.mark.parametrize(
    ("fails", "kind"),
    [
        (full_disk, ResourcesError),
        (silent_server, ServerUnreachableError),
        (lambda: requests.get(CLOSED, timeout=1), ServerUnreachableError),
        (lambda: httpx.get(CLOSED), ServerUnreachableError),
        (lambda: psycopg2.connect(host="127.0.0.1", port=1), DatabaseUnreachableError),
        (no_server, DatabaseUnreachableError),
        (lambda: mlflow_says("INTERNAL_ERROR"), ServerUnreachableError),
        (lambda: mlflow_says("TEMPORARILY_UNAVAILABLE"), ServerUnreachableError),
        (lambda: mlflow_says("RESOURCE_EXHAUSTED"), ServerUnreachableError),
        (
            raising(MlflowException("API request to endpoint /x failed with error code 502 != 200")),
            ServerUnreachableError,
        ),
        (s3_is_gone, StoreUnreachableError),
        (raising(s3_says("SlowDown", 503)), StoreUnreachableError),
        (raising(s3_says("InternalError", 500)), StoreUnreachableError),
        (arrow_is_alone, StoreUnreachableError),
        (lambda: socket.create_connection(("127.0.0.1", 1)), ServerUnreachableError),
        (lambda: socket.getaddrinfo("nobody.invalid", 80), ServerUnreachableError),
        (raising(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")), ServerUnreachableError),
        (raising(TimeoutError()), ServerUnreachableError),
    ],
)
def test_what_heals_by_itself_is_told_as_temporary(fails: Callable[[], object], kind: type[NightshiftError]) -> None:
    with pytest.raises(kind) as told, explaining():
        fails()
    assert told.value.temporary
    assert told.value.remedy
    assert "ada@" not in str(told.value)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EACCES, SettingsError), (errno.EROFS, SettingsError), (errno.EMFILE, InstallationError)],
)
def test_a_home_that_is_closed_to_us_is_for_a_person(home: Settings, number: int, kind: type[NightshiftError]) -> None:
    told = explained(OSError(number, os.strerror(number), str(home.home / "lake" / "code=ada@example.org")))
    assert type(told) is kind
    assert (str(home.home / "lake") in str(told)) == (kind is SettingsError)
    assert "ada@" not in str(told)


@pytest.mark.parametrize("error", [s3_says("AccessDenied", 403), s3_says("403", 403), NoCredentialsError()])
def test_an_object_store_that_lets_nobody_in_is_for_a_person(error: Exception) -> None:
    assert type(explained(error)) is SettingsError


def test_the_cause_is_found_below_what_is_wrapped_around_it() -> None:
    with pytest.raises(ResourcesError), explaining():
        try:
            full_disk()
        except OSError as error:
            raise ValueError("the report could not be written") from error


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("x"), FileNotFoundError(errno.ENOENT, "x"), DeltaError("schema mismatch")),
        # MLflow's own code has no better code for its bugs; a file elsewhere; a key that was never written; `| head`.
        *(MlflowException("x"), PermissionError(errno.EACCES, "x", "/x"), s3_says("NoSuchKey", 404), BrokenPipeError()),
    ],
)
def test_a_bug_stays_a_bug(error: Exception) -> None:
    assert explained(error) is None
    with pytest.raises(type(error)), explaining():
        raise error


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('FATAL:  password authentication failed for user "ledger"', SettingsError),
        ('FATAL:  database "ledger" does not exist', SettingsError),
        ("FATAL:  sorry, too many clients already", DatabaseUnreachableError),
        ("FATAL:  the database system is starting up", DatabaseUnreachableError),
        ("server closed the connection unexpectedly\n\tThis probably means", DatabaseUnreachableError),
    ],
)
def test_what_postgres_refuses_for_good_is_for_a_person(said: str, kind: type[NightshiftError]) -> None:
    statement = sa.exc.OperationalError("SELECT 'ada@example.org'", {}, psycopg2.OperationalError(said))
    told = explained(statement)
    assert type(told) is kind
    assert said.partition("\n")[0] in str(told)
    # Values of a statement may be a person's.
    assert "ada@" not in str(told)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ResourcesError),
        (OSError(errno.ESTALE, "Stale file handle"), StoreUnreachableError),
        (OSError(errno.EIO, "Input/output error"), StoreUnreachableError),
        (PermissionError(errno.EACCES, "Permission denied"), SettingsError),
        (OSError("When getting information for key 'a' in bucket 'b': AWS Error ACCESS_DENIED"), SettingsError),
        (OSError("When reading … AWS Error NETWORK_CONNECTION … curlCode: 7, Couldn't connect"), StoreUnreachableError),
        (OSError("AWS Error SLOW_DOWN during GetObject operation: reduce your request rate"), StoreUnreachableError),
    ],
)
def test_a_store_that_hiccups_is_temporary_and_one_that_refuses_us_is_final(
    error: OSError, kind: type[NightshiftError]
) -> None:
    told = unusable("s3://deliveries can't be read", error)
    assert type(told) is kind
    assert str(told).startswith("s3://deliveries can't be read: ")


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (
            "Job aborted: java.io.IOException: No space left on device at …(ada@example.org)",
            ResourcesError,
            "No space left on device",
        ),
        ("java.io.IOException: Stale file handle\n\tat …", StoreUnreachableError, "Stale file handle"),
        (
            "java.lang.OutOfMemoryError: Java heap space\n\tat …",
            ResourcesError,
            "java.lang.OutOfMemoryError: Java heap space",
        ),
    ],
)
def test_of_what_spark_says_only_the_cause_is_told(said: str, kind: type[NightshiftError], told: str) -> None:
    error = explained_words(said)
    assert type(error) is kind
    assert error.message.endswith(told)
    assert explained_words("[CAST_INVALID_INPUT] The value 'ada@example.org' cannot be cast") is None


def test_a_spark_that_was_killed_is_told_as_such() -> None:
    from py4j.protocol import Py4JNetworkError

    assert isinstance(explained(Py4JNetworkError("Answer from Java side is empty")), ResourcesError)


def test_a_disk_that_delta_finds_full_is_full() -> None:
    error = DeltaError("Generic LocalFileSystem error: Unable to write: No space left on device (os error 28)")
    assert isinstance(explained(error), ResourcesError)
    error = DeltaError("Generic S3 error: Error performing PUT http://127.0.0.1:1/…: error sending request")
    assert isinstance(explained(error), StoreUnreachableError)
    assert isinstance(explained(TemporaryError("x")), TemporaryError)
