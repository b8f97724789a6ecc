"""The pool, the queries' run time and the migrations' runner, on a real PostgreSQL."""
