"""Users: accounts, and what they and administrators do with them."""
