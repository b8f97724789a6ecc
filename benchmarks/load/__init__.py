"""What contenders are asked, and what came of it: answers a second, and latencies."""
