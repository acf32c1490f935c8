"""Where rows came from, by file digest; what an audited slice looked like; what exactly was audited."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables of inputs and profiles, and what an entry knows of its audit."""
    op.add_column("entries", sa.Column("stage_sha256", sa.String))
    op.add_column("entries", sa.Column("warnings", sa.Integer))
    op.add_column("entries", sa.Column("audit_page", sa.String))
    op.create_table(
        "inputs",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("attempt_id", sa.Uuid, nullable=False),
        sa.Column("batch_date", sa.Date, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rows", "quarantined", "deduplicated")),
        sa.Column("origin", sa.String),
    )
    op.create_index("inputs_by_attempt", "inputs", ["attempt_id", "batch_date"])
    op.create_index("inputs_by_version", "inputs", ["version"])
    op.create_table(
        "profiles",
        sa.Column("attempt_id", sa.Uuid, primary_key=True),
        sa.Column("batch_date", sa.Date, primary_key=True),
        sa.Column("profile", JSONB, nullable=False),
    )
