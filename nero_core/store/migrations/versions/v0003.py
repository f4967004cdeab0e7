"""Results tell near-duplicates."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A perceptual hash of each image; none of those that are scored already."""
    op.add_column("results", sa.Column("perceptual_hash", sa.String(16), nullable=True))
