"""The SQL checker's findings, in a small project of their own."""
