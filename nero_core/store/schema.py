"""The tables. Numbers of rows are sequences: they say what came after what, whatever the clock says.

A change here needs a migration in ``migrations/versions``, and its name in ``REVISIONS``.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REVISIONS = ("v0001", "v0002", "v0003")  # of the schema, oldest first; the last is the one that this program speaks

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
DIGEST = String(64)  # SHA-256 in hexadecimal
NEVER_AGAIN = {"sqlite_autoincrement": True}  # the number of a deleted row is not given to another


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC; SQLite keeps it as text that sorts as the moments do."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; without its zone where the database has none."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With the zone UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: JSON(), float: Double(), str: Text()}  # noqa: RUF012  as documented


class ImageRow(Base):
    """An uploaded file, by its digest. Two who upload the same bytes have a row each: what is deleted is one's own."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("owner", "digest"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    added: Mapped[datetime]


class WorklistRow(Base):
    """A worklist."""

    __tablename__ = "worklists"
    __table_args__ = (UniqueConstraint("owner", "name"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    bundle: Mapped[str] = mapped_column(DIGEST)
    method: Mapped[str]
    settings: Mapped[dict[str, Any]]
    added: Mapped[datetime] = mapped_column(index=True)


class ItemRow(Base):
    """One line of a worklist, and who is at work on it."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("worklist", "position"),
        Index(None, "worklist", "state", "position"),
        CheckConstraint("state IN ('waiting', 'claimed', 'scored', 'failed')", name="state"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worklist: Mapped[int] = mapped_column(ForeignKey("worklists.id", ondelete="CASCADE"))
    position: Mapped[int]
    image: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    name: Mapped[str | None]
    frame: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(32), index=True)
    claimed: Mapped[datetime | None]
    until: Mapped[datetime | None]


class ResultRow(Base):
    """What was found of an item; written once."""

    __tablename__ = "results"
    __table_args__ = (
        Index(None, "bundle", "at"),
        CheckConstraint("p_value > 0 AND p_value <= 1", name="p_value"),
        CheckConstraint("verdict IN ('like', 'borderline', 'unlike')", name="verdict"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), unique=True)
    bundle: Mapped[str] = mapped_column(DIGEST)
    model: Mapped[str] = mapped_column(DIGEST)
    code: Mapped[str]
    method: Mapped[str]
    predicted: Mapped[str]
    confidence: Mapped[float | None]
    score: Mapped[float | None]
    threshold: Mapped[float | None]
    p_value: Mapped[float | None]
    verdict: Mapped[str | None] = mapped_column(String(10))
    parts: Mapped[dict[str, Any]]
    error: Mapped[str]
    at: Mapped[datetime]
    perceptual_hash: Mapped[str | None] = mapped_column(String(16))


class ReviewRow(Base):
    """What a reader said of an item; written once."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index(None, "item", "id"),
        CheckConstraint("decision IN ('agree', 'override', 'second_look', 'comment')", name="decision"),
        CheckConstraint("reading IN ('first', 'second')", name="reading"),
        CheckConstraint("verdict IN ('like', 'borderline', 'unlike')", name="verdict"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"))
    reader: Mapped[str]
    reading: Mapped[str] = mapped_column(String(6))
    decision: Mapped[str] = mapped_column(String(11))
    verdict: Mapped[str | None] = mapped_column(String(10))
    label: Mapped[str]
    comment: Mapped[str]
    at: Mapped[datetime]


class JobRow(Base):
    """Long work, and who is at it."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("token"),
        Index(None, "place", "state", "id"),
        CheckConstraint("state IN ('waiting', 'running', 'finished', 'failed', 'stopped')", name="state"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(22))
    kind: Mapped[str]
    owner: Mapped[str]
    place: Mapped[str]
    request: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    is_stopping: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(32), index=True)
    claimed: Mapped[datetime | None]
    until: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    outcome: Mapped[dict[str, Any]]
    added: Mapped[datetime]
    ended: Mapped[datetime | None]


class AuditRow(Base):
    """One line of the audit log; the database refuses to change or delete it."""

    __tablename__ = "audit"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str]
    action: Mapped[str]
    details: Mapped[str]
    previous: Mapped[str] = mapped_column(DIGEST)
    digest: Mapped[str] = mapped_column(DIGEST)
