"""A landing zone of a test's own, and a use case that it may change."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.home.settings import get_settings
from tests.in_home import UseCaseInHome


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty landing zone."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield get_settings().landing.path
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def declared() -> Catalog:
    return Catalog(UseCaseInHome.load("flight_delays", get_settings()))


@pytest.fixture
def catalog(declared: Catalog) -> Catalog:
    """A copy, so that a test may change what the use case tolerates."""
    return copy.copy(declared)
