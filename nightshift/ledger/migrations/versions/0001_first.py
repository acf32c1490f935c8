"""The ledger as it was first: one table of attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of attempts."""
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("attempt_id", sa.Uuid, nullable=False, index=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("table_name", sa.String, nullable=False),
        sa.Column("batch_date", sa.Date, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        *(
            sa.Column(name, sa.BigInteger)
            for name in ("rows_in", "rows_published", "rows_quarantined", "rows_deduplicated", "delta_version")
        ),
        sa.Column("model_name", sa.String),
        sa.Column("model_version", sa.Integer),
        sa.Column("code_version", sa.String, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("message", sa.String),
    )
    op.create_index("entries_by_slice", "entries", ["use_case", "batch_date", "table_name"])
