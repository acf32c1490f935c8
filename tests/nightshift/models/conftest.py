"""A use case without any decision, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings
from nightshift.models import mlflow_connection
from tests.registering import a_use_case


@pytest.fixture
def use_case(home: Settings) -> Iterator[UseCase]:
    """A use case with no model yet."""
    mlflow_connection.client.cache_clear()
    yield a_use_case()
    mlflow_connection.client.cache_clear()
