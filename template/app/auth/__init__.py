"""Authentication: passwords, sessions, tokens."""
