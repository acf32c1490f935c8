"""What a disk, a store, a server or Spark says, as errors for people: does it heal by itself?

Where a library that speaks to one of them raises, its exception passes through to the entry (a job, the command line,
a task of Airflow), which asks :func:`explained` here once. Whatever is not known here stays what it is, a bug.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nightshift.errors import (
    ConflictError,
    DatabaseUnreachableError,
    InstallationError,
    NightshiftError,
    ResourcesError,
    ServerUnreachableError,
    SettingsError,
    StoreUnreachableError,
    TemporaryError,
)
from nightshift.storage import StoreError
from nightshift.storage.store_words import in_words

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# A person must act. Whatever else a disk or a network share says may be over at the next look.
_FINAL = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
)
# A disk or a network share that does not answer, as against a path that is wrong: that may be a bug.
_PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EREMOTEIO, errno.ENOTCONN})
# Arrow tells faults of object stores in words, without a number of the system.
_REFUSED = (
    *("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "UNRECOGNIZED_CLIENT", "EXPIRED_TOKEN", "NO_SUCH_BUCKET"),
    *("HTTP status 401", "HTTP status 403", "AccessDenied", "InvalidAccessKeyId", "NoSuchBucket", "Forbidden"),
    *("SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
)
# Of what the JVM says only that is kept: the rest may quote records.
_SPARK = re.compile(
    r"(?P<full>No space left on device|Disk quota exceeded)|(?P<memory>java\.lang\.OutOfMemoryError: [\w ]+)"
    r"|Input/output error|Stale file handle|Transport endpoint is not connected|Host is down"
)
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
# Of delta-rs; of a disk it says it in other words.
_STORE_REQUEST = re.compile(r"Error performing |Generic (?!LocalFileSystem)\w+ error")
_STORE_ERROR = re.compile(r"Generic \w+ error.{,300}", re.DOTALL)
# Not the key before it, which may hold a value of a person.
_ARROW_ERROR = re.compile(r"AWS Error (?!NO_SUCH_KEY|RESOURCE_NOT_FOUND)\w+.{,200}")
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# Of a server: it is asked too much, or it, or what it depends on, can't answer now.
_LATER = frozenset({429, 500, 502, 503, 504})
_THROTTLED = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout"})
_BUSY_MLFLOW = frozenset(
    {"TEMPORARILY_UNAVAILABLE", "RESOURCE_EXHAUSTED", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED"}
)
_AGAIN = "run this again"


def unusable(what: object, error: OSError, then: str = "try again") -> NightshiftError:
    """What to raise where a folder, a file or a store can't be read or written.

    Args:
        what: the thing and what can't be done, like ``/lake/landing can't be read``.
        then: what to do once it is reachable, made room for, or open to us.
    """
    said = f"{what}: {error}"
    if error.errno in _FULL:
        return _full(said, then)
    is_final = error.errno in _FINAL or isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError)
    if is_final or any(word in str(error) for word in _REFUSED):
        return SettingsError(said, remedy=f"fix the access, or the setting that names the place, then {then}")
    return StoreUnreachableError(said, remedy=f"see that the store answers, then {then}")


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Raise what outside things say as errors for people; bugs pass.

    Raises:
        NightshiftError: in place of an exception that is known here.
    """
    try:
        yield
    except NightshiftError:
        raise
    except Exception as error:
        if (told := explained(error)) is None:
            raise
        raise told from error


def explained(error: BaseException | None) -> NightshiftError | None:
    """The error for people that an exception, or what it came from, stands for; None where there is none."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, TemporaryError):
            return error
        for library, explain in _LIBRARIES.items():
            # Whose exception it is has been imported; nothing is imported for it.
            if (module := sys.modules.get(library)) and (told := explain(error, module)):
                return told
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _full(said: str, then: str = _AGAIN) -> ResourcesError:
    return ResourcesError(said, remedy=f"make room on the disk, then {then}")


def _of_sqlalchemy(error: BaseException, library: Any) -> NightshiftError | None:
    exc = library.exc
    if isinstance(error, exc.TimeoutError):
        return DatabaseUnreachableError(f"PostgreSQL has no free connection: {_line(error)}", remedy=_AGAIN)
    if not isinstance(error, (exc.OperationalError, exc.InterfaceError)) and not getattr(
        error, "connection_invalidated", False
    ):
        return None
    return _of_postgres(getattr(error, "orig", None) or error)


def _of_psycopg2(error: BaseException, library: Any) -> NightshiftError | None:
    lost = (library.OperationalError, library.InterfaceError)
    return _of_postgres(error) if isinstance(error, lost) else None


def _of_postgres(error: BaseException) -> NightshiftError:
    state, said = str(getattr(error, "pgcode", None) or ""), _line(error)
    if state.startswith("53") and state != "53300":
        return _full(f"PostgreSQL has run out of space: {said}")
    # A refusal to connect has words and no code.
    if state.startswith(("28", "3D")) or re.search(r"authentication failed|pg_hba|does not exist|no password", said):
        return SettingsError(f"PostgreSQL does not let us in: {said}", remedy="fix NIGHTSHIFT_DATABASE_URL")
    if state in ("40001", "40P01", "55P03"):
        return ConflictError(f"another process changed the same rows of the database: {said}", remedy=_AGAIN)
    return DatabaseUnreachableError(
        f"PostgreSQL does not answer: {said}", remedy=f"see that it runs (`nightshift doctor`), then {_AGAIN}"
    )


def _of_requests(error: BaseException, library: Any) -> NightshiftError | None:
    lost = (library.ConnectionError, library.Timeout, library.RetryError)
    return _server(error) if isinstance(error, lost) or _is_later(error, library.HTTPError) else None


def _of_httpx(error: BaseException, library: Any) -> NightshiftError | None:
    is_lost = isinstance(error, library.TransportError) or _is_later(error, library.HTTPStatusError)
    return _server(error) if is_lost else None


def _is_later(error: Any, refusal: type[Any]) -> bool:
    return isinstance(error, refusal) and getattr(error.response, "status_code", 0) in _LATER


def _of_botocore(error: Any, library: Any) -> NightshiftError | None:
    what = "the object store can't be used"
    if isinstance(error, (library.NoCredentialsError, library.PartialCredentialsError)):
        return unusable(what, PermissionError(_line(error)), _AGAIN)
    if isinstance(error, (library.ConnectionError, library.HTTPClientError)):
        return unusable(what, OSError(_line(error)), _AGAIN)
    if not isinstance(error, library.ClientError):
        return None
    code = error.response.get("Error", {}).get("Code")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in _THROTTLED or status in _LATER:
        return unusable(what, OSError(_line(error)), _AGAIN)
    is_refused = status in (401, 403) or code in _REFUSED
    return unusable(what, PermissionError(_line(error)), _AGAIN) if is_refused else None


def _of_mlflow(error: BaseException, library: Any) -> NightshiftError | None:
    if not isinstance(error, library.MlflowException):
        return None
    if error.error_code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        login = "NIGHTSHIFT_MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return SettingsError(f"MLflow refuses us: {_line(error)}", remedy=f"check {login}")
    # MLflow's own code raises internal errors for its bugs; those that a server answered with may be over soon.
    is_answer = isinstance(error, library.RestException) or re.search(r"failed with error code 5\d\d", _line(error))
    is_later = error.error_code in _BUSY_MLFLOW or (error.error_code == "INTERNAL_ERROR" and is_answer)
    return _server(error) if is_later else None


def _server(error: BaseException) -> ServerUnreachableError:
    return ServerUnreachableError(
        f"a server does not answer: {_line(error) or type(error).__name__}",
        remedy=f"see that it runs (`nightshift doctor`), then {_AGAIN}",
    )


def _of_deltalake(error: BaseException, library: Any) -> NightshiftError | None:
    if isinstance(error, StoreError):
        return None
    # delta-rs says what the system, or the store, said in words: in an error of its own or in an OSError.
    if isinstance(error, library.DeltaError | OSError) and _STORE_REQUEST.search(str(error)):
        return unusable("the lake can't be read or written", OSError(in_words(str(error))), _AGAIN)
    if isinstance(error, library.DeltaError | OSError) and (number := _SYSTEM_ERROR.search(str(error))):
        said = OSError(int(number[1]), os.strerror(int(number[1])))
        return unusable("the lake can't be used", said, _AGAIN) if said.errno in _CLOSED else _of_system(said, sys)
    if isinstance(error, library.DeltaError | OSError) and (store := _STORE_ERROR.search(str(error))):
        return unusable("the lake can't be read or written", OSError(store[0]), _AGAIN)
    if isinstance(error, library.CommitFailedError):
        return ConflictError(f"another process changed the same table: {_line(error)}", remedy=_AGAIN)
    return None


def _of_spark(error: BaseException, library: Any) -> NightshiftError | None:
    if type(error).__name__ == "Py4JNetworkError":
        more = "look for other large jobs on the machine (`nightshift doctor`), then "
        return ResourcesError("Spark's process ended, perhaps for want of memory", remedy=more + _AGAIN)
    is_its = type(error).__module__.partition(".")[0] in ("py4j", "pyspark")
    return explained_words(str(error)) if is_its else None


def explained_words(said: str) -> NightshiftError | None:
    """As :func:`explained`, of what Spark says, where dbt hands it on as text."""
    if (found := _SPARK.search(said)) is None:
        return None
    if found["memory"]:
        more = "give Spark more memory (NIGHTSHIFT_SPARK_DRIVER_MEMORY), or ask for fewer batch dates, then "
        return ResourcesError(f"Spark ran out of memory: {found[0]}", remedy=more + _AGAIN)
    if found["full"]:
        return _full(f"Spark has no room for its files: {found[0]}")
    return StoreUnreachableError(
        f"Spark can't use its files: {found[0]}", remedy=f"see that the disk answers, then {_AGAIN}"
    )


def _of_system(error: BaseException, library: Any) -> NightshiftError | None:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return ResourcesError("this process ran out of memory", remedy=f"give it more, then {_AGAIN}")
    if not isinstance(error, OSError):
        return None
    if isinstance(error, StoreError):
        return unusable("the object store can't be used", error, _AGAIN)
    if error.errno in _FULL | _PASSING:
        # Not its name, which may hold a value of a person.
        return unusable("a file can't be used", OSError(error.errno, error.strerror), _AGAIN)
    if store := _ARROW_ERROR.search(str(error)):
        return unusable("the object store can't be used", OSError(store[0]), _AGAIN)
    if error.errno == errno.EMFILE:
        return InstallationError(
            "this process may not open more files", remedy=f"raise the limit (`ulimit -n`), then {_AGAIN}"
        )
    if error.errno in _CLOSED:
        return _of_home(error)
    # A pipe that broke is that of a reader who has seen enough.
    is_lost = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
    return _server(error) if is_lost and not isinstance(error, BrokenPipeError) else None


def _of_home(error: OSError) -> NightshiftError | None:
    """A folder of the home that is closed to us, by its first name: further ones may hold values."""
    # The command line imports this module for every `--help`, which needs no settings.
    from nightshift.home.settings import get_settings

    home = get_settings().home
    if not isinstance(error.filename, str | os.PathLike) or not (path := Path(error.filename)).is_relative_to(home):
        return None
    folder = home / Path(*path.relative_to(home).parts[:1])
    return unusable(f"{folder} can't be used", OSError(error.errno, error.strerror), _AGAIN)


def _line(error: Any) -> str:
    """The first line of what an exception says; further ones may hold statements with their values."""
    return str(error).strip().partition("\n")[0][:300]


# By the module that must have been imported. The system comes last: exceptions of libraries may be errors of it, too.
_LIBRARIES: dict[str, Callable[[BaseException, Any], NightshiftError | None]] = {
    "sqlalchemy": _of_sqlalchemy,
    "psycopg2": _of_psycopg2,
    "requests.exceptions": _of_requests,
    "httpx": _of_httpx,
    "botocore.exceptions": _of_botocore,
    "mlflow.exceptions": _of_mlflow,
    "deltalake.exceptions": _of_deltalake,
    "py4j": _of_spark,
    "sys": _of_system,
}
