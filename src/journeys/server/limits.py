"""How much the server takes at once."""

from __future__ import annotations

from typing import Any

import attrs

_positive: Any = attrs.validators.gt(0)


@attrs.frozen(kw_only=True)
class Limits:
    """Sizes are those of the body after it was inflated; the first two are Segment's."""

    call_bytes: int = attrs.field(default=32 * 1024, validator=_positive)
    """One call."""
    batch_bytes: int = attrs.field(default=500 * 1024, validator=_positive)
    """One batch."""
    queued_calls: int = attrs.field(default=10_000, validator=_positive)
    """Calls that wait for their commit; beyond it a request is answered 429."""
    queued_bytes: int = attrs.field(default=32 * 1024 * 1024, validator=_positive)
    """The size of the requests that wait for their commit."""
    group: int = attrs.field(default=1000, validator=_positive)
    """Calls that are committed together."""
    requests: int = attrs.field(default=1000, validator=_positive)
    """Requests with calls that are being answered."""
    body_seconds: float = attrs.field(default=30.0, validator=_positive)
    """How long a client may take to send its body."""
    retry_after: int = attrs.field(default=1, validator=_positive)
    """The seconds after which a refused client is asked to come again."""
