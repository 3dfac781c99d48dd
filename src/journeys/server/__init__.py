"""Segment's HTTP Tracking API in front of an evaluator, and a read side: an ASGI app to mount or to run."""

try:
    import starlette as _starlette  # noqa: F401
except ImportError as _error:
    raise ImportError("journeys.server needs Starlette: pip install 'journeys[server]'") from _error

from journeys.server._app import create_app
from journeys.server._openapi import openapi
from journeys.server._timers import running
from journeys.server.limits import Limits

__all__ = ["Limits", "create_app", "openapi", "running"]
