"""Sends a person and a cart with Segment's own client for Python: only the address is another one."""

from __future__ import annotations

from segment.analytics.client import Client

analytics = Client("any-key", host="http://127.0.0.1:8000")
analytics.identify("ada", {"email": "ada@example.com", "first_name": "Ada"})
analytics.track("ada", "Cart Modified", {"cart_id": "c1", "value": 80})
analytics.shutdown()  # sends what has not gone out yet
print("sent")
