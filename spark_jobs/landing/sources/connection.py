"""A database by its name: where it is and who we are come from the environment, and never reach a log or message."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightshift.errors import NightshiftError
from nightshift.privacy.tokens import MASK

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

DRIVERS = {"jdbc:postgresql:": "org.postgresql.Driver"}
# A number by which the values of some columns are known, whatever their types.
ROW_DIGESTS = {"jdbc:postgresql:": "hashtextextended(CAST(ROW({columns}) AS text), 0)"}
# Rows of a round trip; PostgreSQL's driver would otherwise hold the whole result in memory.
FETCHED = "10000"
# Whatever a driver takes for a secret in its URL: a parameter, or `user:password@`.
_SECRET_IN_URL = re.compile(r"(password|pwd|passwd|secret|token)\s*=|//[^/?]*@", re.IGNORECASE)
# What a driver says before it may quote a value: `ERROR: invalid input syntax for type integer`.
_WITHOUT_VALUES = re.compile(r"([\w.-]+: )?[\w\s,.;/-]*")


@dataclass(frozen=True)
class Connection:
    """How to reach a database."""

    name: str
    url: str = field(repr=False)
    user: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def of(cls, name: str) -> Connection:
        """The connection that a source names.

        Raises:
            NightshiftError: naming the variables that are missing or can't be used.
        """
        variables = {part: f"NIGHTSHIFT_JDBC_{name.upper()}_{part.upper()}" for part in ("url", "user", "password")}
        missing = [variable for variable in variables.values() if not os.environ.get(variable)]
        if missing:
            raise NightshiftError(
                f"the database {name!r} is not known here: set {', '.join(missing)} in the environment of the job, "
                "for Airflow in that of its workers (docs/landing-contract.md)"
            )
        made = cls(name, **{part: os.environ[variable] for part, variable in variables.items()})
        if not made.url.startswith("jdbc:"):
            raise NightshiftError(f"{variables['url']} is not a JDBC URL, like jdbc:postgresql://host:5432/database")
        if _SECRET_IN_URL.search(made.url):
            raise NightshiftError(
                f"{variables['url']} holds credentials, which would reach logs: put them into {variables['user']} and "
                f"{variables['password']}"
            )
        return made

    def query(self, spark: SparkSession, sql: str) -> DataFrame:
        """The result of a query, read by one task."""
        return self.reader(spark).option("query", sql).load()

    def reader(self, spark: SparkSession) -> DataFrameReader:
        """A reader that knows where, and as whom."""
        options = {"url": self.url, "user": self.user, "password": self.password, "fetchsize": FETCHED}
        driver = next((name for prefix, name in DRIVERS.items() if self.url.startswith(prefix)), None)
        if driver is not None:
            options["driver"] = driver
        # A time without a zone stays one, and is refused where an instant is declared.
        return spark.read.format("jdbc").options(**options).option("preferTimestampNTZ", "true")

    def quoted(self, spark: SparkSession, column: str) -> str:
        """A column's name as this kind of database takes any name, a word of SQL among them."""
        assert spark._jvm is not None
        return str(spark._jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(self.url).quoteIdentifier(column))

    def row_digest(self, columns: Sequence[str]) -> str | None:
        """SQL for a 64-bit number of a row's quoted columns; None where this kind of database has none."""
        known = next((sql for prefix, sql in ROW_DIGESTS.items() if self.url.startswith(prefix)), None)
        return known and known.format(columns=", ".join(columns))

    @contextlib.contextmanager
    def asked_for(self, relation: str, is_personal: bool = False) -> Iterator[None]:
        """Turn what the database refuses into a message for people.

        Args:
            is_personal: rows with personal data are read: of the driver's words only those before any value are kept.

        Raises:
            NightshiftError: naming connection and relation, with the driver's words and no credentials.
        """
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException

        try:
            yield
        except (Py4JError, PySparkException) as error:
            said = self._scrubbed(_words(error))
            said = without_values(said) if is_personal else said
            raise NightshiftError(
                f"the database {self.name!r} could not be asked for {relation}: {said}\nNext: check "
                f"NIGHTSHIFT_JDBC_{self.name.upper()}_URL, …_USER and …_PASSWORD, that the database runs, and that "
                "the user may read the relation; then run the stage again"
            ) from None

    def _scrubbed(self, text: str) -> str:
        for secret in (self.url, self.password, f'"{self.user}"'):
            if secret:
                text = text.replace(secret, "…")
        return text


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


def _words(error: Any) -> str:
    """The driver's own message, out of all that is wrapped around it."""
    cause = getattr(error, "java_exception", None)
    if cause is None:
        return str(error).splitlines()[0]
    # A task's failure carries its cause as text only.
    while cause.getCause() is not None:
        cause = cause.getCause()
    found = re.search(r"(?:SQL\w*Exception|PSQLException): (.+)", str(cause.getMessage()))
    return found[1] if found else str(cause.getMessage()).splitlines()[0]
