"""The tables."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None

VERDICTS = "verdict IN ('like', 'borderline', 'unlike')"


def upgrade() -> None:
    """From nothing to the first schema."""
    _images_and_worklists()
    _items()
    _results_and_reviews()
    _jobs()
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
    )


def _images_and_worklists() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("owner", "digest", name="uq_images_owner_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_digest", "images", ["digest"])
    op.create_table(
        "worklists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worklists"),
        sa.UniqueConstraint("owner", "name", name="uq_worklists_owner_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_worklists_added", "worklists", ["added"])


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("worklist", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("frame", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(32), nullable=True),
        sa.Column("claimed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'claimed', 'scored', 'failed')", name="ck_items_state"),
        sa.ForeignKeyConstraint(["worklist"], ["worklists.id"], name="fk_items_worklist", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image"], ["images.id"], name="fk_items_image", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("worklist", "position", name="uq_items_worklist_position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_items_worklist_state_position", "items", ["worklist", "state", "position"])
    op.create_index("ix_items_image", "items", ["image"])
    op.create_index("ix_items_claim", "items", ["claim"])


def _results_and_reviews() -> None:
    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("predicted", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("verdict", sa.String(10), nullable=True),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("p_value > 0 AND p_value <= 1", name="ck_results_p_value"),
        sa.CheckConstraint(VERDICTS, name="ck_results_verdict"),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name="fk_results_item", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_results"),
        sa.UniqueConstraint("item", name="uq_results_item"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_results_bundle_at", "results", ["bundle", "at"])
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("reading", sa.String(6), nullable=False),
        sa.Column("decision", sa.String(11), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision IN ('agree', 'override', 'second_look', 'comment')", name="ck_reviews_decision"),
        sa.CheckConstraint("reading IN ('first', 'second')", name="ck_reviews_reading"),
        sa.CheckConstraint(VERDICTS, name="ck_reviews_verdict"),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name="fk_reviews_item", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reviews_item_id", "reviews", ["item", "id"])


def _jobs() -> None:
    states = "state IN ('waiting', 'running', 'finished', 'failed', 'stopped')"
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("is_stopping", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(32), nullable=True),
        sa.Column("claimed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(states, name="ck_jobs_state"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("token", name="uq_jobs_token"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_place_state_id", "jobs", ["place", "state", "id"])
    op.create_index("ix_jobs_claim", "jobs", ["claim"])
