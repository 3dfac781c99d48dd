"""What every destination promises, asked of each that is registered: a new one is tested by being there."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sqlite3
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import attrs
import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys import Evaluator, errors, load_space
from journeys.destinations import HTTP, SMTP, Adapter, build_destination
from journeys.model.space import DestinationDefinition
from journeys.runtime.destinations.registry import TYPES
from tests.runtime.destinations.support import LOCAL, TRACK, delivery, listed, raw_server
from tests.runtime.destinations.test_email import MailServer
from tests.runtime.destinations.test_registry import EXAMPLES, LISTS
from tests.support import ad, journey, send, space

TAGS = sorted(TYPES)
OVER_HTTP = [tag for tag in TAGS if issubclass(TYPES[tag], Adapter) and TYPES[tag] is not SMTP]
#: what a vendor says that has taken the delivery
TAKEN = {"mixpanel": {"status": 1}, "iterable": {"code": "Success"}}
PAYLOAD = TRACK | {"properties": TRACK["properties"] | {"text": "Your cart", "subject": "Hello"}}


def environ_of(tag: str, token: str) -> dict[str, str]:
    """Secrets with the token in them, in the form that the vendor's have."""
    framed = {
        "webhook": "whsec_" + base64.b64encode(token.encode().ljust(24, b"-")[:64]).decode(),
        "mailchimp": f"{token}-us6",
        "slack": f"https://hooks.slack.example/services/{quote(token, safe='')}",
    }
    return dict.fromkeys(("KEY", "WHSEC", "MC", "URL"), framed.get(tag, token))


class Vendor:
    """Answers every request, and remembers it."""

    def __init__(self, status: int = 200, body: Any = None) -> None:
        self.status, self.body = status, body
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, str(request.url), dict(request.headers), request.content))
        body = self.body(request) if callable(self.body) else self.body
        content = {"text": body} if isinstance(body, str) else {"json": body}
        return httpx.Response(self.status, headers={"set-cookie": "seen=1"}, **content)


def made(tag: str, directory: Path, token: str = "taint-0123456789", vendor: Vendor | None = None) -> Any:
    definition = DestinationDefinition(tag, list=tag in LISTS, options=EXAMPLES.get(tag, {}))
    built = build_destination(
        "email", definition, environ=environ_of(tag, token), directory=directory, functions={"email": print}
    )
    if vendor is None or tag not in OVER_HTTP:
        return built
    return attrs.evolve(built, transport=httpx.MockTransport(vendor))


def usual(tag: str, **traits: Any) -> Any:
    return listed("add", "u1", email="ada@example.com", **traits) if tag in LISTS else delivery(PAYLOAD)


def too_large(tag: str) -> Any:
    if tag in LISTS:
        return listed("add", "u1", email="ada@example.com", text="x" * 33_000)
    return delivery(PAYLOAD | {"properties": PAYLOAD["properties"] | {"more": "x" * 33_000}})


def timeless(requests: Any) -> Any:
    """Without what the second of the try decides."""
    return [
        (method, url, {n: v for n, v in headers.items() if n not in ("webhook-timestamp", "webhook-signature")}, body)
        for method, url, headers, body in requests
    ]


@pytest.mark.parametrize("tag", TAGS)
def test_its_settings_are_a_frozen_class_and_its_facts_are_cited(tag: str) -> None:
    kind = TYPES[tag]
    assert kind.__doc__
    if tag in ("record", "function"):
        return
    assert attrs.has(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        kind.__setattr__(object.__new__(kind), "x", 1)
    if issubclass(kind, Adapter) and kind is not HTTP:
        text = sys.modules[kind.__module__].__doc__ or ""
        assert "https://" in text or "RFC" in text


@pytest.mark.parametrize("tag", TAGS)
def test_a_trial_shows_what_is_sent_without_sending(tag: str, tmp_path: Path) -> None:
    vendor = Vendor(body=TAKEN.get(tag, {}))
    destination = made(tag, tmp_path, vendor=vendor)
    trial = destination.test(usual(tag))
    assert trial.outcome == "not sent" and trial.requests and not vendor.requests
    assert "taint" not in str(trial) + repr(trial)
    if tag in OVER_HTTP:
        shown = asyncio.run(destination.test_async(usual(tag)))
        assert [(each.method, each.url, each.body) for each in shown.requests] == [
            (each.method, each.url, each.body) for each in trial.requests
        ]
        sent = destination.test(usual(tag), send=True)
        assert sent.outcome == "done"
        assert len(trial.requests) == len(vendor.requests) == len(sent.answers)


@pytest.mark.parametrize("tag", TAGS)
def test_it_has_a_twin_that_is_awaited(tag: str, tmp_path: Path) -> None:
    vendor = Vendor(body=TAKEN.get(tag, {}))
    destination = made(tag, tmp_path, vendor=vendor)
    if tag == "smtp":  # test_email runs both
        return
    destination.deliver(usual(tag))
    first, vendor.requests = vendor.requests, []
    asyncio.run(destination.deliver_async(usual(tag)))
    assert timeless(first) == timeless(vendor.requests)
    assert bool(first) == (tag in OVER_HTTP)
    if tag in LISTS:
        destination.deliver_batch([usual(tag)])
        asyncio.run(destination.deliver_batch_async([usual(tag)]))


@pytest.mark.parametrize("tag", TAGS)
def test_a_payload_over_32_kb_is_rejected(tag: str, tmp_path: Path) -> None:
    vendor = Vendor()
    destination = made(tag, tmp_path, vendor=vendor)
    ways = [
        lambda: destination.deliver(too_large(tag)),
        lambda: asyncio.run(destination.deliver_async(too_large(tag))),
    ]
    if tag in LISTS:
        ways += [
            lambda: destination.deliver_batch([too_large(tag)]),
            lambda: asyncio.run(destination.deliver_batch_async([too_large(tag)])),
        ]
    for deliver in ways:
        with pytest.raises(errors.Rejected, match="over 32,768"):
            deliver()
    assert destination.test(too_large(tag)).outcome == "rejected"
    assert not vendor.requests


@pytest.mark.parametrize("tag", OVER_HTTP)
def test_it_has_connections_of_its_own_and_no_cookies(tag: str, tmp_path: Path) -> None:
    vendor = Vendor(body=TAKEN.get(tag, {}))
    destination, other = made(tag, tmp_path, vendor=vendor), made(tag, tmp_path)
    assert made(tag, tmp_path)._own is not other._own
    for _ in range(2):
        destination.deliver(usual(tag))
    assert len(vendor.requests) == 2
    assert not any("cookie" in headers for _, _, headers, _ in vendor.requests)


@pytest.mark.parametrize("tag", OVER_HTTP)
@pytest.mark.parametrize(
    ("status", "error"), [(400, errors.Rejected), (301, errors.Rejected), (429, errors.Retry), (500, errors.Retry)]
)
def test_the_usual_failures(tag: str, status: int, error: type[Exception], tmp_path: Path) -> None:
    destination = made(tag, tmp_path, vendor=Vendor(status, {"message": "no"}))
    with pytest.raises(error):
        destination.deliver(usual(tag))


# ---------------------------------------------------------------------------------------------------- what is secret


def forms(secret: str) -> set[str]:
    """What would give a secret away."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret), encoded}


def echoing(tag: str, token: str, *, is_json: bool = True) -> Any:
    """A vendor that repeats all it was told, in its own ways."""
    known = sorted(set().union(*map(forms, secrets_of(tag, token))))

    def echo(request: httpx.Request) -> Any:
        headers = {name: value for name, value in request.headers.items() if name != "webhook-signature"}
        text = request.content.decode("utf-8", "replace")
        said = [*known, str(request.url), *headers.values(), text]
        return {"code": "Failed", "message": said, "errors": [text], "status": 0} if is_json else "\n".join(said)

    return echo


def secrets_of(tag: str, token: str) -> set[str]:
    return {*environ_of(tag, token).values()}


def given_away(told: str, tag: str, token: str) -> list[str]:
    return [form for each in secrets_of(tag, token) for form in forms(each) if form in told]


TOKENS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="\x7f"), min_size=8, max_size=40
).map(lambda text: f"Tq7{text}")
WITH_SECRETS = [tag for tag in TAGS if "env" in json.dumps(EXAMPLES.get(tag, {}))]


def test_every_type_with_a_secret_is_among_them() -> None:
    marked = {
        tag for tag in TAGS if attrs.has(TYPES[tag]) and any(f.metadata.get("secret") for f in attrs.fields(TYPES[tag]))
    }
    assert marked == set(WITH_SECRETS)


@pytest.mark.parametrize("tag", WITH_SECRETS)
@settings(max_examples=15, deadline=None)
@example(token='Tq7 "ü\\ß/+%~x', status=200)
@example(token='Tq7 "ü\\ß/+%~x', status=403)
@given(token=TOKENS, status=st.sampled_from([200, 302, 400, 401, 403, 429, 500]))
def test_no_secret_is_told(tag: str, token: str, status: int) -> None:
    """Not in a repr, a trial, an error or a log, however the vendor repeats it."""
    vendor = Vendor(status, echoing(tag, token, is_json=status in (200, 400)))
    destination = made(tag, Path("/nowhere"), token, vendor)
    told = [repr(destination), str(destination), f"{destination}", repr(attrs.asdict(destination, recurse=False))]
    records: list[str] = []
    handler = logging.Handler(0)
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(0)
    try:
        told += [str(destination.test(usual(tag))), repr(destination.test(usual(tag)))]
        if tag != "smtp":
            trial = destination.test(usual(tag), send=True)
            told += [str(trial), repr(trial)]
            try:
                destination.deliver(usual(tag))
            except (errors.Retry, errors.Rejected) as error:
                told += [str(error), repr(error), error.reason, str(error.__cause__), str(error.args)]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert given_away("\n".join(told + records), tag, token) == []


@pytest.mark.parametrize("reply", ["535 no: {}", "454 later: {}", "235 ok {}"])
def test_no_password_is_told_by_a_mail_server(reply: str) -> None:
    token = "taint-0123456789"
    said = {"auth": reply.format(token), "rcpt": f"550 {token}"}
    with raw_server(MailServer(**said)) as port:
        destination = SMTP(
            "127.0.0.1", sender="a@b.example", port=port, security="none", username="u", password=token, network=LOCAL,
            text="x", subject="x",
        )  # fmt: skip
        trial = destination.test(delivery(PAYLOAD), send=True)
        assert trial.outcome in ("retry", "rejected")
        assert token not in str(trial) + repr(trial) + repr(destination)


@pytest.mark.parametrize("tag", WITH_SECRETS)
def test_no_secret_is_stored(tag: str, tmp_path: Path) -> None:
    """Neither in the trace nor in a dead letter, nor anywhere else in the store."""
    token = "taint-0123456789"
    destination = made(tag, tmp_path, token, Vendor(400, echoing(tag, token)))
    if tag == "smtp":  # its own test is above; here nobody answers
        destination = attrs.evolve(destination, network=attrs.evolve(LOCAL, resolve=lambda host, port: ["127.0.0.1"]))
    step = ad() if tag in LISTS else send(traits=["email", "phone", "text"])
    kind = {"type": "record", "list": True} if tag in LISTS else {"type": "record"}
    document = space(journey({"go": step}), destinations={"ads" if tag in LISTS else "email": kind})
    database = tmp_path / "journeys.db"
    traits = {"email": "ada@example.com", "phone": "+4915112345678", "text": "Hi"}
    [key] = document["destinations"]
    with Evaluator(load_space(document), destinations={key: destination}, store=f"sqlite:///{database}") as evaluator:
        evaluator.identify("u1", traits)
        evaluator.track("u1", "Start")
        evaluator.deliver()
        shown = [json.dumps(record) for record in evaluator.trace()]
        letters = [str(each) for each in evaluator.store.dead_letters(None, 10)]
        assert len(shown) > 2 and (letters or tag == "smtp")
    with sqlite3.connect(database) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    stored = b"".join(each.read_bytes() for each in tmp_path.glob("journeys.db*")).decode("latin-1")
    assert given_away("\n".join([*shown, *letters, dump, stored]), tag, token) == []
