from __future__ import annotations

import asyncio
import email
import email.policy
import json
import ssl
import threading
import time
from email.message import EmailMessage
from typing import Any

import attrs
import pytest

from journeys import errors
from journeys.destinations import SMTP, Network
from tests.runtime.destinations.support import CERTIFICATE, LOCAL, MESSAGE, TRACK, delivery, raw_server

TRUSTED = ssl.create_default_context(cafile=str(CERTIFICATE))


class MailServer:
    """Talks SMTP as far as a client that behaves asks for it."""

    def __init__(self, *, tls: bool = False, starttls: bool = False, **replies: str) -> None:
        self.replies, self.tls, self.starttls = replies, tls, starttls
        self.commands: list[str] = []
        self.messages: list[EmailMessage] = []

    def __call__(self, connection: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        if self.tls:
            connection = context.wrap_socket(connection, server_side=True)
        while connection is not None:
            with connection, connection.makefile("rwb") as file:
                goes_on = self.talk(file, encrypted=isinstance(connection, ssl.SSLSocket))
                connection = context.wrap_socket(connection, server_side=True) if goes_on else None

    def talk(self, file: Any, *, encrypted: bool) -> bool:
        """Whether TLS is to begin."""

        def say(command: str, usual: str) -> str:
            reply = self.replies.get(command, usual)
            file.write((reply + "\r\n").encode())
            file.flush()
            return reply

        if not (encrypted and self.starttls):
            say("hello", "220 mail.test ESMTP")
        while line := file.readline():
            command = line.decode().strip()
            self.commands.append(command)
            verb = command.split(" ")[0].lower()
            if verb == "ehlo":
                more = "250-STARTTLS\r\n" if self.starttls and not encrypted else ""
                say("ehlo", f"250-mail.test\r\n{more}250-AUTH PLAIN\r\n250 8BITMIME")
            elif verb == "starttls":
                say("starttls", "220 go")
                return True
            elif verb == "auth":
                say("auth", "235 ok")
            elif verb == "data":
                if say("data", "354 go on").startswith("354"):
                    self.messages.append(read_message(file))
                    say("accepted", "250 queued")
            elif verb == "quit":
                say("quit", "221 bye")
                break
            else:
                say(verb, "250 ok")
        return False


def read_message(file: Any) -> EmailMessage:
    lines = []
    while (line := file.readline()) != b".\r\n":
        lines.append((line[1:] if line.startswith(b".") else line).replace(b"\r\n", b"\n"))
    parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def smtp(port: int, **settings: Any) -> SMTP:
    usual = {"sender": "Shop <shop@example.com>", "security": "none", "network": LOCAL, "subject": "s", "text": "t"}
    return SMTP("127.0.0.1", port=port, **{**usual, **settings})


def test_an_email(send) -> None:
    server = MailServer()
    with raw_server(server) as port:
        settings = {
            "subject": "Hi {{ properties.first_name }}",
            "html": "<p>{{ properties.tag }}</p>",
            "reply_to": "r@example.com",
        }
        payload = TRACK | {"properties": TRACK["properties"] | {"tag": "<b>ü</b>"}}
        send(smtp(port, text="{{ event }}\n.\n..dots", **settings), delivery(payload))
    message = server.messages[0]
    assert message["from"] == "Shop <shop@example.com>"
    assert (message["to"], message["subject"], message["reply-to"]) == ("ada@example.com", "Hi Ada", "r@example.com")
    assert message["message-id"] == f"<{TRACK['messageId']}@example.com>"
    assert message["date"].datetime.isoformat() == "2026-01-01T10:00:00+00:00"
    text, html = message.iter_parts()
    assert text.get_content() == "Cart Abandoned\n.\n..dots\n"
    assert html.get_content() == "<p>&lt;b&gt;ü&lt;/b&gt;</p>\n"
    assert server.commands[0].lower() == "ehlo example.com"
    assert any("mail from:<shop@example.com>" in each.lower() for each in server.commands)


def test_a_message_of_a_journey(send) -> None:
    server = MailServer()
    with raw_server(server) as port:
        send(smtp(port), delivery(MESSAGE, "message"))
        send(smtp(port), delivery({"to": "Ada L <ada@example.com>", "subject": "x", "body": "y"}, "mapped"))
    first, second = server.messages
    assert (first["subject"], first["to"]) == ("Hello Ada", "ada@example.com")
    assert (second["to"], second.get_content()) == ("Ada L <ada@example.com>", "y\n")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encryption_and_login(send, security: str) -> None:
    server = MailServer(tls=security == "tls", starttls=security == "starttls")
    network = Network(private=True, timeout=5, resolve=lambda host, port: ["127.0.0.1"], ssl_context=TRUSTED)
    with raw_server(server) as port:
        for host in ("hooks.test", "other.test"):
            destination = SMTP(
                host, port=port, security=security, network=network, sender="shop@example.com",
                username="u", password="password-taint", subject="s", text="t",
            )  # fmt: skip
            if host == "hooks.test":
                send(destination, delivery())
                continue
            with pytest.raises(errors.Retry, match="CERTIFICATE_VERIFY_FAILED"):
                send(destination, delivery())
    assert len(server.messages) == 1
    assert any(each.lower().startswith("auth plain") for each in server.commands)


def test_nothing_is_sent_in_the_clear_unless_allowed() -> None:
    with pytest.raises(ValueError, match="in the clear"):
        SMTP("mail.example", sender="a@b.example", security="none")
    server = MailServer(starttls=False)
    with raw_server(server) as port, pytest.raises(errors.Retry, match="STARTTLS"):
        smtp(port, security="starttls", username="u", password="p").deliver(delivery())
    assert not any("auth" in each.lower() or "mail" in each.lower() for each in server.commands)


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ({"hello": "554 go away"}, errors.Rejected),
        ({"hello": "421 busy"}, errors.Retry),
        ({"mail": "550 unknown sender"}, errors.Rejected),
        ({"rcpt": "550 no such user ada@example.com"}, errors.Rejected),
        ({"rcpt": "450 greylisted"}, errors.Retry),
        ({"data": "451 later"}, errors.Retry),
        ({"accepted": "554 spam"}, errors.Rejected),
        ({"accepted": "452 full"}, errors.Retry),
        ({"quit": "500 what"}, None),  # it has been accepted
        ({"hello": "220-\r\n" * 20_000}, errors.Retry),
        ({"hello": "no smtp"}, errors.Retry),
    ],
)
def test_replies(send, replies: dict[str, str], expected: type[Exception] | None) -> None:
    server = MailServer(**replies)
    with raw_server(server) as port:
        if expected is None:
            send(smtp(port), delivery())
        else:
            with pytest.raises(expected) as told:
                send(smtp(port), delivery())
            assert "example.com" not in str(told.value)
    assert len(server.messages) == ("accepted" in replies or expected is None)


def test_the_deadline_holds(send) -> None:
    stop = threading.Event()

    def talk(connection: Any) -> None:
        connection.sendall(b"220 ")
        while not stop.wait(0.05):
            connection.sendall(b"x")

    started = time.monotonic()
    with raw_server(talk) as port, pytest.raises(errors.Retry):
        send(smtp(port, network=attrs.evolve(LOCAL, timeout=0.4)), delivery())
    stop.set()
    assert time.monotonic() - started < 2


def test_replies_are_read_up_to_a_limit(send) -> None:
    sent = []

    def talk(connection: Any) -> None:
        for _ in range(1000):
            connection.sendall(b"220-more\r\n" * 1000)
            sent.append(1)

    with raw_server(talk) as port, pytest.raises(errors.Retry):
        send(smtp(port), delivery())
    assert len(sent) < 500


@pytest.mark.parametrize(
    "payload",
    [
        {"subject": "x", "body": "y"},
        {"to": "ada@example.com, eve@example.com", "subject": "x", "body": "y"},
        {"to": "ada@example.com\r\nBcc: eve@example.com", "subject": "x", "body": "y"},
        {"to": "Ada\nBcc: eve@example.com <ada@example.com>", "subject": "x", "body": "y"},
        {"to": "nobody", "subject": "x", "body": "y"},
        {"to": "@example.com", "subject": "x", "body": "y"},
        {"to": "ada@example.com", "subject": "x\r\nBcc: eve@example.com", "body": "y"},
    ],
)
def test_no_other_recipients_and_no_other_headers(payload: Any) -> None:
    server = MailServer()
    with raw_server(server) as port, pytest.raises(errors.Rejected) as told:
        smtp(port).deliver(delivery(payload, "mapped"))
    assert "eve" not in str(told.value)
    assert not server.commands


def test_texts_that_are_no_unicode_are_rejected() -> None:
    server = MailServer()
    with raw_server(server) as port:
        for field in ("body", "subject", "to"):
            payload = {"to": "ada@example.com", "subject": "x", "body": "y"}
            payload[field] += "\ud800"
            odd = delivery(call="mapped")
            body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")
            with pytest.raises(errors.Rejected):
                smtp(port).deliver(attrs.evolve(odd, body=body))
    assert not server.messages


def test_what_an_email_needs() -> None:
    for settings, reason in (({"subject": None}, "no subject"), ({"text": None}, "no text")):
        trial = smtp(1, **settings).test(delivery())
        assert trial.outcome == "rejected"
        assert reason in trial.reason
    for bad in ("nobody", "a@b, c@d", ""):
        with pytest.raises(ValueError, match="expected an email address"):
            smtp(1, sender=bad)
    with pytest.raises(ValueError, match="port"):
        smtp(70_000)


def test_a_trial(send) -> None:
    server = MailServer()
    with raw_server(server) as port:
        trial = smtp(port, password="password-taint", username="u").test(delivery())
        assert not server.commands
        assert (trial.outcome, trial.requests[0].headers["To"]) == ("not sent", "ada@example.com")
        assert "taint" not in str(trial) + repr(smtp(port, password="password-taint"))
        assert smtp(port).test(delivery(), send=True).outcome == "done"
        assert asyncio.run(smtp(port).test_async(delivery(), send=True)).outcome == "done"
    assert len(server.messages) == 2
