"""``app new``: code to begin with, in the service's own style."""
