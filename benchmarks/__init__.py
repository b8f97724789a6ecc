"""What is fast, measured: ``uv run python -m benchmarks``, and some modules by themselves.

They render a service and measure what is rendered. What they compare, they run interleaved, and
they say how far to trust the result.

- `measures`: what is measured, a module for each name that ``--only`` takes
- `stage`: who is measured, started and pinned on this machine
- `load`: what they are asked, as fast as they answer or at a fixed rate
- `results`: noise, bounds, tables and the plot
- `peers`: how templates of others are run; `programs`, ``axum``: what is compared beside them
"""
