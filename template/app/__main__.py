"""``python -m app``, for an image without console scripts."""

from app.cli import main

main()
