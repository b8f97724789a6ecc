"""The template's tests."""
