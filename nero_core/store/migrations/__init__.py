"""How the schema of a database becomes the one that this program speaks; run by Alembic."""
