"""What a database refuses, in words for people: by its SQLSTATE, without credentials, without values of a person."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nightshift.errors import (
    DatabaseUnreachableError,
    DataError,
    DeclarationError,
    NightshiftError,
    SettingsError,
)
from nightshift.ingest.privacy.tokens import MASK

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What a driver says before it may quote a value: `ERROR: invalid input syntax for type integer`.
_WITHOUT_VALUES = re.compile(r"([\w.-]+: )?[\w\s,.;/-]*")
_SQL_EXCEPTION = re.compile(r"(?:SQL\w*Exception|PSQLException): (.+)")


# Conflicts of transactions, lack of resources, locks, interventions like a restart, and faults of the system.
_PASSING = ("40", "53", "55", "57", "58")


class DatabaseError(Exception):
    """What a database, or its driver, said.

    Attributes:
        state: SQLSTATE; None where it is not known, as in a task of Spark.
        said: its words, without credentials.
    """

    def __init__(self, state: str | None, said: str) -> None:
        super().__init__(said)
        self.state, self.said = state, said

    def is_of(self, *classes: str) -> bool:
        """Whether its SQLSTATE begins with one of these."""
        return (self.state or "").startswith(classes)

    @property
    def is_about_values(self) -> bool:
        """Whether it is a data exception, like text that is no number."""
        return self.is_of("22")


@contextlib.contextmanager
def refused(*secrets: str) -> Iterator[None]:
    """Turn what the JVM raises into a `DatabaseError`.

    Args:
        secrets: what the words must not hold.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        state, said = _said(error)
        for secret in secrets:
            # A user may be called like a word of the message: only the quoted name is one for sure.
            said = said.replace(f'"{secret}"', '"…"')
            if len(secret) > 3:
                said = said.replace(secret, "…")
        raise DatabaseError(state, said) from None


def told(
    connection: str, relation: str, error: DatabaseError, column: str | None, is_personal: bool
) -> NightshiftError:
    """What is wrong, where, and the next step.

    Args:
        column: the one whose values can't be read, where it is one.
        is_personal: rows with personal data are read: of the database's words only those before any value are kept.
    """
    said = without_values(error.said) if is_personal else error.said
    variables = f"NIGHTSHIFT_JDBC_{connection.upper()}"
    place = f"the database {connection!r}"
    if column is not None:
        return DataError(
            f"{place} could not give the column {column!r} of {relation}: {said}",
            remedy="correct these values there, or the view that computes them; then run the stage again",
        )
    if error.is_of("28"):
        return SettingsError(
            f"{place} refused the login, for {relation}: {said}",
            remedy=f"check {variables}_USER and {variables}_PASSWORD",
        )
    if error.is_of("3D"):
        return SettingsError(
            f"{place} is not on its server, for {relation}: {said}", remedy=f"check its name in {variables}_URL"
        )
    if error.is_of("42501"):
        return SettingsError(
            f"{place} does not let its user read {relation}: {said}",
            remedy=f"ask its owner to GRANT SELECT on it to the user of {variables}_USER",
        )
    if error.is_of("08"):
        return DatabaseUnreachableError(
            f"{place} could not be reached for {relation}: {said}",
            remedy=f"see that its server runs and that {variables}_URL leads to it; then run the stage again",
        )
    if error.is_of("42"):
        return DeclarationError(
            f"{place} does not know what is declared of {relation}: {said}",
            remedy="correct the `source` of the table, or the relation there; then run the stage again",
        )
    # What a task of Spark was told has no state.
    if error.state is None or error.is_of(*_PASSING):
        return DatabaseUnreachableError(
            f"{place} could not answer for {relation}: {said}", remedy="run the stage again when it can"
        )
    return DataError(
        f"{place} could not give the rows of {relation}: {said}",
        remedy="show these words to the database's owner; run the stage again when the cause is gone",
    )


@contextlib.contextmanager
def without_log(spark: SparkSession) -> Iterator[None]:
    """Keep Spark's log shut while rows with personal data are read: it prints what a driver says of a row.

    It stays shut where that fails: other tasks may fail, too, until the job ends.
    """
    assert spark._jvm is not None
    log4j = spark._jvm.org.apache.logging.log4j
    log, nothing = log4j.LogManager.getContext(False).getConfiguration(), log4j.core.filter.DenyAllFilter
    shut = nothing.newBuilder().build()
    log.addFilter(shut)
    yield
    log.removeFilter(shut)


def without_values(said: str) -> str:
    """A driver's words up to the first sign that may begin a value, like a quote in any language or a bracket."""
    kept = _WITHOUT_VALUES.match(said)
    return said if kept is None or kept[0] == said else f"{kept[0].rstrip()} {MASK}"


def _said(error: Any) -> tuple[str | None, str]:
    """SQLSTATE and the driver's own message, out of all that is wrapped around it."""
    cause = getattr(error, "java_exception", None)
    if cause is None:
        return None, str(error).splitlines()[0]
    state = None
    while True:
        if cause.getClass().getName() == "org.postgresql.util.PSQLException":
            state = cause.getSQLState()
            break
        if cause.getCause() is None:
            break
        cause = cause.getCause()
    message = str(cause.getMessage())
    # A task's failure carries its cause as text only.
    found = _SQL_EXCEPTION.search(message)
    return state, found[1] if found else message.splitlines()[0]
