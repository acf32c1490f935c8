"""Files in an object store, by obstore."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any, cast
from urllib.parse import parse_qs

from typing_extensions import override

from nightshift.storage.files import File, FileStore, StoreError, StoreRefusedError
from nightshift.storage.store_words import in_words, is_refusal

# A store that hiccups for a minute is waited for.
RETRIES = 12
_RETRY_SECONDS = 180
_CONNECT_SECONDS = 5
_SIZE_OF_A_LISTING = 1000
# Of each file that is written, each of 10 MiB. Eight files at once took 1.0 GB of memory with obstore's twelve parts,
# and 0.2 GB and the same time with two.
_PARTS_AT_ONCE = 2
_NO_BUCKET = "NoSuchBucket, there is no such bucket"


class Bucket(FileStore):
    """The files of one bucket or container."""

    def __init__(self, url: str, query: str) -> None:
        from obstore.store import from_url

        backoff = {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=15), "base": 2}
        retries: Any = {
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
            "backoff": backoff,
        }
        self.url = url
        with _told(url):
            self._store = from_url(
                url,
                config=cast("Any", _endpoint(query)) or None,
                retry_config=retries,
                client_options={
                    "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                    "allow_http": _is_http(query),
                },
            )

    @override
    def find(self, key: str) -> File | None:
        import obstore

        with contextlib.suppress(FileNotFoundError), self._told(key):
            return _file(obstore.head(self._store, key), key.rpartition("/")[2])
        return None

    @override
    def read(self, key: str) -> bytes:
        import obstore

        with self._told(key):
            return bytes(obstore.get(self._store, key).bytes())

    @override
    def is_folder(self, key: str) -> bool:
        return next(self.walk(key), None) is not None

    @override
    def open(self, key: str) -> io.BufferedReader:
        import obstore

        with self._told(key):
            stream = _Reader(obstore.open_reader(self._store, key), f"{self.url}/{key}")
        # Who reads lines asks for a byte at a time.
        return io.BufferedReader(stream)

    @override
    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        import obstore

        with self._told(key):
            stream = obstore.open_writer(self._store, key, max_concurrency=_PARTS_AT_ONCE)
            # One that is dropped without being closed leaves nothing that can be seen.
            yield cast("IO[bytes]", _Writer(stream, f"{self.url}/{key}"))
            stream.close()

    @override
    def create(self, key: str, content: bytes) -> None:
        import obstore

        with self._told(key):
            obstore.put(self._store, key, content, mode="create")

    @override
    def delete(self, key: str) -> None:
        import obstore

        with contextlib.suppress(FileNotFoundError), self._told(key):
            obstore.delete(self._store, key)

    @override
    def delete_folder(self, key: str) -> None:
        import obstore

        with self._told(key):
            for found in obstore.list(self._store, f"{key}/", chunk_size=_SIZE_OF_A_LISTING):
                obstore.delete(self._store, [each["path"] for each in found])

    @override
    def delete_unfinished(self, key: str, idle_seconds: float) -> None:
        # Nobody can read these parts; a rule of the bucket removes them, see docs/deploy.md.
        pass

    @override
    def walk(self, key: str) -> Iterator[File]:
        import obstore

        with self._told(key):
            for found in obstore.list(self._store, f"{key}/" if key else None, chunk_size=_SIZE_OF_A_LISTING):
                for each in found:
                    if each["path"] != key:
                        yield _file(each, each["path"][len(key) + 1 if key else 0 :])

    @override
    def entries(self, key: str) -> tuple[list[str], list[File]]:
        import obstore

        with self._told(key):
            found = obstore.list_with_delimiter(self._store, f"{key}/" if key else None)
        folders = [each.rstrip("/").rpartition("/")[2] for each in found["common_prefixes"]]
        # Some mark a folder by an object of its name, which is no file in it.
        objects = [each for each in found["objects"] if each["path"] != key]
        files = [_file(each, each["path"].rpartition("/")[2]) for each in objects]
        return sorted(folders), sorted(files, key=lambda file: file.name)

    @override
    def flush(self, key: str) -> None:
        pass

    def _told(self, key: str) -> contextlib.AbstractContextManager[None]:
        return _told(f"{self.url}/{key}")


class _Reader(io.RawIOBase):
    """A file of a store as Python reads files."""

    def __init__(self, stream: Any, where: str) -> None:
        self._stream, self._where = stream, where

    def read(self, size: int | None = -1) -> bytes:
        with _told(self._where):
            return bytes(self._stream.read(None if size is None or size < 0 else size))

    def readinto(self, buffer: Any) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


class _Writer(io.RawIOBase):
    """A file on its way into a store; whoever made it ends it."""

    def __init__(self, stream: Any, where: str) -> None:
        self._stream, self._where = stream, where

    def write(self, content: Any) -> int:
        view = memoryview(content)
        with _told(self._where):
            self._stream.write(bytes(view))
        return view.nbytes

    def writable(self) -> bool:
        return True


@functools.cache
def opened(url: str, query: str, process: int) -> Bucket:
    """A bucket, opened once in each process: what runs within one does not outlive a fork."""
    return Bucket(url, query)


def delta_options(query: str) -> dict[str, str]:
    """The options of delta-rs that say what `Bucket` is told; it reads the same variables."""
    return {
        **{f"aws_{name}": value for name, value in _endpoint(query).items()},
        "max_retries": str(RETRIES),
        "retry_timeout": f"{_RETRY_SECONDS}s",
        "connect_timeout": f"{_CONNECT_SECONDS}s",
        "allow_http": str(_is_http(query)).lower(),
    }


def named_endpoint() -> str | None:
    """The address of a store that is not Amazon's, as the store's variables name it."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _endpoint(query: str) -> dict[str, str]:
    """The endpoint that a URL itself names, as options."""
    said = parse_qs(query)
    if "endpoint_override" not in said:
        return {}
    region = {"region": said["region"][0]} if "region" in said else {}
    return {"endpoint": f"{said.get('scheme', ['https'])[0]}://{said['endpoint_override'][0]}", **region}


def _is_http(query: str) -> bool:
    """Whether the endpoint is named as one without encryption; who names it so need not allow it once more."""
    return (_endpoint(query).get("endpoint") or named_endpoint() or "").startswith("http://")


def _file(found: Any, name: str) -> File:
    stamp = found["e_tag"] or found["version"] or f"{found['last_modified']}-{found['size']}"
    return File(name, found["size"], stamp, found["last_modified"])


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """Raise what obstore says as Python's own errors; a first line says it, and what follows is for its developers."""
    from obstore import exceptions as of_store

    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise StoreError(f"{where}: {_NO_BUCKET}") from None
        raise FileNotFoundError(f"{where} is not there") from None
    except (of_store.AlreadyExistsError, of_store.PreconditionError):
        raise FileExistsError(f"{where} is there already") from None
    except (of_store.PermissionDeniedError, of_store.UnauthenticatedError) as error:
        raise StoreRefusedError(f"{where}: {in_words(str(error))}") from None
    except StoreError:
        raise
    except (of_store.BaseError, OSError) as error:
        # Its streams raise the latter.
        words = _NO_BUCKET if "NoSuchBucket" in str(error) else in_words(str(error))
        raise (StoreRefusedError if is_refusal(words) else StoreError)(f"{where}: {words}") from None
