"""Runs the migrations on the connection that `ledger.schema` holds, within its transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
