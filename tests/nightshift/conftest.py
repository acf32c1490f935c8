"""Fixtures for tests of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.settings import get_settings
from tests.declaring import Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A use case of its own, whose declarations the test changes."""
    yield Shop(tmp_path, monkeypatch)
    get_settings.cache_clear()
