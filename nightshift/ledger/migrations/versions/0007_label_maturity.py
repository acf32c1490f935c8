"""How many labels of each batch date have matured, as the newest training that read them saw it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table of matured labels."""
    op.create_table(
        "label_maturity",
        sa.Column("use_case", sa.String, primary_key=True),
        sa.Column("batch_date", sa.Date, primary_key=True),
        sa.Column("labels_due", sa.Date, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rows", "known", "matured")),
        sa.Column("label_table_version", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
