from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from journeys import errors
from journeys.destinations import Webhook, env
from journeys.runtime.destinations._secrets import secret
from journeys.runtime.destinations.webhook import sign
from tests.runtime.destinations.support import LOCAL, Server, delivery

OLD = "whsec_" + base64.b64encode(bytes(range(24))).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(64))).decode()


def test_signature_verifies_with_the_reference_library(server: Server, send) -> None:
    send(Webhook(f"{server.url}/hook?x=1", secret=OLD, network=LOCAL), delivery())
    request = server.last
    assert (request.method, request.path, request.query) == ("POST", "/hook", {"x": ["1"]})
    assert request.headers["content-type"] == "application/json"
    assert request.body == delivery().body  # D3: the same bytes
    assert request.headers["webhook-id"] == delivery().id
    Verifier(OLD).verify(request.body, request.headers)


def test_the_vector_of_the_specification() -> None:
    body = b'{"test": 2432232314}'
    key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, (key,))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_during_a_rotation(server: Server) -> None:
    with Webhook(server.url, secret=[NEW, OLD], network=LOCAL) as hook:
        hook.deliver(delivery())
    assert len(server.last.headers["webhook-signature"].split(" ")) == 2
    for key in (OLD, NEW):
        Verifier(key).verify(server.last.body, server.last.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + base64.b64encode(b"x" * 24).decode()).verify(server.last.body, server.last.headers)


@pytest.mark.parametrize("change", ["body", "id", "time", "old"])
def test_what_was_changed_does_not_verify(change: str) -> None:
    body, now = delivery().body, int(time.time())
    headers = sign("m1", now - 3600 if change == "old" else now, body, (secret(OLD),))
    if change == "body":
        body = body.replace(b"Cart", b"Dart")
    elif change == "id":
        headers["webhook-id"] = "m2"
    elif change == "time":
        headers["webhook-timestamp"] = str(now + 1)
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD).verify(body, headers)


def test_every_try_has_the_same_id_and_body(server: Server) -> None:
    server.reply(503)
    with Webhook(server.url, secret=OLD, network=LOCAL) as hook:
        with pytest.raises(errors.Retry):
            hook.deliver(delivery())
        hook.deliver(delivery())
    first, second = server.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_without_a_secret_there_is_no_signature(server: Server) -> None:
    with Webhook(server.url, headers={"X-Shop": "eu"}, network=LOCAL) as hook:
        hook.deliver(delivery())
    assert "webhook-signature" not in server.last.headers
    assert server.last.headers["x-shop"] == "eu"


@pytest.mark.parametrize("bad", ["whsec_short", "whsec_" + "A" * 4, "not base64 at all!", "whsec_" + "A" * 200])
def test_bad_secrets_are_told_at_once_and_not_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="24 to 64") as told:
        Webhook("https://hooks.example", secret=bad)
    assert bad not in str(told.value)


def test_a_secret_from_the_environment_is_read_at_each_try(server: Server, monkeypatch) -> None:
    with Webhook(server.url, secret=env("HOOK"), network=LOCAL) as hook:
        with pytest.raises(errors.Retry, match="HOOK is not set"):
            hook.deliver(delivery())
        for key in (OLD, NEW):
            monkeypatch.setenv("HOOK", key)
            hook.deliver(delivery())
            Verifier(key).verify(server.last.body, server.last.headers)


@pytest.mark.parametrize("name", ["Host", "content-length", "webhook-id", "Transfer-Encoding", "a b", "x\r\ny"])
def test_headers_that_are_not_to_be_set(name: str) -> None:
    with pytest.raises(ValueError):
        Webhook("https://hooks.example", headers={name: "x"})


def test_as_a_list_it_takes_batches(server: Server) -> None:
    hook = Webhook(server.url, list=True, network=LOCAL)
    with hook:
        hook.deliver_batch([delivery(call="add", id="1"), delivery(call="remove", id="2")])
    assert [each.headers["webhook-id"] for each in server.requests] == ["1", "2"]
    assert not hasattr(Webhook(server.url, network=LOCAL), "deliver_batch")
