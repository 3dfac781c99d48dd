"""``HubSpot``: contacts and custom events.

References: https://developers.hubspot.com/docs/api-reference/legacy/events/send-event-data/guide (``POST
/events/v3/send`` with ``eventName``, the fully qualified name ``pe{HubID}_{name}``; ``email`` or ``objectId``;
``occurredAt``, ``uuid``, and properties that the event's definition has; 204 is success),
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/upsert-contacts (``POST
/crm/v3/objects/contacts/batch/upsert``, by ``idProperty``) and
https://developers.hubspot.com/docs/api-reference/error-handling (423 is a locked resource, 477 an account that is being
moved, with ``Retry-After``; both and 429 are tried again).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import attrs

from journeys import errors
from journeys.plan.values import text_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, refused
from journeys.runtime.destinations._contents import content, email_of, event_name, timestamp_of
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._secrets import Secret, bearer, secret

_ALSO_RETRIED = (423, 477)


@attrs.frozen(eq=False, slots=False)
class HubSpot(Adapter):
    """Sends ``track`` as an occurrence of a custom event and ``identify`` as a contact, told by its email.

    ``events`` gives the fully qualified names of events (``{"Cart Abandoned": "pe123_cart_abandoned"}``); with
    ``hub_id`` others are named ``pe{hub_id}_{name in snake case}``. Only texts, numbers and booleans are sent, since
    HubSpot's properties hold nothing else. A mapping's fields are the event's properties.
    """

    access_token: Secret = attrs.field(converter=secret, metadata=SECRET)
    hub_id: int | None = attrs.field(default=None, kw_only=True)
    events: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    base_url: str = attrs.field(default="https://api.hubapi.com", kw_only=True, metadata=PYTHON)

    def request(self, delivery: Delivery) -> Request:
        """One occurrence or one contact."""
        email = email_of(delivery)
        properties = {name: value for name, value in content(delivery).items() if _is_plain(value)}
        headers: dict[str, str | Secret] = {"authorization": bearer(self.access_token)}
        if delivery.call == "identify":
            texts = {name: text_of(value) for name, value in properties.items()}
            contact = {"id": email, "idProperty": "email", "properties": {**texts, "email": email}}
            url = f"{self.base_url}/crm/v3/objects/contacts/batch/upsert"
            return json_request("POST", url, {"inputs": [contact]}, headers)
        described = {name: value for name, value in properties.items() if name not in ("to", "email")}
        event: dict[str, Any] = {"eventName": self._name(event_name(delivery)), "email": email}
        event |= {"occurredAt": timestamp_of(delivery), "uuid": _uuid(delivery.id), "properties": described}
        return json_request("POST", f"{self.base_url}/events/v3/send", event, headers)

    def _name(self, event: str) -> str:
        if event in self.events:
            return self.events[event]
        if self.hub_id is None:
            raise errors.Rejected("HubSpot's name of this event is not known: add it to 'events', or give 'hub_id'")
        return f"pe{self.hub_id}_{re.sub(r'[^a-z0-9]+', '_', event.lower()).strip('_')}"

    def verdict(self, answer: Answer) -> None:
        """The usual; 207 carries the errors of a batch of one."""
        self.judge(answer, also_retry=_ALSO_RETRIED)
        if answer.status == 207 and answer.field("errors"):
            raise refused("not taken", answer)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _uuid(delivery_id: str) -> str:
    try:
        return str(uuid.UUID(delivery_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, delivery_id))
