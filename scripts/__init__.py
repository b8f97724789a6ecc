"""What maintainers of the template run by hand."""
