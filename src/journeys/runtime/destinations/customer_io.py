"""``CustomerIO``: people and events through the Track API.

Reference: https://docs.customer.io/integrations/api/track/ — basic authentication with site id and API key;
``PUT /api/v1/customers/{id}`` sets attributes, ``POST /api/v1/customers/{id}/events`` and, for people without an id,
``POST /api/v1/events`` with ``anonymous_id`` take an event with ``name``, ``data``, ``timestamp`` in seconds and an
``id``, a ULID by which duplicates are recognized. EU accounts use ``track-eu``. 400 answers say what is invalid in
``meta.error`` (https://docs.customer.io/journeys/invalid-api-requests); 429 asks to come back later.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs

from journeys import errors
from journeys._time import SECOND
from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter
from journeys.runtime.destinations._contents import content, event_name, ids
from journeys.runtime.destinations._http import Request, json_request
from journeys.runtime.destinations._secrets import Secret, basic, secret

REGIONS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(delivery_id: str) -> str | None:
    """The 128 bits of a delivery's id, written as a ULID is; None for an id of another form."""
    try:
        number = int(delivery_id, 16) if len(delivery_id) == 32 else None
    except ValueError:
        return None
    return None if number is None else "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


@attrs.frozen(eq=False, slots=False)
class CustomerIO(Adapter):
    """Sends ``track`` as an event and ``identify`` as attributes. A mapping's fields are the event's data."""

    site_id: str
    api_key: Secret = attrs.field(converter=secret, metadata=SECRET, kw_only=True)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One event or one person."""
        user_id, anonymous_id = ids(delivery)
        base = f"{self.base_url or REGIONS[self.region]}/api/v1"
        person = f"{base}/customers/{_segment(user_id)}" if user_id is not None else ""
        headers: dict[str, str | Secret] = {"authorization": basic(self.site_id, self.api_key)}
        if delivery.call == "identify":
            if not person:
                raise errors.Rejected("Customer.io sets attributes of people with a user id")
            return json_request("PUT", person, content(delivery), headers)
        event: dict[str, Any] = {"name": event_name(delivery), "timestamp": delivery.at // SECOND}
        if (unique := ulid(delivery.id)) is not None:
            event["id"] = unique
        event["data"] = content(delivery)
        if person:
            return json_request("POST", f"{person}/events", event, headers)
        return json_request("POST", f"{base}/events", event | {"anonymous_id": anonymous_id}, headers)


def _segment(text: str) -> str:
    if text in (".", ".."):
        raise errors.Rejected("this user id cannot stand in a URL")
    return quote(text, safe="")
