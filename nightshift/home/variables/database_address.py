"""The URL of a PostgreSQL server: checked, and written for each driver. No message holds a piece of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_FORM = "postgresql://user:password@host:5432/ledger"
_ENCODED = "in a password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"
# Of libpq's parameters, those that asyncpg reads in a DSN of its own; the others say how libpq connects.
_ASYNCPG = (
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    *("target_session_attrs", "application_name", "options"),
)
_ADDRESS = ("host", "port")
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_NUMBERS = (
    *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    "tcp_user_timeout",
)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


def checked(text: str) -> str:
    """A URL that both drivers can use.

    Raises:
        ValueError: with a reason that stands behind the setting's name.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"can't be read as {_FORM}: {_ENCODED}") from None
    if url.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise ValueError(f"names no PostgreSQL server: it must begin with postgresql://, as in {_FORM}")
    if text.count("@") > 1:
        raise ValueError(f"has more than one @: {_ENCODED}")
    if not url.host and "host" not in url.query:
        raise ValueError(f"names no host: write {_FORM}")
    _check_parameters(url)
    return text


def written_for(text: str, database: str, driver: str) -> str:
    """The SQLAlchemy URL of a database of that server for a driver, psycopg2 or asyncpg."""
    from sqlalchemy.engine import make_url

    url = make_url(text).set(drivername=f"postgresql+{driver}", database=database)
    if driver == "asyncpg":
        url = _for_asyncpg(url)
    return url.render_as_string(hide_password=False)


def _for_asyncpg(url: URL) -> URL:
    """Its connection function has none of libpq's parameters by name, but reads them in a DSN."""
    from sqlalchemy.engine import URL

    parameters = {name: value for name, value in url.query.items() if name in _ASYNCPG}
    if parameters.get("sslrootcert") == "system":
        parameters["sslrootcert"] = _certificates_of_the_system()
    query = {name: value for name, value in url.query.items() if name in _ADDRESS}
    if parameters:
        query["dsn"] = URL.create("postgresql", query=parameters).render_as_string()
    return url.set(query=query)


def _certificates_of_the_system() -> str:
    import ssl

    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.openssl_cafile


def _check_parameters(url: URL) -> None:
    import psycopg2
    from psycopg2.extensions import make_dsn

    if any(not isinstance(value, str) for value in url.query.values()):
        raise ValueError("has a parameter twice: leave one out")
    try:
        make_dsn(**url.query)
    except (psycopg2.Error, TypeError):
        # Its name may be a piece of a password that was written as it is.
        raise ValueError("has a parameter that PostgreSQL does not know: they are libpq's, like sslmode") from None
    if url.query.get("sslmode", "prefer") not in _MODES:
        raise ValueError(f"has another sslmode than {', '.join(_MODES)}")
    _check_ports(url)
    given = {name: str(value) for name, value in url.query.items()}
    for name in _NUMBERS:
        if not re.fullmatch(r"-?\d{1,9}", given.get(name, "0")):
            raise ValueError(f"has a {name} that is no whole number")
    for name in _FILES:
        file = given.get(name, "")
        # A certificate may come from the system, and a key from a device.
        if file and file != "system" and not (name == "sslkey" and ":" in file) and not Path(file).is_file():
            raise ValueError(f"has an {name} that is no file here: write the whole path of one")


def _check_ports(url: URL) -> None:
    # Of several hosts, each may have one; an empty one is PostgreSQL's own.
    named = [*str(url.query.get("port", "")).split(","), "" if url.port is None else str(url.port)]
    if not all(re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536 for port in filter(None, named)):
        raise ValueError("names a port that is none: write a number from 1 to 65535")
