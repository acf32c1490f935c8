"""What a disk, a store, a server or Spark says, as errors for people: does it heal by itself?

Where a library that speaks to one of them raises, its exception passes through to the entry (a job, the command line,
a task of Airflow), which asks :func:`explained` here once. Whatever is not known here stays what it is, a bug.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from nightshift.errors import (
    BusyError,
    ConflictError,
    DatabaseUnreachableError,
    NightshiftError,
    ResourcesError,
    ServerUnreachableError,
    SettingsError,
    StoreUnreachableError,
    TemporaryError,
)

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
)
# Of what the JVM says only that is kept: the rest may quote records.
_SPARK = re.compile(
    r"(?P<full>No space left on device|Disk quota exceeded)|(?P<memory>java\.lang\.OutOfMemoryError: [\w ]+)"
    r"|Input/output error|Stale file handle|Transport endpoint is not connected|Host is down"
)
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_STORE_ERROR = re.compile(r"Generic \w+ error.{,300}", re.DOTALL)
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
    return _server(error) if isinstance(error, lost) else None


def _of_httpx(error: BaseException, library: Any) -> NightshiftError | None:
    return _server(error) if isinstance(error, library.TransportError) else None


def _of_mlflow(error: BaseException, library: Any) -> NightshiftError | None:
    if not isinstance(error, library.MlflowException):
        return None
    if error.error_code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        login = "NIGHTSHIFT_MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return SettingsError(f"MLflow refuses us: {_line(error)}", remedy=f"check {login}")
    return _server(error) if error.error_code == "TEMPORARILY_UNAVAILABLE" else None


def _server(error: BaseException) -> ServerUnreachableError:
    return ServerUnreachableError(
        f"a server does not answer: {_line(error)}", remedy=f"see that it runs (`nightshift doctor`), then {_AGAIN}"
    )


def _of_filelock(error: BaseException, library: Any) -> NightshiftError | None:
    if not isinstance(error, library.Timeout):
        return None
    return BusyError(f"another process holds {error.lock_file}", remedy=f"see which one, then {_AGAIN}")


def _of_deltalake(error: BaseException, library: Any) -> NightshiftError | None:
    # delta-rs says what the system, or the store, said in words: in an error of its own or in an OSError.
    if isinstance(error, library.DeltaError | OSError) and (number := _SYSTEM_ERROR.search(str(error))):
        return _of_system(OSError(int(number[1]), os.strerror(int(number[1]))), sys)
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
    if not isinstance(error, OSError) or error.errno not in _FULL | _PASSING:
        return None
    # Not its name, which may hold a value of a person.
    return unusable("a file can't be used", OSError(error.errno, error.strerror), _AGAIN)


def _line(error: Any) -> str:
    """The first line of what an exception says; further ones may hold statements with their values."""
    return str(error).strip().partition("\n")[0][:300]


# By the module that must have been imported. The system comes last: exceptions of libraries may be errors of it, too.
_LIBRARIES: dict[str, Callable[[BaseException, Any], NightshiftError | None]] = {
    "sqlalchemy": _of_sqlalchemy,
    "psycopg2": _of_psycopg2,
    "requests.exceptions": _of_requests,
    "httpx": _of_httpx,
    "mlflow.exceptions": _of_mlflow,
    "filelock": _of_filelock,
    "deltalake.exceptions": _of_deltalake,
    "py4j": _of_spark,
    "sys": _of_system,
}
