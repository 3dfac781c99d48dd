"""What an email says, whichever way it is sent."""

from __future__ import annotations

import html

import attrs

from journeys import errors
from journeys.ports import Delivery
from journeys.runtime.destinations._contents import content, email_of, text_field
from journeys.runtime.destinations._fill import fill_text, scope


@attrs.frozen
class Letter:
    """An email to one person."""

    to: str
    subject: str
    text: str | None = attrs.field(repr=False)
    html: str | None = attrs.field(repr=False)


def letter(delivery: Delivery, *, subject: str | None, text: str | None, html_text: str | None) -> Letter:
    """The content's own ``subject``, ``text`` (or ``body``) and ``html``, else the templates of the settings."""
    values, known = content(delivery), scope(delivery)
    own = {"subject": text_field(values, "subject"), "text": text_field(values, "text", "body")}
    own["html"] = text_field(values, "html")
    if own["text"] is None and own["html"] is None:
        own["text"] = None if text is None else fill_text(text, known)
        own["html"] = None if html_text is None else fill_text(html_text, known, html.escape)
    title = own["subject"] or (None if subject is None else fill_text(subject, known))
    if not title:
        raise errors.Rejected("there is no subject: map the field 'subject', or give the destination one")
    if not (own["text"] or own["html"]):
        raise errors.Rejected("there is no text: map the field 'text' or 'html', or give the destination one")
    return Letter(email_of(delivery), title, own["text"], own["html"])
