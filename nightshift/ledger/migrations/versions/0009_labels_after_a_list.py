"""Labels that come after the end of a list of batch dates have no known date."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Let the delivery of the last label be unknown."""
    op.alter_column("label_maturity", "labels_due", nullable=True)
