"""What is measured: each gives a section of the report, and the bounds that hold for it."""
