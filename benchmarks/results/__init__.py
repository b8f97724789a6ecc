"""What is made of the numbers: how far to trust them, bounds, tables, a plot."""
