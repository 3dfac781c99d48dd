"""``SMTP``: email through a mail server, with the standard library.

References: RFC 5321 (4xx replies are tried again, 5xx are final), RFC 3207 (STARTTLS), RFC 8314 (TLS from the start on
port 465). ``Message-ID`` is made of the delivery's id, so that a message that is sent twice can be recognized.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any

import attrs

from journeys import errors
from journeys._time import to_datetime
from journeys.model._fields import one_of
from journeys.ports import Delivery
from journeys.runtime.destinations import _http
from journeys.runtime.destinations._base import SECRET, Adapter, Shown, Trial, WrongSetting, check_size, setting, told
from journeys.runtime.destinations._fill import check_template
from journeys.runtime.destinations._letters import letter
from journeys.runtime.destinations._safety import check_host
from journeys.runtime.destinations._secrets import Secret, optional_secret

SECURITY = ("starttls", "tls", "none")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


_SPEC = r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+"
_ADDRESS = re.compile(rf'\s*(?:"?(?P<name>[^<>"]*?)"?\s*<(?P<framed>{_SPEC})>|(?P<bare>{_SPEC}))\s*')


def _address(text: str) -> Address:
    """One address; the standard library's own parsers find several, and find one in almost anything."""
    match = _ADDRESS.fullmatch(text)
    try:
        if match is None or not text.isprintable():
            raise ValueError
        return Address(match["name"] or "", addr_spec=match["framed"] or match["bare"])
    except (ValueError, IndexError, MessageError):
        raise ValueError("expected an email address like 'Shop <shop@example.com>'") from None


@attrs.frozen(eq=False, slots=False)
class SMTP(Adapter):
    """Sends an email from ``sender``.

    The recipient is the content's ``to`` or ``email``; ``subject``, ``text`` and ``html`` are templates for what the
    content does not say itself. ``security`` is ``starttls``, ``tls``, or ``none``, which the application must allow.
    """

    host: str
    sender: str = attrs.field(kw_only=True)
    port: int | None = attrs.field(default=None, kw_only=True)
    security: str = attrs.field(default="starttls", kw_only=True, validator=one_of(SECURITY))
    username: str | None = attrs.field(default=None, kw_only=True)
    password: Secret | None = attrs.field(default=None, converter=optional_secret, metadata=SECRET, kw_only=True)
    reply_to: str | None = attrs.field(default=None, kw_only=True)
    subject: str | None = attrs.field(default=None, kw_only=True)
    text: str | None = attrs.field(default=None, kw_only=True)
    html: str | None = attrs.field(default=None, kw_only=True)

    calls = frozenset(("track", "identify", "mapped", "message"))

    def __attrs_post_init__(self) -> None:
        if self.transport is not None:
            raise TypeError("a transport of httpx carries no email")
        with setting("host"):
            check_host(self.host, self.network)
        if self.security == "none" and not self.network.http:
            raise WrongSetting("security", "'none' sends in the clear: use 'starttls' or 'tls'")
        if self.port is not None and not 0 < self.port < 65_536:
            raise WrongSetting("port", "a port is a whole number from 1 to 65535")
        with setting("sender"):
            _address(self.sender)
        if self.reply_to is not None:
            with setting("reply_to"):
                _address(self.reply_to)
        for name in ("subject", "text", "html"):
            with setting(name):
                check_template(getattr(self, name))

    def message(self, delivery: Delivery) -> EmailMessage:
        """The email for a delivery."""
        wanted = letter(delivery, subject=self.subject, text=self.text, html_text=self.html)
        sender = _address(self.sender)
        message = EmailMessage(SMTP_POLICY)
        try:
            message["From"] = sender
            message["To"] = _address(wanted.to)
            message["Subject"] = wanted.subject
            if self.reply_to is not None:
                message["Reply-To"] = _address(self.reply_to)
        except ValueError as problem:
            # what EmailMessage says repeats the value
            reason = str(problem) if "expected an email" in str(problem) else "a header of an email has one line"
            raise errors.Rejected(reason) from None
        message["Message-ID"] = f"<{delivery.id}@{sender.domain}>"
        message["Date"] = format_datetime(to_datetime(delivery.at))
        message["Auto-Submitted"] = "auto-generated"
        if wanted.text:
            message.set_content(wanted.text)
        if wanted.html:
            (message.add_alternative if wanted.text else message.set_content)(wanted.html, subtype="html")
        return message

    def _steps(self, deliveries: Sequence[Delivery], log: Any = None) -> _http.Steps[None]:
        for delivery in deliveries:
            message = self._prepared(delivery)
            try:
                yield "block", lambda message=message: self._send(message)
            except (errors.Retry, errors.Rejected) as error:
                raise told(error, self._secrets(), (delivery,)) from None

    def _trial(self, delivery: Delivery, send: bool) -> _http.Steps[Trial]:
        shown: tuple[Shown, ...] = ()
        try:
            message = self._prepared(delivery)
            headers = {name: str(value) for name, value in message.items()}
            body = "\n".join(part.get_content() for part in message.walk() if not part.is_multipart())
            shown = (Shown("SMTP", f"{self.host}:{self.server_port}", headers, body),)
            if not send:
                return Trial(shown)
            yield from self._steps((delivery,))
        except errors.Retry as error:
            return Trial(shown, (), "retry", error.reason)
        except errors.Rejected as error:
            return Trial(shown, (), "rejected", error.reason)
        return Trial(shown, (), "done")

    def _prepared(self, delivery: Delivery) -> EmailMessage:
        check_size(delivery, self.network)
        if delivery.call not in self.calls:
            raise errors.Rejected(f"SMTP takes {', '.join(sorted(self.calls))}, not {delivery.call}")
        try:
            return self.message(delivery)
        except UnicodeError:
            raise errors.Rejected("a text of the payload cannot be written in UTF-8") from None

    @property
    def server_port(self) -> int:
        """The port, the usual one if none is given."""
        return self.port or _PORTS[self.security]

    def _send(self, message: EmailMessage) -> None:
        _http.start_deadline(self.network)
        context = _http.ssl_context(self.network)
        client: _Client | None = None
        try:
            client = _Client(self, context if self.security == "tls" else None)
            if self.security == "starttls":
                client.starttls(context=context)
            if self.username is not None:
                client.login(self.username, "" if self.password is None else self.password.reveal())
            client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _judged(code, text) from None
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, error.smtp_error) from None
        except UnicodeError:
            raise errors.Rejected("a text of the payload cannot be written in UTF-8") from None
        except (smtplib.SMTPException, OSError) as error:
            if "SMTPUTF8" in str(error):
                raise errors.Rejected("the mail server takes no address with characters beyond ASCII") from None
            raise errors.Retry(f"no answer: {type(error).__name__}: {error}") from None
        finally:
            if client is not None:
                client.leave()


def _judged(code: int, text: bytes | str) -> errors.JourneysError:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    reason = f"the mail server said {code}: {said}"
    return errors.Rejected(reason) if 500 <= code < 600 else errors.Retry(reason)


class _Client(smtplib.SMTP):
    """Connects to the address that was checked, and reads replies up to a limit and a deadline."""

    def __init__(self, settings: SMTP, tls: ssl.SSLContext | None) -> None:
        self._network, self._tls = settings.network, tls
        super().__init__(settings.host, settings.server_port, local_hostname=_address(settings.sender).domain)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        sock = _http.connect(host, port, self._network)
        if self._tls is None:
            return sock
        try:
            return self._tls.wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise

    def leave(self) -> None:
        """Says good-bye; whether the server hears it changes nothing about the email."""
        with contextlib.suppress(smtplib.SMTPException, OSError):
            self.quit()
        self.close()

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_http.left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Replies(self.sock, self._network.answer_bytes)
        return super().getreply()


class _Replies:
    """The lines that a server sends."""

    def __init__(self, sock: Any, limit: int) -> None:
        self._sock, self._limit, self._buffer = sock, limit, b""

    def readline(self, size: int) -> bytes:
        while b"\n" not in self._buffer and len(self._buffer) < size:
            self._sock.settimeout(_http.left())
            part = self._sock.recv(4096)
            self._limit -= len(part)
            if self._limit < 0:
                raise OSError("the mail server says too much")
            if not part:
                break
            self._buffer += part
        end = min(self._buffer.find(b"\n") + 1 or len(self._buffer), size)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    def close(self) -> None:
        self._buffer = b""
