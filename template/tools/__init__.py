"""What only development needs; not in the image."""
