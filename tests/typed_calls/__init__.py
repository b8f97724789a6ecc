"""Calls of queries, for type checkers to look at: copied into a service, never run."""
