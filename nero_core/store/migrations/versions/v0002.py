"""The database itself refuses to change the audit log, results and reviews."""

from alembic import op

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None

WRITTEN_ONCE = ("results", "reviews")  # they may be deleted, with their image


def upgrade() -> None:
    """Triggers. ``INSERT OR REPLACE`` of SQLite deletes without a trigger, so that a taken number is refused first."""
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _postgresql() -> None:
    op.execute(
        "CREATE FUNCTION nero_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$"
    )
    for table in WRITTEN_ONCE:
        op.execute(
            f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION nero_refuse()"
        )
    op.execute(
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION nero_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION nero_refuse()"
    )


def _sqlite() -> None:
    refusals = [(table, "UPDATE", "") for table in WRITTEN_ONCE]
    refusals += [("audit", "UPDATE", ""), ("audit", "DELETE", "")]
    taken = "WHEN EXISTS (SELECT 1 FROM {0} WHERE {1} = NEW.{1})"
    refusals += [("audit", "INSERT", taken.format("audit", "sequence"))]
    refusals += [(table, "INSERT", taken.format(table, "id")) for table in WRITTEN_ONCE]
    refusals += [("results", "INSERT", taken.format("results", "item"))]
    for number, (table, change, when) in enumerate(refusals):
        op.execute(
            f"CREATE TRIGGER {table}_unchanged_{number} BEFORE {change} ON {table} FOR EACH ROW {when} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
        )
