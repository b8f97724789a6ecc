"""``app db``: the schema's migrations."""
