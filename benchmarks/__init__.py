"""What is fast, measured: each module is a benchmark, ``uv run python -m benchmarks.<name>``.

They render a service and measure what is rendered. What they compare, they run interleaved, and
they say how far to trust the result. `programs` holds what runs inside of the service.
"""
