from __future__ import annotations

import asyncio
import email.utils
import logging
import ssl
import threading
import time

import attrs
import httpx
import pytest

from journeys import errors
from journeys.destinations import HTTP, Network, Webhook
from journeys.runtime.destinations import _http
from tests.runtime.destinations.support import (
    CERTIFICATE,
    LOCAL,
    Server,
    deliver_async,
    deliver_sync,
    delivery,
    raw_server,
)


def outcome(send, destination) -> Exception | None:
    try:
        send(destination, delivery())
    except (errors.Retry, errors.Rejected) as error:
        return error
    return None


# ------------------------------------------------------------------------------------------------------ the verdict


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_done(server: Server, send, status: int) -> None:
    server.reply(status)
    assert outcome(send, Webhook(server.url, network=LOCAL)) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_tried_again(server: Server, send, status: int) -> None:
    server.reply(status, b"busy", retry_after="7")
    error = outcome(send, Webhook(server.url, network=LOCAL))
    assert isinstance(error, errors.Retry)
    assert (error.reason, error.after) == (f"status {status}: busy", 7.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451])
def test_final(server: Server, send, status: int) -> None:
    server.reply(status, b"no", location=f"{server.url}/elsewhere")
    assert isinstance(outcome(send, Webhook(server.url, network=LOCAL)), errors.Rejected)
    assert len(server.requests) == 1  # no redirect is followed


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("999999999", 86_400.0),  # capped
        ("99999999999999999999", None),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("٣", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),  # past
        ("Wed, 21 Oct 9999 07:28:00 GMT", 86_400.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after(header: str, expected: float | None) -> None:
    hook = Webhook("https://hooks.example", transport=httpx.MockTransport(
        lambda request: httpx.Response(503, headers=[(b"retry-after", header.encode())])
    ))  # fmt: skip
    error = outcome(deliver_sync, hook)
    assert isinstance(error, errors.Retry)
    assert error.after == expected


def test_retry_after_as_a_date_to_come() -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    hook = Webhook("https://hooks.example", transport=httpx.MockTransport(
        lambda request: httpx.Response(429, headers={"retry-after": date})
    ))  # fmt: skip
    error = outcome(deliver_sync, hook)
    assert isinstance(error, errors.Retry)
    assert error.after == pytest.approx(100, abs=3)


# ------------------------------------------------------------------------------------------------- time and amounts


def test_connection_refused_is_tried_again(send) -> None:
    with raw_server(lambda connection: None) as port:
        pass
    assert isinstance(outcome(send, Webhook(f"http://127.0.0.1:{port}", network=LOCAL)), errors.Retry)


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"220 mail.example ESMTP\r\n", b"\0" * 100_000],
    ids=["nothing", "half an answer", "another protocol", "noise"],
)
def test_broken_answers_are_tried_again(send, said: bytes) -> None:
    def talk(connection) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with raw_server(talk) as port:
        assert isinstance(outcome(send, Webhook(f"http://127.0.0.1:{port}", network=LOCAL)), errors.Retry)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_the_deadline_holds_for_the_whole_exchange(send, head: bytes) -> None:
    """A server that sends a byte now and then keeps within every timeout of a single read."""
    stop = threading.Event()

    def talk(connection) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while head and not stop.wait(0.05):
            connection.sendall(b"x")
        stop.wait(5)

    with raw_server(talk) as port:
        started = time.monotonic()
        network = attrs.evolve(LOCAL, timeout=0.4)
        error = outcome(send, Webhook(f"http://127.0.0.1:{port}", network=network))
        stop.set()
    assert isinstance(error, errors.Retry)
    assert 0.3 < time.monotonic() - started < 1.5


def test_the_deadline_holds_for_names_too(send) -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(1)
        return ["127.0.0.1"]

    network = Network(http=True, private=True, timeout=0.2, resolve=slow if send is deliver_async else None)
    original = _http._ask_system
    _http._ask_system = slow
    try:
        started = time.monotonic()
        assert isinstance(outcome(send, Webhook("http://hooks.test", network=network)), errors.Retry)
        if send is deliver_sync:
            assert time.monotonic() - started < 0.8
    finally:
        _http._ask_system = original


def test_answers_are_read_up_to_a_limit(send) -> None:
    sent = []

    def talk(connection) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(2000):
            connection.sendall(b"y" * 65536)
            sent.append(1)

    with raw_server(talk) as port:
        error = outcome(send, Webhook(f"http://127.0.0.1:{port}", network=LOCAL))
    assert isinstance(error, errors.Retry)
    assert len(error.reason) <= 200
    assert len(sent) < 200


def test_compressed_answers_are_not_unpacked(server: Server, send) -> None:
    server.reply(200, b"\x1f\x8b" + b"\0" * 50, content_encoding="gzip")
    assert outcome(send, Webhook(server.url, network=LOCAL)) is None
    assert server.last.headers["accept-encoding"] == "identity"


def test_large_payloads_are_rejected(server: Server, send) -> None:
    hook = Webhook(server.url, network=LOCAL)
    send(hook, delivery("x" * (32_768 - 2)))
    with pytest.raises(errors.Rejected, match="32,769 bytes is over 32,768"):
        send(hook, delivery("x" * (32_768 - 1)))
    assert len(server.requests) == 1


# --------------------------------------------------------------------------------------------------- the connection


def test_proxy_variables_are_ignored(server: Server, send, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert outcome(send, Webhook(server.url, network=LOCAL)) is None


def test_cookies_are_not_kept(server: Server, send) -> None:
    server.reply(200, b"", set_cookie="session=1; Path=/")
    send(Webhook(server.url, network=LOCAL), delivery(), delivery())
    assert all("cookie" not in each.headers for each in server.requests)


def test_threads_share_kept_connections(server: Server) -> None:
    with Webhook(server.url, network=LOCAL) as hook:
        for _ in range(5):
            hook.deliver(delivery())
    assert (len(server.requests), server.connections) == (5, 1)


def test_many_threads_at_once(server: Server) -> None:
    with Webhook(server.url, network=LOCAL) as hook:
        threads = [threading.Thread(target=hook.deliver, args=(delivery(id=f"{n:032x}"),)) for n in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert {each.headers["webhook-id"] for each in server.requests} == {f"{n:032x}" for n in range(20)}


def test_event_loops_keep_connections_where_their_end_is_told(server: Server) -> None:
    async def send() -> None:
        async with Webhook(server.url, network=LOCAL) as hook:
            for _ in range(5):
                await hook.deliver_async(delivery())

    asyncio.run(send())
    assert (len(server.requests), server.connections) == (5, 1)


def test_one_destination_in_several_event_loops(server: Server) -> None:
    hook = Webhook(server.url, network=LOCAL)
    for _ in range(3):
        asyncio.run(hook.deliver_async(delivery()))
    assert len(server.requests) == 3


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    def talk(connection) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw_server(talk) as port, Webhook(f"http://127.0.0.1:{port}", network=LOCAL) as hook:
        for _ in range(3):
            hook.deliver(delivery())
            time.sleep(0.02)


def test_the_next_address_is_tried() -> None:
    server = Server()
    with raw_server(lambda connection: None) as closed:
        pass
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.9", "127.0.0.1"]  # nothing listens on the first

    del closed
    with Webhook(f"http://hooks.test:{server.port}", network=attrs.evolve(LOCAL, resolve=resolve)) as hook:
        hook.deliver(delivery())
    deliver_async(Webhook(f"http://hooks.test:{server.port}", network=attrs.evolve(LOCAL, resolve=resolve)), delivery())
    server.close()
    assert [each.headers["host"] for each in server.requests] == [f"hooks.test:{server.port}"] * 2
    assert asked == ["hooks.test"] * 2


def test_tls_is_checked_against_the_name_and_not_the_address(send) -> None:
    server = Server(tls=True)
    network = Network(
        private=True, timeout=5, resolve=lambda host, port: ["127.0.0.1"],
        ssl_context=ssl.create_default_context(cafile=str(CERTIFICATE)),
    )  # fmt: skip
    try:
        assert outcome(send, Webhook(f"https://hooks.test:{server.port}/x", network=network)) is None
        assert server.last.headers["host"] == f"hooks.test:{server.port}"
        wrong = outcome(send, Webhook(f"https://other.test:{server.port}/x", network=network))
        untrusted = attrs.evolve(network, ssl_context=None)
        unknown = outcome(send, Webhook(f"https://hooks.test:{server.port}/x", network=untrusted))
    finally:
        server.close()
    assert isinstance(wrong, errors.Retry)
    assert "CERTIFICATE_VERIFY_FAILED" in wrong.reason
    assert isinstance(unknown, errors.Retry)
    assert len(server.requests) == 1


# ----------------------------------------------------------------------------------------------------- what is told


def test_errors_do_not_repeat_what_the_payload_says_of_a_person(server: Server, send) -> None:
    server.reply(400, {"error": "user u1: ada@example.com is invalid, phone +4915112345678", "code": "bad_email"})
    error = outcome(send, Webhook(server.url, network=LOCAL))
    assert isinstance(error, errors.Rejected)
    assert "bad_email" in error.reason
    assert "example.com" not in error.reason
    assert "+49151" not in error.reason


def test_errors_are_one_short_line(server: Server, send) -> None:
    server.reply(400, b"a\nb\x1b[31m\x00" + b"c" * 5000)
    error = outcome(send, Webhook(server.url, network=LOCAL))
    assert isinstance(error, errors.Rejected)
    assert len(error.reason) <= 200
    assert error.reason.isprintable()


def test_nothing_secret_is_logged(server: Server, send, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = HTTP(f"{server.url}/path-taint?q=query-taint", token="token-taint", network=LOCAL)
    send(vendor, delivery())
    assert "taint" not in caplog.text
    assert "taint" not in repr(vendor)


def test_a_header_that_cannot_be_sent_is_rejected(server: Server, send) -> None:
    vendor = HTTP(server.url, headers={"x-name": "{{ properties.name }}"}, network=LOCAL)
    with pytest.raises(errors.Rejected, match="x-name"):
        send(vendor, delivery({"properties": {"name": "a\r\nx-injected: 1"}}))
    assert not server.requests


# ----------------------------------------------------------------------------------------------------------- a trial


def test_a_trial_shows_without_sending(server: Server) -> None:
    vendor = HTTP(server.url, token="token-taint", network=LOCAL)
    trial = vendor.test(delivery())
    assert not server.requests
    assert trial.outcome == "not sent"
    assert trial.requests[0].body == delivery().body.decode()
    assert trial.requests[0].headers["authorization"] == "[secret]"
    assert "taint" not in str(trial)


def test_a_trial_sends_when_asked(server: Server) -> None:
    for status, expected in ((200, "done"), (500, "retry"), (400, "rejected")):
        server.reply(status, b"you sent token-taint")
        with HTTP(server.url, token="token-taint", network=LOCAL) as vendor:
            trial = vendor.test(delivery(), send=True)
        server.reply(status, b"you sent token-taint")
        again = asyncio.run(HTTP(server.url, token="token-taint", network=LOCAL).test_async(delivery(), send=True))
        for each in (trial, again):
            assert each.outcome == expected
            assert each.answers[0].url == str(status)
            assert "you sent [secret]" in str(each)
            assert "taint" not in str(each)


def test_a_trial_says_why_it_would_be_rejected() -> None:
    trial = Webhook("https://hooks.example").test(delivery("x" * 40_000))
    assert (trial.outcome, trial.reason) == ("rejected", "the payload of 40,002 bytes is over 32,768")
