"""``Segment``: the HTTP Tracking API, and through it every destination of a Segment workspace.

Reference: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ — one call a request at
``/v1/track``, ``/v1/identify`` …, basic authentication with the write key as user name, at most 32 KB a call. 200 is
answered for all but oversized or malformed calls, which get 400; calls are deduplicated by ``messageId``. EU
workspaces: https://segment.com/docs/guides/regional-segment/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from journeys import errors
from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter
from journeys.runtime.destinations._contents import event_name, ids, payload_of, timestamp_of
from journeys.runtime.destinations._http import Request, json_request
from journeys.runtime.destinations._secrets import Secret, basic, secret

REGIONS = {"us": "https://api.segment.io", "eu": "https://eu1.api.segmentapis.com"}
CALLS = ("alias", "group", "identify", "page", "screen", "track")
MAX_BYTES = 32 * 1024


@attrs.frozen(eq=False, slots=False)
class Segment(Adapter):
    """Sends deliveries as calls of a Segment source.

    ``integrations`` chooses the workspace's destinations by their names there; without it all get the call. (What the
    payload itself says under ``integrations`` names destinations of this space, which Segment does not know.)
    A mapping's fields are those of the call.
    """

    write_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    integrations: Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One call."""
        call = payload_of(delivery)
        if delivery.call == "mapped":
            call = _whole_call(delivery, call)
        call = {name: value for name, value in call.items() if name != "integrations"}
        if self.integrations is not None:
            call["integrations"] = dict(self.integrations)
        kind = call.get("type")
        if kind not in CALLS:
            raise errors.Rejected(f"a Segment call has a type: one of {', '.join(CALLS)}")
        url = f"{self.base_url or REGIONS[self.region]}/v1/{kind}"
        request = json_request("POST", url, call, {"authorization": basic(self.write_key, "")})
        if len(request.body) > MAX_BYTES:
            raise errors.Rejected(f"a call of {len(request.body):,} bytes is over Segment's {MAX_BYTES:,}")
        return request


def _whole_call(delivery: Delivery, fields: dict[str, Any]) -> dict[str, Any]:
    user_id, anonymous_id = ids(delivery)
    call: dict[str, Any] = {"type": "track"}
    if fields.get("type", "track") == "track":
        call["event"] = event_name(delivery)
    call |= {"userId": user_id} if user_id is not None else {"anonymousId": anonymous_id}
    return call | {"messageId": delivery.id, "timestamp": timestamp_of(delivery)} | fields
