"""Which days are batch dates of a use case, so that another cadence is noticed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table of calendars."""
    op.create_table(
        "calendars",
        sa.Column("use_case", sa.String, primary_key=True),
        sa.Column("calendar", JSONB, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
