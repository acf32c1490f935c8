"""An index of the attempts that are not closed, which every start asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index."""
    running = sa.text("status = 'running'")
    op.create_index("entries_running", "entries", ["use_case", "table_name"], postgresql_where=running)
