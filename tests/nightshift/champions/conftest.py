"""A use case without any decision, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightshift.models import tracking
from nightshift.settings import Settings
from nightshift.use_case import UseCase
from tests.registering import a_use_case


@pytest.fixture
def use_case(home: Settings) -> Iterator[UseCase]:
    """A use case with no model yet."""
    tracking.client.cache_clear()
    yield a_use_case()
    tracking.client.cache_clear()
