"""``HTTP``: any vendor with an HTTP API, described instead of programmed.

Method, URL, headers and body are templates (``{{ properties.email }}``, see ``_fill``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from journeys import errors
from journeys._time import described
from journeys.model._fields import one_of
from journeys.plan.values import ABSENT, text_of
from journeys.ports import Delivery
from journeys.runtime.destinations._base import SECRET, Adapter, WrongSetting, setting
from journeys.runtime.destinations._fill import check_template, fill, fill_text, scope, without_tags
from journeys.runtime.destinations._http import Answer, Request, check_headers, json_bytes
from journeys.runtime.destinations._safety import check_url
from journeys.runtime.destinations._secrets import Secret, basic, bearer, optional_secret

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_BODILESS = ("DELETE", "GET")


def _statuses(values: Any) -> frozenset[int]:
    found = frozenset(values)
    if not all(type(each) is int and 300 <= each < 600 for each in found):
        raise ValueError("expected a list of HTTP statuses from 300 to 599")
    return found


@attrs.frozen(eq=False, slots=False)
class HTTP(Adapter):
    """Sends a request for each delivery.

    Without ``body`` the payload is sent as it is; with ``form=True`` the body is a form. ``query`` adds to the URL,
    also what is secret; ``token`` goes into an ``Authorization: Bearer`` header, ``username`` and ``password`` into
    basic authentication. ``retry`` and ``done`` name statuses whose meaning differs from the usual. Values in the URL
    are escaped, and none may stand in its host.
    """

    url: str = attrs.field(repr=False)
    method: str = attrs.field(default="POST", kw_only=True, validator=one_of(METHODS))
    headers: Mapping[str, str | Secret] = attrs.field(factory=dict, converter=check_headers, repr=False, kw_only=True)
    query: Mapping[str, str | Secret] = attrs.field(factory=dict, repr=False, kw_only=True)
    body: Any = attrs.field(default=None, kw_only=True)
    form: bool = attrs.field(default=False, kw_only=True)
    token: Secret | None = attrs.field(default=None, converter=optional_secret, metadata=SECRET, kw_only=True)
    username: str | None = attrs.field(default=None, kw_only=True)
    password: Secret | None = attrs.field(default=None, converter=optional_secret, metadata=SECRET, kw_only=True)
    retry: frozenset[int] = attrs.field(default=frozenset(), converter=_statuses, kw_only=True)
    done: frozenset[int] = attrs.field(default=frozenset(), converter=_statuses, kw_only=True)
    list: bool = attrs.field(default=False, kw_only=True)

    calls = frozenset(("track", "identify", "mapped", "message", "add", "remove"))

    def __attrs_post_init__(self) -> None:
        with setting("url"):
            if not isinstance(self.url, str):
                raise TypeError(f"expected a URL, got {described(self.url)}")
            authority = self.url.partition("://")[2].partition("/")[0].partition("?")[0]
            if "{{" in authority:
                raise ValueError("the host of a URL is fixed: tags may stand in its path and its query")
            check_url(without_tags(self.url), self.network)
        for name in ("url", "headers", "query", "body"):
            with setting(name):
                check_template(getattr(self, name))
        if self.username is not None and self.token is not None:
            raise WrongSetting("token", "give either a token or a username and password")
        if self.list:
            self._becomes_a_list()

    def request(self, delivery: Delivery) -> Request:
        """The templates, filled."""
        values = scope(delivery)
        url = fill_text(self.url, values, _escaped)
        try:
            check_url(url, self.network)
        except ValueError as problem:
            raise errors.Rejected(f"the filled URL cannot be used: {problem}") from None
        if self.query:
            filled = {name: _plain(value, values) for name, value in self.query.items()}
            url += ("&" if "?" in url else "?") + urlencode(filled)
        headers: dict[str, str | Secret] = {}
        body = self._body(delivery, values)
        if body or self.method not in _BODILESS:
            headers["content-type"] = "application/x-www-form-urlencoded" if self.form else "application/json"
        if self.token is not None:
            headers["authorization"] = bearer(self.token)
        elif self.username is not None:
            headers["authorization"] = basic(self.username, self.password or "")
        for name, value in self.headers.items():
            headers[name.lower()] = value if isinstance(value, Secret) else fill_text(value, values)
        return Request(self.method, url, headers, body)

    def _body(self, delivery: Delivery, values: Mapping[str, Any]) -> bytes:
        if self.body is None and not self.form:
            return b"" if self.method in _BODILESS else delivery.body
        filled = delivery.payload if self.body is None else fill(self.body, values)
        if self.form:
            if not isinstance(filled, dict):
                raise errors.Rejected("a form is made of an object")
            return urlencode({name: text_of(value) for name, value in filled.items()}).encode()
        return b"" if filled is ABSENT else json_bytes(filled)

    def verdict(self, answer: Answer) -> None:
        """The usual, with what the settings say of statuses."""
        self.judge(answer, also_retry=self.retry, also_done=self.done)


def _plain(value: str | Secret, values: Mapping[str, Any]) -> str:
    return value.reveal() if isinstance(value, Secret) else fill_text(value, values)


def _escaped(text: str) -> str:
    if text in ("", ".", ".."):
        raise errors.Rejected("a value in the URL is absent, empty or made of dots")
    return quote(text, safe="")
