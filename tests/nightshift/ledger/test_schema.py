"""The ledger's schema comes up to date, from nothing and from its first version, and loses nothing."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from nightshift import ledger
from nightshift.ledger import schema
from nightshift.privacy import erasures
from nightshift.quarantine import decisions

# Modules that add tables of their own to the ledger's database.
assert decisions and erasures


@pytest.fixture
def database(home):
    """A new, empty database on the tests' server."""
    name = f"ledger_{uuid.uuid4().hex}"
    server = ledger.engine().execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    made = sa.create_engine(ledger.engine().url.set(database=name))
    yield made
    made.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))


def differences(connection: sa.Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection), schema.Base.metadata)


def test_migrations_make_what_the_code_declares(database):
    with database.begin() as connection:
        schema.upgrade(connection)
        schema.upgrade(connection)  # nothing to do
        assert differences(connection) == []
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == schema.newest_revision()


def test_the_first_version_is_brought_up_to_date_and_keeps_its_entries(database):
    with database.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, schema.FIRST_REVISION)
        # Before there were migrations, nothing said which version a database has.
        connection.execute(sa.text("DROP TABLE alembic_version"))
        connection.execute(
            sa.text(
                "INSERT INTO entries"
                " (attempt_id, use_case, stage, table_name, batch_date, run_id, status, code_version)"
                " VALUES (gen_random_uuid(), 'x', 'land', 'bronze.old', '2013-10-01', 'night', 'published', 'abc')"
            )
        )
        schema.upgrade(connection)
        assert differences(connection) == []
        kept = connection.execute(sa.select(ledger.Entry.table_name, ledger.Entry.warnings)).all()
        assert kept == [("bronze.old", None)]
