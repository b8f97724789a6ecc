"""``app template``: what is new in the template that the service was rendered from, and updates."""
