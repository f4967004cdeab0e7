"""One file a revision of the schema, named in ``nero_core.store.schema.REVISIONS``. None is changed once it is out."""
