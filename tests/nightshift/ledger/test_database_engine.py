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
from nightshift.ledger import database_engine
from nightshift.ledger.ledger_tables import Base, EntryRow, EnvironmentRow, ModelDecisionRow


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


def at_revision(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(database_engine.MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def differences(connection: sa.Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_migrations_make_what_the_code_declares(database):
    with database.begin() as connection:
        database_engine.upgrade(connection)
        database_engine.upgrade(connection)  # nothing to do
        assert differences(connection) == []
        assert (
            connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == database_engine.newest_revision()
        )


def test_the_first_version_is_brought_up_to_date_and_keeps_its_entries(database):
    with database.begin() as connection:
        at_revision(connection, database_engine.FIRST_REVISION)
        # Before there were migrations, nothing said which version a database has.
        connection.execute(sa.text("DROP TABLE alembic_version"))
        connection.execute(
            sa.text(
                "INSERT INTO entries"
                " (attempt_id, use_case, stage, table_name, batch_date, run_id, status, code_version)"
                " VALUES (gen_random_uuid(), 'x', 'land', 'bronze.old', '2013-10-01', 'night', 'published', 'abc')"
            )
        )
        database_engine.upgrade(connection)
        assert differences(connection) == []
        kept = connection.execute(sa.select(EntryRow.table_name, EntryRow.warnings)).all()
        assert kept == [("bronze.old", None)]


def test_an_installation_from_before_there_were_decisions_keeps_its_rows_and_has_no_champion(database):
    with database.begin() as connection:
        at_revision(connection, "0004")
        connection.execute(
            sa.text(
                "INSERT INTO entries (attempt_id, use_case, stage, table_name, batch_date, run_id, status,"
                " delta_version, model_name, model_version, code_version)"
                " SELECT gen_random_uuid(), 'x', 'score', 'gold.scores', '2013-10-01', 'night', status, version, 'x',"
                " 2, 'abc' FROM (VALUES ('published', 3), ('running', NULL)) AS ended (status, version)"
            )
        )
        database_engine.upgrade(connection)
        assert differences(connection) == []
        entry = EntryRow
        columns = (entry.status, entry.delta_version, entry.model_version, entry.environment)
        kept = connection.execute(sa.select(*columns).order_by(entry.status)).all()
        assert kept == [("published", 3, 2, None), ("running", None, 2, None)]
        for table in (ModelDecisionRow, EnvironmentRow):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
