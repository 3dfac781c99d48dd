"""Secrets that are resolved when they are needed and shown nowhere."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from journeys import errors

MASK = "[secret]"


class Secret:
    """A text that does not show itself: not in ``repr``, ``str``, a format or a pickle. ``reveal()`` tells it."""

    __slots__ = ("_name", "_source")

    def __init__(self, source: str | Callable[[], str], *, name: str = "") -> None:
        if isinstance(source, str) and not source:
            raise ValueError("a secret must not be empty")
        self._source = source
        self._name = name

    def reveal(self) -> str:
        """The secret itself."""
        return self._source if isinstance(self._source, str) else self._source()

    def __repr__(self) -> str:
        return f"Secret({self._name or '…'})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: name it with env() where it is used")


#: a secret, or its text
SecretText = Secret | str


def env(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """The secret in an environment variable, read each time it is needed, so that it can be rotated."""

    def read() -> str:
        value = (os.environ if environ is None else environ).get(name)
        if not value:
            raise errors.Retry(f"the environment variable {name} is not set")
        return value

    return Secret(read, name=name)


def secret(value: SecretText) -> Secret:
    """A secret from itself or from its text."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise TypeError(f"expected a secret or its text, got {type(value).__name__}")


def optional_secret(value: SecretText | None) -> Secret | None:
    """A secret, or None."""
    return None if value is None else secret(value)


def secrets(value: SecretText | Iterable[SecretText] | None) -> tuple[Secret, ...]:
    """One secret, several, or none."""
    if value is None:
        return ()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(map(secret, value))
    return (secret(value),)


def bearer(token: Secret, scheme: str = "Bearer") -> Secret:
    """The value of an ``Authorization`` header."""
    return Secret(lambda: f"{scheme} {token.reveal()}")


def basic(user: SecretText, password: SecretText) -> Secret:
    """The value of an ``Authorization`` header with HTTP basic authentication."""

    def build() -> str:
        pair = f"{_text(user)}:{_text(password)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    return Secret(build)


def _text(value: SecretText) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def secrets_in(value: Any) -> list[Secret]:
    """The secrets inside a setting."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, Mapping):
        return [found for each in value.values() for found in secrets_in(each)]
    if isinstance(value, (tuple, list)):
        return [found for each in value for found in secrets_in(each)]
    return []


def masked(text: str, hidden: Iterable[Secret]) -> str:
    """The text without the secrets, in whatever form a request or an answer may carry them."""
    forms: set[str] = set()
    for each in hidden:
        try:
            plain = each.reveal()
        except errors.Retry:
            continue
        encoded = base64.b64encode(plain.encode()).decode()
        forms |= {plain, json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1], quote(plain, safe="")}
        forms |= {quote(plain), quote_plus(plain), encoded, encoded.rstrip("=")}
        if " " in plain:  # "Bearer x": what follows is the secret
            forms.add(plain.split(" ", 1)[1])
    for form in sorted(forms, key=len, reverse=True):
        if form:
            text = text.replace(form, MASK)
    return text
