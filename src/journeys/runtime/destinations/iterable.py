"""``Iterable``: events and users.

References: https://api.iterable.com/api/docs#events_track (``POST /api/events/track`` with ``eventName``, ``email`` or
``userId``, ``dataFields``, ``createdAt`` in seconds, and ``id``: an event with an id that is known is updated) and
https://api.iterable.com/api/docs#users_updateUser (``POST /api/users/update``); the key stands in ``Api-Key``. Answers
have a ``code``: ``Success``, ``BadParams``, ``BadApiKey`` …; 429 is ``RateLimitExceeded``. EU projects use
``api.eu.iterable.com``.
"""

from __future__ import annotations

from typing import Any

import attrs

from journeys import errors
from journeys._time import SECOND
from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, refused
from journeys.runtime.destinations._contents import content, event_name, text_field
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._secrets import Secret, secret

REGIONS = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}


@attrs.frozen(eq=False, slots=False)
class Iterable(Adapter):
    """Sends ``track`` as an event and ``identify`` as a user. A mapping's fields are the event's data fields.

    A user is named by ``userId`` and, where the content has one, ``email``. ``prefer_user_id`` makes users that are
    not known yet also in projects that tell users by their email.
    """

    api_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    prefer_user_id: bool = attrs.field(default=True, kw_only=True)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One event or one user."""
        values = content(delivery)
        who = {"userId": delivery.user_id} if delivery.user_id is not None else {}
        if (email := text_field(values, "email")) is not None:
            who["email"] = email
        if not who:
            raise errors.Rejected("Iterable knows people by user id or email, and there is neither")
        base = f"{self.base_url or REGIONS[self.region]}/api"
        headers: dict[str, str | Secret] = {"api-key": self.api_key}
        if delivery.call == "identify":
            fields = {name: value for name, value in values.items() if name != "email"}
            user: dict[str, Any] = {**who, "dataFields": fields, "preferUserId": self.prefer_user_id}
            return json_request("POST", f"{base}/users/update", user, headers)
        event: dict[str, Any] = {**who, "eventName": event_name(delivery), "id": delivery.id}
        event |= {"createdAt": delivery.at // SECOND, "dataFields": values}
        return json_request("POST", f"{base}/events/track", event, headers)

    def verdict(self, answer: Answer) -> None:
        """A success has the code ``Success``."""
        self.judge(answer)
        if answer.field("code") not in (None, "Success"):
            raise refused("not taken", answer)
