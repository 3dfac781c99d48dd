"""``Slack``: messages through an incoming webhook.

Reference: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks — the URL is itself a secret;
``text`` is needed, ``blocks`` are welcome; 200 ``ok`` is success, errors are words in the body of 4xx answers
(``invalid_payload``, ``channel_is_archived``, ``no_service`` …), and of a 429 with ``Retry-After`` at more than about
one message a second (https://docs.slack.dev/apis/web-api/rate-limits). ``&``, ``<`` and ``>`` are control characters
(https://docs.slack.dev/messaging/formatting-message-text).
"""

from __future__ import annotations

from typing import Any

import attrs

from journeys import errors
from journeys.ports import Delivery
from journeys.runtime.destinations._base import SECRET, Adapter, setting
from journeys.runtime.destinations._contents import content
from journeys.runtime.destinations._fill import check_template, fill_text, scope
from journeys.runtime.destinations._http import Request, json_request
from journeys.runtime.destinations._safety import check_url
from journeys.runtime.destinations._secrets import Secret, secret

MAX_TEXT = 40_000


@attrs.frozen(eq=False, slots=False)
class Slack(Adapter):
    """Posts a message to the channel of an incoming webhook.

    ``text`` is a template. A mapping, or the template of a ``send_message``, is the message itself: ``text``,
    ``blocks`` … Values cannot call ``@channel`` and its like unless ``mentions`` is true.
    """

    url: Secret = attrs.field(converter=secret, metadata=SECRET)
    text: str = attrs.field(default='{{ event | default: "identified" }}: {{ delivery.profile }}', kw_only=True)
    mentions: bool = attrs.field(default=False, kw_only=True)

    calls = frozenset(("track", "identify", "mapped", "message"))

    def __attrs_post_init__(self) -> None:
        with setting("text"):
            check_template(self.text)
        try:
            url = self.url.reveal()
        except errors.Retry:
            return
        with setting("url"):
            check_url(url, self.network)

    def request(self, delivery: Delivery) -> Request:
        """One message."""
        message = dict(content(delivery)) if delivery.call in ("mapped", "message") else {}
        if not {"text", "blocks", "attachments"} & message.keys():
            message["text"] = fill_text(self.text, scope(delivery), _escaped)
        if not self.mentions:
            message = _quiet(message)
        if isinstance(message.get("text"), str) and len(message["text"]) > MAX_TEXT:
            raise errors.Rejected(f"the text is over Slack's {MAX_TEXT:,} characters")
        url = self.url.reveal()
        try:
            check_url(url, self.network)
        except ValueError as problem:
            raise errors.Rejected(f"the URL of the webhook cannot be used: {problem}") from None
        return json_request("POST", url, message)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quiet(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("<!", "&lt;!")
    if isinstance(value, dict):
        return {name: _quiet(each) for name, each in value.items()}
    return [_quiet(each) for each in value] if isinstance(value, list) else value
