"""Checks the service's SQL against its signatures: with a database, or against the snapshot."""
