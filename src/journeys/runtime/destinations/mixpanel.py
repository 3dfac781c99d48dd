"""``Mixpanel``: events and profiles.

References: https://developer.mixpanel.com/reference/import-events (``POST /import?strict=1``, basic authentication with
the project token as user name; each event needs ``time``, ``distinct_id`` and ``$insert_id``, at most 36 characters out
of letters, digits and ``-``; what repeats event, time, distinct id and insert id is ignored; 400 is not to be tried
again, 429, 502 and 503 are) and https://developer.mixpanel.com/reference/profile-set (``POST /engage?verbose=1``, which
answers 200 also where it refuses: ``status`` in the body tells).
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, refused
from journeys.runtime.destinations._contents import content, event_name, ids
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._secrets import Secret, basic, secret

REGIONS = {"us": "https://api.mixpanel.com", "eu": "https://api-eu.mixpanel.com", "in": "https://api-in.mixpanel.com"}


@attrs.frozen(eq=False, slots=False)
class Mixpanel(Adapter):
    """Sends ``track`` as an event and ``identify`` as a profile. A mapping's fields are the event's properties.

    ``distinct_id`` is the user id, else the anonymous id as ``$device:…``, as Mixpanel's simplified merge has it.
    """

    token: Secret = attrs.field(converter=secret, metadata=SECRET)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One event or one profile."""
        user_id, anonymous_id = ids(delivery)
        distinct_id = f"$device:{anonymous_id}" if user_id is None else user_id
        base = self.base_url or REGIONS[self.region]
        if delivery.call == "identify":
            profile = {"$token": self.token.reveal(), "$distinct_id": distinct_id, "$set": content(delivery)}
            return json_request("POST", f"{base}/engage?verbose=1", [profile])
        properties: dict[str, Any] = {**content(delivery), "time": delivery.at // 1000, "distinct_id": distinct_id}
        properties["$insert_id"] = re.sub(r"[^0-9A-Za-z-]", "-", delivery.id)[:36]
        properties |= {"$device_id": anonymous_id} if user_id is None else {"$user_id": user_id}
        event = {"event": event_name(delivery), "properties": properties}
        return json_request("POST", f"{base}/import?strict=1", [event], {"authorization": basic(self.token, "")})

    def verdict(self, answer: Answer) -> None:
        """``/engage`` answers 200 also where it refuses."""
        self.judge(answer)
        if answer.field("status") == 0 or answer.json() == 0:
            raise refused("not taken", answer)
