"""``Webhook``: the payload as it is, signed as Standard Webhooks says.

Reference: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (1.0.0). The
content that is signed is ``id.timestamp.body`` with HMAC-SHA256; during a rotation the header carries one signature
for each secret, apart by a space. ``410 Gone`` says that the receiver wants no more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

import attrs

from journeys import errors
from journeys.ports import Delivery
from journeys.runtime.destinations._base import SECRET, Adapter, setting
from journeys.runtime.destinations._http import Request, check_headers
from journeys.runtime.destinations._safety import check_url
from journeys.runtime.destinations._secrets import Secret, secrets

_PREFIX = "whsec_"


@attrs.frozen(eq=False, slots=False)
class Webhook(Adapter):
    """Posts each delivery to a URL.

    ``secret`` is ``whsec_…``, or several of them while the receiver changes from one to the other. ``webhook-id`` is
    the delivery's id, the same on every try; the timestamp is that of the try.
    """

    url: str = attrs.field(repr=False)
    secret: tuple[Secret, ...] = attrs.field(default=(), converter=secrets, metadata=SECRET, kw_only=True)
    headers: Mapping[str, str | Secret] = attrs.field(factory=dict, converter=check_headers, repr=False, kw_only=True)
    list: bool = attrs.field(default=False, kw_only=True)

    calls = frozenset(("track", "identify", "mapped", "message", "add", "remove"))

    def __attrs_post_init__(self) -> None:
        with setting("url"):
            check_url(self.url, self.network)
        for each in self.secret:
            try:
                text = each.reveal()
            except errors.Retry:  # it may still be set until the first delivery
                continue
            with setting("secret"):
                _decoded(text)
        if self.list:
            self._becomes_a_list()

    def request(self, delivery: Delivery) -> Request:
        """The delivery's own bytes, signed."""
        headers: dict[str, str | Secret] = {"content-type": "application/json", **self.headers}
        headers |= sign(delivery.id, int(time.time()), delivery.body, self.secret)
        return Request("POST", self.url, headers, delivery.body)


def sign(message_id: str, timestamp: int, body: bytes, keys: tuple[Secret, ...]) -> dict[str, str]:
    """The headers of Standard Webhooks; without keys there is no signature."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if keys:
        content = b".".join((message_id.encode(), str(timestamp).encode(), body))
        digests = (hmac.new(_key(each), content, hashlib.sha256).digest() for each in keys)
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return headers


def _key(key: Secret) -> bytes:
    try:
        return _decoded(key.reveal())
    except ValueError as problem:
        raise errors.Retry(str(problem)) from None


def _decoded(text: str) -> bytes:
    text = text.removeprefix(_PREFIX)
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        found = b""
    if not 24 <= len(found) <= 64:
        raise ValueError("a webhook secret is 'whsec_' and the base64 of 24 to 64 random bytes")
    return found
