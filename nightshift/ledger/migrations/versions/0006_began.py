"""Which attempt began first, told by the jobs that made them: they may have read long before they opened an entry."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the number of a job's first entry to its other entries."""
    op.add_column("entries", sa.Column("began", sa.BigInteger))
