"""Servers that speak S3, for tests: versitygw, which keeps S3's promises, or moto, which every checkout has.

versitygw is the one that NIGHTSHIFT_TEST_S3_SERVER names, else of PATH, else of the user's cache, else built there with
Go, once, in three minutes. As ``python -m tests.s3_server PORT`` this module is moto's server, a request at a time.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import pytest

from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from tests.servers import free_port

VERSION = "v1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
NAMED_BY = "NIGHTSHIFT_TEST_S3_SERVER"
REGION = "us-east-1"
_BUILD_SECONDS = 900


@dataclass
class S3Server:
    """A server on this machine, its files in a temporary folder.

    Attributes:
        is_real: whether it keeps all that S3 promises, as moto does not: signatures, users, checks of uploads.
    """

    is_real: bool
    folder: Path
    program: str | None = None
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    secret: str = field(default_factory=lambda: uuid.uuid4().hex)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The address, like ``http://127.0.0.1:7070``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a process must have in its environment to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it at its port, with what an earlier start left there; moto forgets.

        Raises:
            RuntimeError: with what it printed, if it does not answer within a minute.
        """
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), env=self._environment(), cwd=PROJECT_DIR, stdout=log, stderr=log
            )
        for _ in range(300):
            with contextlib.suppress(OSError):
                # Whatever it answers without a signature, it answers.
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(self.endpoint, timeout=2).close()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(f"no S3 server at {self.endpoint}: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def client(self) -> Any:
        """A client of boto3, for what a test does beside the code under test."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def new_bucket(self) -> str:
        """The name of a bucket that is empty."""
        name = f"tests-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys of all objects, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def requests(self) -> int:
        """How many it has answered, where it logs them."""
        return (self.folder / "log").read_text().count(" | vgw | ")

    def _command(self) -> list[str]:
        if self.program is None:
            return [sys.executable, "-m", "tests.s3_server", str(self.port)]
        (self.folder / "buckets").mkdir(exist_ok=True)
        return [self.program, "--port", f"127.0.0.1:{self.port}", "posix", str(self.folder / "buckets")]

    def _environment(self) -> Mapping[str, str]:
        return os.environ | {"ROOT_ACCESS_KEY": self.key, "ROOT_SECRET_KEY": self.secret}


@contextlib.contextmanager
def serving_s3(program: str | None) -> Iterator[S3Server]:
    """A server of its own: versitygw where a program is given, else moto."""
    # Beside pytest's own folders, whose paths are too long for some, and closed to others.
    with tempfile.TemporaryDirectory(prefix="nightshift-s3-") as folder:
        server = S3Server(program is not None, Path(folder), program)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@functools.cache
def versitygw() -> tuple[str | None, str]:
    """The program; or None, and the reason."""
    if named := os.environ.get(NAMED_BY):
        return (named, "") if os.access(named, os.X_OK) else (None, f"{NAMED_BY} names no program: {named}")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightshift" / f"versitygw-{VERSION}"
    program = folder / "versitygw"
    if found := shutil.which("versitygw") or (str(program) if program.is_file() else None):
        return found, ""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        return None, f"it needs versitygw: name one as {NAMED_BY}, or install Go, with which tests build it"
    folder.mkdir(parents=True, exist_ok=True)
    # Workers that come meanwhile wait for the first one.
    with filelock.FileLock(folder / "lock"):
        if not program.is_file():
            return _built(go, program)
    return str(program), ""


def _built(go: str, program: Path) -> tuple[str | None, str]:
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        try:
            done = subprocess.run(
                [go, "install", MODULE],
                env=os.environ | {"GOBIN": scratch},
                capture_output=True,
                text=True,
                timeout=_BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"`go install {MODULE}` took longer than {_BUILD_SECONDS} s"
        made = Path(scratch) / program.name
        if done.returncode or not made.is_file():
            return None, f"`go install {MODULE}` failed: {done.stderr[-300:]}"
        made.replace(program)
    return str(program), ""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One for all tests of a worker; each takes a bucket of its own."""
    program, _ = versitygw()
    with serving_s3(program) as server:
        yield server


@pytest.fixture(scope="session")
def real_s3_server(s3_server: S3Server) -> S3Server:
    """The same, for tests of what moto does not do as S3."""
    if not s3_server.is_real:
        pytest.skip(versitygw()[1])
    return s3_server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, told to this test's process and its children."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.variables.items():
        monkeypatch.setenv(name, value)
    return s3_server


def with_pages_in_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the test's home, with audit pages in a bucket of their own."""
    server: S3Server = request.getfixturevalue("s3")
    monkeypatch.setenv("NIGHTSHIFT_PAGES_URL", f"s3://{server.new_bucket()}/reports")
    get_settings.cache_clear()
    return get_settings()


def _serve_moto(port: int) -> None:
    """A request at a time: moto looks whether an object is there and then writes it, so two writers could both win."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    app = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turns(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with turn:
            return list(app(environ, start_response))

    run_simple("127.0.0.1", port, in_turns, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    _serve_moto(int(sys.argv[1]))
