"""The service: what runs in production."""
