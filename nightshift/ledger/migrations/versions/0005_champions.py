"""Which model was champion from when, who decided it, and in which environment an attempt ran."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables of decisions and environments, and the environment of an attempt."""
    op.create_table(
        "model_decisions",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("use_case", sa.String, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("from_date", sa.Date),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        # A run that is cleared and runs again decides once.
        sa.UniqueConstraint("use_case", "model_version", "action", "run_id", name="model_decisions_once"),
    )
    op.create_table(
        "environments",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("described", JSONB, nullable=False),
    )
    op.add_column("entries", sa.Column("environment", sa.String))
