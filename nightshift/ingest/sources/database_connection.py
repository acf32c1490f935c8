"""A PostgreSQL database by its name: where it is and who we are come from the environment, and reach no message."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightshift.errors import SettingsError
from nightshift.home.variables.read_variable import given
from nightshift.ingest.sources.database_refusal import DatabaseError, refused

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

POSTGRESQL = "jdbc:postgresql:"
DRIVER = "org.postgresql.Driver"
# Rows of a round trip; PostgreSQL's driver would otherwise hold the whole result in memory.
FETCHED = "10000"
LOGIN_SECONDS = "60"
# What decides how PostgreSQL writes a value as text; roles and databases have defaults of their own.
SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
}
# Whatever a driver takes for a secret in its URL: a parameter, or `user:password@`.
_SECRET_IN_URL = re.compile(r"(password|pwd|passwd|secret|token)\s*=|//[^/?]*@", re.IGNORECASE)


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
            SettingsError: naming the variables that are missing or can't be used.
        """
        variables = {part: f"NIGHTSHIFT_JDBC_{name.upper()}_{part.upper()}" for part in ("url", "user", "password")}
        values = {part: given(variable) or "" for part, variable in variables.items()}
        missing = [variable for part, variable in variables.items() if not values[part]]
        if missing:
            raise SettingsError(
                f"the database {name!r} is not known here: set {', '.join(missing)} in the environment of the job, "
                "for Airflow in that of its workers, or as files in NIGHTSHIFT_SECRETS_DIR (docs/landing-contract.md)"
            )
        made = cls(name, **values)
        if _SECRET_IN_URL.search(made.url):
            raise SettingsError(
                f"{variables['url']} holds credentials, which would reach logs: put them into {variables['user']} and "
                f"{variables['password']}"
            )
        if not made.url.startswith(POSTGRESQL):
            raise SettingsError(
                f"{variables['url']} is not a URL of PostgreSQL, the only database that is supported: set it to one "
                "like jdbc:postgresql://host:5432/database"
            )
        return made

    def ask(self, spark: SparkSession, sql: str) -> list[dict[str, Any]]:
        """The rows of a small result, whole numbers exact; without a job of Spark.

        Raises:
            DatabaseError: if the database refuses.
        """
        assert spark._jvm is not None
        with self.refusals():
            given = spark._jvm.java.util.Properties()
            for name, value in self._given.items():
                given.setProperty(name, value)
            opened = spark._jvm.org.postgresql.Driver().connect(self.url, given)
            if opened is None:
                raise DatabaseError("08001", "the driver of PostgreSQL does not understand the URL")
            try:
                opened.createStatement().execute(_settings(SESSION))
                found = opened.createStatement().executeQuery(
                    f"SELECT CAST(coalesce(json_agg(found), '[]') AS text) FROM ({sql}) found"
                )
                found.next()
                rows: list[dict[str, Any]] = json.loads(found.getString(1))
                return rows
            finally:
                opened.close()

    def refusals(self) -> contextlib.AbstractContextManager[None]:
        """Turns what the JVM raises into a `DatabaseError` without credentials."""
        return refused(self.url, self.user, self.password)

    @property
    def _given(self) -> dict[str, str]:
        """What the driver is given beside the URL, whose own parameters go first."""
        login = {"user": self.user, "password": self.password}
        # It would wait without end for a server that takes a connection and says nothing, or that is gone.
        return {**login, "loginTimeout": LOGIN_SECONDS, "tcpKeepAlive": "true"}

    def read(self, spark: SparkSession, query: str, shared: Mapping[str, str]) -> DataFrame:
        """The rows of a large result, read by Spark's tasks.

        Args:
            shared: Spark's options by which several tasks share the reading.
        """
        options = {**self._given, "url": self.url, "driver": DRIVER}
        options |= {"fetchsize": FETCHED, "sessionInitStatement": _settings(SESSION), "dbtable": f"({query}) landed"}
        return spark.read.format("jdbc").options(**options, **shared).load()


def quoted(name: str) -> str:
    """A name as PostgreSQL takes any name, a word of SQL among them."""
    return '"' + name.replace('"', '""') + '"'


def as_sql(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _settings(values: Mapping[str, str]) -> str:
    return (
        f"SELECT {', '.join(f'set_config({as_sql(name)}, {as_sql(value)}, false)' for name, value in values.items())}"
    )
