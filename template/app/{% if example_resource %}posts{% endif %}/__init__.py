"""Posts: the example resource."""
