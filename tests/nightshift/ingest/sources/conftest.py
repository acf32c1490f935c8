"""A database of another team, of which tests know nothing but its address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightshift.home.settings import Settings
from tests.other_database import PASSWORD, USER, Database, database_of_others


@pytest.fixture(scope="session")
def shop() -> Iterator[Database]:
    """The server out of the wheel, with a user who may only read."""
    with database_of_others() as server:
        yield server


@pytest.fixture
def orders(home: Settings, shop: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A table of orders, and the variables that say where it is."""
    monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_URL", shop.url)
    monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_USER", USER)
    monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_PASSWORD", PASSWORD)
    shop.run(
        "DROP VIEW IF EXISTS slow",
        "DROP TABLE IF EXISTS orders",
        "CREATE TABLE orders (id bigint PRIMARY KEY, amount float8, created_at timestamptz, note text)",
    )
    return shop
