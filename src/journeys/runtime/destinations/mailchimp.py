"""``Mailchimp``: the members of an audience, as a list destination.

References: https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/ (``POST
/3.0/lists/{list_id}`` with up to 500 ``members``; ``update_existing`` would change the subscription of members that are
there; 200 lists what was refused under ``errors``, with ``error_code``) and
https://mailchimp.com/developer/marketing/api/list-members/archive-list-member/ (``DELETE
/3.0/lists/{list_id}/members/{MD5 of the lower-case address}``, 204). The data center is the end of the API key
(https://mailchimp.com/developer/marketing/docs/fundamentals/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from journeys import errors
from journeys.model._fields import one_of
from journeys.plan.values import ABSENT, find
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter
from journeys.runtime.destinations._contents import content, text_field
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._secrets import Secret, basic, secret

BATCH = 500
_DATA_CENTER = re.compile(r"[a-z]{2,4}[0-9]+", re.ASCII)
STATUSES = ("subscribed", "pending", "transactional")
_THERE_ALREADY = "ERROR_CONTACT_EXISTS"


@attrs.frozen(eq=False, slots=False)
class Mailchimp(Adapter):
    """Adds people to an audience by their trait ``email``, and archives those that are removed.

    ``status`` is what new members get; who is there already keeps the subscription as it is, so that nobody who has
    unsubscribed is subscribed again. ``merge_fields`` says which traits go where (``{"FNAME": "first_name"}``).
    """

    api_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    list_id: str = attrs.field(kw_only=True, validator=attrs.validators.matches_re(r"[0-9a-zA-Z]+"))
    status: str = attrs.field(default="subscribed", kw_only=True, validator=one_of(STATUSES))
    merge_fields: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    calls = frozenset(("add", "remove"))
    deliver_batch = Adapter._deliver_batch
    deliver_batch_async = Adapter._deliver_batch_async

    def requests(self, deliveries: Sequence[Delivery]) -> Iterator[Request]:
        """Adds in batches, removals one by one; what happens to one address twice stays in order."""
        adds: dict[str, dict[str, Any]] = {}
        for delivery in deliveries:
            address = text_field(content(delivery), "email")
            if address is None:
                raise errors.Rejected("there is no email address: the profile has no trait 'email'")
            if delivery.call == "add":
                adds[address.lower()] = self._member(address, delivery)
                if len(adds) == BATCH:
                    yield self._added(adds.values())
                    adds = {}
                continue
            if address.lower() in adds:
                yield self._added(adds.values())
                adds = {}
            digest = hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()
            yield Request("DELETE", f"{self._list()}/members/{digest}", self._headers())
        if adds:
            yield self._added(adds.values())

    def _member(self, address: str, delivery: Delivery) -> dict[str, Any]:
        member: dict[str, Any] = {"email_address": address, "status": self.status}
        found = {name: find(content(delivery), tuple(path.split("."))) for name, path in self.merge_fields.items()}
        if merged := {name: value for name, value in found.items() if value is not ABSENT and value is not None}:
            member["merge_fields"] = merged
        return member

    def _added(self, members: Iterable[dict[str, Any]]) -> Request:
        return json_request("POST", self._list(), {"members": [*members], "update_existing": False}, self._headers())

    def _list(self) -> str:
        center = self.api_key.reveal().rpartition("-")[2]
        if self.base_url is None and not _DATA_CENTER.fullmatch(center):
            raise errors.Retry("a Mailchimp API key ends with its data center, like '-us6'")
        return f"{self.base_url or f'https://{center}.api.mailchimp.com'}/3.0/lists/{self.list_id}"

    def _headers(self) -> dict[str, str | Secret]:
        return {"authorization": basic("journeys", self.api_key)}

    def verdict(self, answer: Answer) -> None:
        """Who is there already is no error, nor who is gone already."""
        self.judge(answer, also_done=(404,) if answer.method == "DELETE" else ())
        found = answer.field("errors")
        refusals = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        codes = [str(each.get("error_code") or "unknown") for each in refusals]
        wrong = [code for code in codes if code != _THERE_ALREADY]
        if wrong:
            raise errors.Rejected(f"{len(wrong)} of the members were refused: {', '.join(sorted(set(wrong)))}")
