"""Slices on their way into a table's folder, so that those of killed processes are found."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table of open stages."""
    op.create_table(
        "open_stages",
        sa.Column("attempt_id", sa.Uuid, primary_key=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("table_name", sa.String, nullable=False),
        sa.Column("seen_version", sa.BigInteger),
        sa.Column("is_given_up", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("open_stages_by_table", "open_stages", ["use_case", "table_name"])
