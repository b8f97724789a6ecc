"""The SQL checker, on real PostgreSQL."""
