"""``Twilio``: SMS and WhatsApp messages.

Reference: https://www.twilio.com/docs/messaging/api/message-resource — a form posted to
``/2010-04-01/Accounts/{sid}/Messages.json`` with ``To``, ``From`` or ``MessagingServiceSid``, and ``Body`` (at most
1,600 characters, error 21617) or ``ContentSid`` with ``ContentVariables``; WhatsApp addresses are ``whatsapp:+49…``;
201 is success, an error is JSON with ``code`` and ``message``; 429 asks to come back later
(https://www.twilio.com/docs/api/errors/20429). There is no idempotency key: a message whose answer was lost is sent
again.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import attrs

from journeys import errors
from journeys.model._fields import one_of
from journeys.plan.values import compact
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, setting
from journeys.runtime.destinations._contents import content, text_field
from journeys.runtime.destinations._fill import check_template, fill_text, scope
from journeys.runtime.destinations._http import Request
from journeys.runtime.destinations._secrets import Secret, basic, secret

CHANNELS = ("sms", "whatsapp")
MAX_BODY = 1600
_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)


@attrs.frozen(eq=False, slots=False)
class Twilio(Adapter):
    """Sends a message from ``sender``, a number, or from a messaging service (``MG…``).

    The recipient is the content's ``to`` or ``phone``; the text its ``body`` or ``text``, else ``text`` here, a
    template; ``content_sid`` and ``content_variables`` choose an approved template, which WhatsApp asks for outside an
    open conversation.
    """

    account_sid: str = attrs.field(validator=attrs.validators.matches_re(r"AC[0-9a-fA-F]{32}"))
    auth_token: Secret = attrs.field(converter=secret, metadata=SECRET, kw_only=True)
    sender: str = attrs.field(kw_only=True)
    api_key: str | None = attrs.field(default=None, kw_only=True)
    channel: str = attrs.field(default="sms", kw_only=True, validator=one_of(CHANNELS))
    text: str | None = attrs.field(default=None, kw_only=True)
    content_sid: str | None = attrs.field(default=None, kw_only=True)
    base_url: str = attrs.field(default="https://api.twilio.com", kw_only=True, metadata=PYTHON)

    calls = frozenset(("track", "identify", "mapped", "message"))

    def __attrs_post_init__(self) -> None:
        with setting("text"):
            check_template(self.text)

    def request(self, delivery: Delivery) -> Request:
        """One message."""
        values = content(delivery)
        number = (text_field(values, "to", "phone") or "").removeprefix("whatsapp:")
        if not _E164.fullmatch(number):
            raise errors.Rejected("there is no phone number like +4915112345678 in 'to' or 'phone'")
        form = {"To": self._address(number)}
        if self.sender.startswith("MG"):
            form["MessagingServiceSid"] = self.sender
        else:
            form["From"] = self._address(self.sender.removeprefix("whatsapp:"))
        template = text_field(values, "content_sid") or self.content_sid
        if template is not None:
            form["ContentSid"] = template
            if variables := values.get("content_variables"):
                form["ContentVariables"] = variables if isinstance(variables, str) else compact(variables)
        else:
            form["Body"] = self._body(delivery)
        user = self.api_key or self.account_sid
        headers: dict[str, str | Secret] = {
            "authorization": basic(user, self.auth_token),
            "content-type": "application/x-www-form-urlencoded",
        }
        url = f"{self.base_url}/2010-04-01/Accounts/{self.account_sid}/Messages.json"
        return Request("POST", url, headers, urlencode(form).encode())

    def _address(self, number: str) -> str:
        return f"whatsapp:{number}" if self.channel == "whatsapp" else number

    def _body(self, delivery: Delivery) -> str:
        body = text_field(content(delivery), "body", "text")
        if body is None and self.text is not None:
            body = fill_text(self.text, scope(delivery))
        if not body:
            raise errors.Rejected("there is no text: map the field 'body', or give the destination a text")
        if len(body) > MAX_BODY:
            raise errors.Rejected(f"the text of {len(body):,} characters is over Twilio's {MAX_BODY:,}")
        return body
