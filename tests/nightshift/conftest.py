"""Fixtures for tests of the kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nightshift.home.settings import Settings, get_settings
from nightshift.install.services import stop, supervisor
from nightshift.install.services.supervisor import Program, Supervisor
from tests.declaring import Shop
from tests.nightshift.supervised import Pages, was_started


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A use case of its own, whose declarations the test changes."""
    yield Shop(tmp_path, monkeypatch)
    get_settings.cache_clear()


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def started(home: Settings, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervisor]]:
    """Starts a real supervisor whose programs sleep, but for those that a test lets end at once, or run a script."""

    def launch(*ending: str, **scripts: str) -> Supervisor:
        ports = was_started(home, pages.port)
        names = [program.name for program in supervisor.programs(home, ports)]
        lines = dict.fromkeys(names, "exec sleep 600") | dict.fromkeys(ending, "false") | scripts
        listed = [Program(name, ("bash", "-c", line)) for name, line in lines.items()]
        monkeypatch.setattr(supervisor, "programs", lambda *_: listed)
        made = Supervisor(home)
        made.launch(ports)
        made.start(*names)
        deadline = time.monotonic() + 20
        while any(made.state(name) not in {"BACKOFF", "FATAL"} for name in ending) and time.monotonic() < deadline:
            time.sleep(0.1)
        return made

    yield launch
    stop.stop(lambda _: None, home)
