"""Who is measured: the service and its contenders, started, each on its own processor."""
