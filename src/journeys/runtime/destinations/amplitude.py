"""``Amplitude``: events and user properties.

References: https://amplitude.com/docs/apis/analytics/http-v2 (``POST /2/httpapi`` with ``api_key`` and ``events``;
``event_type`` and ``user_id`` or ``device_id`` are required; an ``insert_id`` seen in the last 7 days is ignored; ids
under 5 characters are taken with ``options.min_id_length``; 413 is too large),
https://amplitude.com/docs/apis/analytics/http-api-batching-retries (429 and 5xx are tried again, the first after 30
seconds; 400 is final) and https://amplitude.com/docs/apis/analytics/identify (a form at ``/identify``).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import attrs

from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter
from journeys.runtime.destinations._contents import content, event_name, ids
from journeys.runtime.destinations._http import Answer, Request, json_bytes, json_request
from journeys.runtime.destinations._secrets import Secret, secret

REGIONS = {"us": "https://api2.amplitude.com", "eu": "https://api.eu.amplitude.com"}
THROTTLED = 30.0


@attrs.frozen(eq=False, slots=False)
class Amplitude(Adapter):
    """Sends ``track`` as an event and ``identify`` as user properties. A mapping's fields are those of the event.

    An anonymous id is Amplitude's ``device_id``.
    """

    api_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One event or one identification."""
        user_id, anonymous_id = ids(delivery)
        who: dict[str, Any] = {"device_id": anonymous_id} if user_id is None else {"user_id": user_id}
        base = self.base_url or REGIONS[self.region]
        if delivery.call == "identify":
            who["user_properties"] = {"$set": content(delivery)}
            form = {"api_key": self.api_key.reveal(), "identification": json_bytes([who]).decode()}
            headers: dict[str, str | Secret] = {"content-type": "application/x-www-form-urlencoded"}
            return Request("POST", f"{base}/identify", headers, urlencode(form).encode())
        event = who | {
            "event_type": event_name(delivery),
            "time": delivery.at // 1000,
            "insert_id": delivery.id,
        }
        event |= content(delivery) if delivery.call == "mapped" else {"event_properties": content(delivery)}
        body = {"api_key": self.api_key.reveal(), "events": [event], "options": {"min_id_length": 1}}
        return json_request("POST", f"{base}/2/httpapi", body)

    def retry_after(self, answer: Answer) -> float | None:
        """A throttled user or device is to be left alone for 30 seconds."""
        asked = super().retry_after(answer)
        return THROTTLED if asked is None and answer.status == 429 else asked
