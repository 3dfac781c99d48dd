"""``Braze``: events and attributes through ``/users/track``.

References: https://www.braze.com/docs/api/endpoints/user_data/post_user_track (bearer token; ``events`` and
``attributes``; one of ``external_id``, ``user_alias`` … is required; a user with an alias alone is only made with
``"_update_existing_only": false``; "message": "success" with "errors" means that some objects were not processed),
https://www.braze.com/docs/api/objects_filters/event_object (``name`` and ``time`` are required; names of properties
have at most 255 characters and do not begin with ``$``), https://www.braze.com/docs/api/errors (4xx are final, 5xx and
429 are tried again) and https://www.braze.com/docs/api/api_limits. Braze does not recognize an event that is sent
twice.
"""

from __future__ import annotations

from typing import Any

import attrs

from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, refused
from journeys.runtime.destinations._contents import content, event_name, ids, timestamp_of
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._secrets import Secret, bearer, secret

ALIAS_LABEL = "anonymous_id"


@attrs.frozen(eq=False, slots=False)
class Braze(Adapter):
    """Sends ``track`` as an event and ``identify`` as attributes.

    ``endpoint`` is the REST endpoint of the instance, like ``rest.iad-01.braze.com``. Profiles without a user id have
    an alias with the label ``anonymous_id``. A mapping's fields are those of the event object.
    """

    api_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    endpoint: str = attrs.field(
        kw_only=True, validator=attrs.validators.matches_re(r"rest\.[a-z0-9-]+\.braze\.(com|eu)")
    )
    app_id: str | None = attrs.field(default=None, kw_only=True)
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    reset_header = "x-ratelimit-reset"  # in seconds since 1970

    def request(self, delivery: Delivery) -> Request:
        """One event object or one attributes object."""
        user_id, anonymous_id = ids(delivery)
        who: dict[str, Any] = {"external_id": user_id}
        if user_id is None:
            alias = {"alias_name": anonymous_id, "alias_label": ALIAS_LABEL}
            who = {"user_alias": alias, "_update_existing_only": False}
        if delivery.call == "identify":
            body: dict[str, Any] = {"attributes": [content(delivery) | who]}
        else:
            event = who | {"name": event_name(delivery), "time": timestamp_of(delivery)}
            if self.app_id is not None:
                event["app_id"] = self.app_id
            event |= content(delivery) if delivery.call == "mapped" else {"properties": content(delivery)}
            body = {"events": [event]}
        url = f"{self.base_url or f'https://{self.endpoint}'}/users/track"
        return json_request("POST", url, body, {"authorization": bearer(self.api_key)})

    def verdict(self, answer: Answer) -> None:
        """A success with errors means that our one object was not processed."""
        self.judge(answer)
        if answer.field("errors"):
            raise refused("not processed", answer)
