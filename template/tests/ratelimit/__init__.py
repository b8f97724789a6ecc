"""Counting attempts."""
