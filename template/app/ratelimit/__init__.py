"""How often somebody may do something, and where that is counted.

`RateLimit` says how often, a `Store` counts. The stores have one rule in common, the generic cell
rate algorithm: of "10 per 15 minutes", ten attempts may come at once, and one more each ninety
seconds. It needs one number for each count, whatever the limit, and says exactly how long to wait.
"""

from app.ratelimit.backend import STAND_INS, StoreSettings, open_store
from app.ratelimit.limit import RateLimit
from app.ratelimit.memory import MemoryStore
from app.ratelimit.store import Count, Store

__all__ = [
    "STAND_INS",
    "Count",
    "MemoryStore",
    "RateLimit",
    "Store",
    "StoreSettings",
    "open_store",
]
