"""What a setting may be: text as people write it → the one form that everything else reads, or a reason in words.

A reason stands behind the variable's name. It never holds a piece of a URL that may hold a password.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Object stores that files can be in (nightshift.storage); all but the first are untested.
STORES = ("s3", "gs", "abfs", "abfss")
# Those that Spark and delta-rs can be told to use; all but the first are untested.
STORES_OF_TABLES = ("s3://", "gs://", "abfss://")
_MEMORY = re.compile(r"(\d+)\s*([mgt])(?:i?b)?", re.IGNORECASE)
_MEGABYTES = {"m": 1, "g": 1024, "t": 1024**2}
# Below 450 MB Spark itself refuses to start.
FEWEST_MEGABYTES = 512
_MASTERS = (
    re.compile(r"local(\[(\*|[1-9]\d*)(, *[1-9]\d*)?\])?"),
    re.compile(r"local-cluster\[[1-9]\d*, *[1-9]\d*, *[1-9]\d*\]"),
    re.compile(r"spark://[\w.-]+(:\d+)?(,[\w.-]+(:\d+)?)*"),
    re.compile(r"k8s://(https?://)?[\w.-]+(:\d+)?"),
    re.compile(r"yarn"),
)
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f]")
# Hadoop or delta-rs takes them for a scheme, an escape or a fragment, or Spark for the end of a name in a list.
_NO_FOLDER = re.compile(r"""[\\:"#,%]""")


def bind_address(text: str) -> str:
    """An IP address of this machine."""
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            f"{_is(text)}, which is no IP address: unset it for this machine alone, or write one like 0.0.0.0"
        ) from None


def memory(text: str) -> str:
    """A size as the JVM reads it, like ``2g``."""
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise ValueError(f"{_is(text)}, which is no size of memory: write it like 2g or 1536m")
    number, unit = int(found[1]), found[2].lower()
    if number * _MEGABYTES[unit] < FEWEST_MEGABYTES:
        raise ValueError(f"{_is(text)}, which is too little for Spark: {FEWEST_MEGABYTES}m or more")
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    if number * _MEGABYTES[unit] > has:
        raise ValueError(f"{_is(text)}, and this machine has {has}m in all: write less")
    return f"{number}{unit}"


def spark_master(text: str) -> str:
    """A master that Spark knows."""
    if not any(each.fullmatch(text) for each in _MASTERS):
        raise ValueError(
            f"{_is(text)}, which is no master of Spark: write local[*], local[4], spark://host:7077, k8s://host or yarn"
        )
    return text


def folder(path: Path, *, is_made: bool) -> Path:
    """An absolute path that every program here can use.

    Args:
        path: as a person wrote it.
        is_made: whether nightshift makes it where it is missing.
    """
    try:
        absolute = path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"{_is(str(path))}, and there is no such user: write the whole path") from None
    if found := _UNREADABLE.search(str(absolute)) or _NO_FOLDER.search(str(absolute)):
        raise ValueError(f"{_is(str(path))}: no program here can use {found[0]!r} in a folder's name; take another one")
    _check_folder(absolute)
    if not is_made and not absolute.is_dir():
        raise ValueError(f"{_is(str(path))}, and there is no such folder: name one that is there")
    return absolute


def _check_folder(path: Path) -> None:
    # What lies above a file, a look at it says to be no folder.
    above = next((each for each in (path, *path.parents) if os.path.lexists(each)), path)
    if not above.is_dir():
        raise ValueError(f"{_is(str(path))}, and {_name(above)} is no folder: name one, or one that can be made")


def location(text: str) -> str:
    """One place that does not depend on where a program runs: an absolute path, or the URL of an object store."""
    if _UNREADABLE.search(text):
        raise ValueError("holds a line break or another character that can't be seen: remove it")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    if scheme is None:
        return _absolute(text)
    if scheme[1].lower() == "file":
        return _absolute(_path_of(text))
    parts = urlsplit(text)
    if holds_credentials(text):
        raise ValueError(
            "holds credentials, which would reach logs and the scheduler's database: give them as variables of the "
            "object store, like AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme not in STORES or not parts.netloc:
        raise ValueError(
            f"{_is(text)}, which is no place that can be read: known are an absolute path, file:///…, "
            f"{', '.join(f'{store}://bucket/…' for store in STORES)}"
        )
    return f"{parts.scheme}{text[len(parts.scheme) :]}"


def location_for_all(text: str) -> str:
    """A location that Spark and delta-rs use as well: what a store's URL would say behind ``?``, they don't read."""
    found = location(text)
    if "://" in found and not found.startswith(STORES_OF_TABLES):
        raise ValueError(
            f"{_is(text)}, and tables lie in no such store: known are an absolute path, file:///…, "
            f"{', '.join(f'{store}bucket/…' for store in STORES_OF_TABLES)}"
        )
    if "://" in found and re.search(r"[?#%]", found):
        raise ValueError(
            f"{_is(text)}: write it without ?, # and %, like s3://bucket/lake; the address of a store is told as "
            "AWS_ENDPOINT_URL"
        )
    return found.rstrip("/") or "/"


def holds_credentials(url: str) -> bool:
    """Whether a URL of a store says who may use it; of Azure's, the container stands before the @."""
    parts = urlsplit(url)
    return parts.password is not None if parts.scheme in ("abfs", "abfss") else "@" in parts.netloc


def _path_of(url: str) -> str:
    """The path of a ``file:`` URL."""
    parts = urlsplit(url)
    if parts.netloc.lower() not in ("", "localhost"):
        raise ValueError(f"{_is(url)}: a file:// URL has three slashes, like file:///srv/landing")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"{_is(url)}: in a file:// URL write ? as %3F and # as %23")
    if re.search(r"%2f|%5c|%00|%(?![0-9a-f]{2})", parts.path, re.IGNORECASE):
        raise ValueError(f"{_is(url)}: its path holds a % that stands for no letter of a name; write the plain path")
    return unquote(parts.path, errors="strict")


def _absolute(text: str) -> str:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{_is(text)}, and there is no such user: write the whole path") from None
    if not path.is_absolute():
        raise ValueError(
            f"{_is(text)}, which is another place for each program: write the whole path, like /srv/landing"
        )
    if "\\" in str(path):
        raise ValueError(f"{_is(text)}: write a path with slashes, like /srv/landing")
    _check_folder(path)
    # POSIX lets two slashes at the beginning mean something else.
    return "/" + str(path).lstrip("/")


def server(text: str) -> str:
    """The URL of a tracking server."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("can't be read as a URL, like https://mlflow.company:5000") from None
    if parts.scheme in ("http", "https") and parts.hostname and port != 0 and not re.search(r"\s", text):
        if "@" in parts.netloc:
            raise ValueError(
                "holds credentials, which would reach logs: give them as MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD"
            )
        return f"{parts.scheme}{text[len(parts.scheme) :]}".rstrip("/")
    raise ValueError("is no URL of a server, like https://mlflow.company:5000")


def _is(text: str) -> str:
    """What was given, as a message begins; not where it may hold a password."""
    return "is a text with an @" if "@" in text else f"is {text!r}"


def _name(path: Path) -> str:
    return "a part of it" if "@" in str(path) else str(path)
