"""``SendGrid``: email through the v3 Mail Send API.

References: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send (``POST /v3/mail/send``, bearer
token, 202 is success; ``personalizations`` say to whom, ``template_id`` with ``dynamic_template_data`` or ``subject``
with ``content`` say what, ``custom_args`` are texts that come back in its events),
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors (400s are final) and
https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors (403 is "too many bad
requests, temporary block", 429 too many requests). There is no idempotency key.
"""

from __future__ import annotations

from typing import Any

import attrs

from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import PYTHON, SECRET, Adapter, setting
from journeys.runtime.destinations._contents import content, email_of, text_field
from journeys.runtime.destinations._fill import check_template
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._letters import letter
from journeys.runtime.destinations._secrets import Secret, bearer, secret

REGIONS = {"us": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}


@attrs.frozen(eq=False, slots=False)
class SendGrid(Adapter):
    """Sends an email from ``sender``, by a dynamic template or with a text of its own.

    ``template_id``, here or in the content, chooses a dynamic template, which gets the whole content as its data.
    Else ``subject``, ``text`` and ``html`` are as for ``SMTP``.
    """

    api_key: Secret = attrs.field(converter=secret, metadata=SECRET)
    sender: str = attrs.field(kw_only=True)
    sender_name: str | None = attrs.field(default=None, kw_only=True)
    template_id: str | None = attrs.field(default=None, kw_only=True)
    subject: str | None = attrs.field(default=None, kw_only=True)
    text: str | None = attrs.field(default=None, kw_only=True)
    html: str | None = attrs.field(default=None, kw_only=True)
    region: str = attrs.field(default="us", kw_only=True, validator=one_of(REGIONS))
    base_url: str | None = attrs.field(default=None, kw_only=True, metadata=PYTHON)

    reset_header = "x-ratelimit-reset"  # in seconds since 1970
    calls = frozenset(("track", "identify", "mapped", "message"))

    def __attrs_post_init__(self) -> None:
        for name in ("subject", "text", "html"):
            with setting(name):
                check_template(getattr(self, name))

    def request(self, delivery: Delivery) -> Request:
        """One email to one person."""
        values = content(delivery)
        sender = {"email": self.sender} | ({"name": self.sender_name} if self.sender_name else {})
        person: dict[str, Any] = {"to": [{"email": email_of(delivery)}], "custom_args": {"delivery_id": delivery.id}}
        mail: dict[str, Any] = {"personalizations": [person], "from": sender}
        template = text_field(values, "template_id") or self.template_id
        if template is not None:
            mail["template_id"] = template
            data = values.get("data") if isinstance(values.get("data"), dict) else values
            person["dynamic_template_data"] = data
        else:
            wanted = letter(delivery, subject=self.subject, text=self.text, html_text=self.html)
            mail["subject"] = wanted.subject
            # text/plain comes first: Mail Send refuses another order
            parts = (("text/plain", wanted.text), ("text/html", wanted.html))
            mail["content"] = [{"type": kind, "value": value} for kind, value in parts if value]
        url = f"{self.base_url or REGIONS[self.region]}/v3/mail/send"
        return json_request("POST", url, mail, {"authorization": bearer(self.api_key)})

    def verdict(self, answer: Answer) -> None:
        """403 is tried again where it is a temporary block, not where the key may not send."""
        blocked = answer.status == 403 and "too many" in answer.text.lower()
        self.judge(answer, also_retry=(403,) if blocked else ())
