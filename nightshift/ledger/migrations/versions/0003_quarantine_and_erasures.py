"""What people decided about quarantined rows; personal data: the key's fingerprint, and who was erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables of decisions, keys and erasures."""
    op.create_table(
        "quarantine_decisions",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("table_name", sa.String, nullable=False),
        sa.Column("batch_date", sa.Date, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("file_sha256", sa.String, nullable=False),
        sa.Column("record", sa.BigInteger),
        sa.Column("rules", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("rows_in_effect", sa.BigInteger),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("quarantine_decisions_by_slice", "quarantine_decisions", ["use_case", "batch_date", "table_name"])
    op.create_table(
        "pii_keys",
        sa.Column("use_case", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("pii", sa.String, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("report", JSONB),
    )
    op.create_index("erasures_by_token", "erasures", ["use_case", "pii", "token"])
