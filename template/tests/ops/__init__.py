"""What operations see of the service."""
