"""What the tests of destinations share: deliveries, and a server that remembers what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from journeys.destinations import Network
from journeys.ports import Delivery

AT = 1_767_261_600_000_000  # 2026-01-01T10:00:00Z
LOCAL = Network(http=True, private=True, timeout=5)
CERTIFICATE = Path(__file__).with_name("hooks_test.pem")  # of hooks.test, valid until 2126
TRACK = {
    "type": "track",
    "event": "Cart Abandoned",
    "userId": "u1",
    "messageId": "0123456789abcdef0123456789abcdef",
    "timestamp": "2026-01-01T10:00:00Z",
    "context": {"personas": {"computation_class": "journey_step", "computation_id": "j", "space_id": "shop"}},
    "integrations": {"All": False, "email": True},
    "properties": {
        "journey_context": {"Cart Modified": {"cart_id": "c1", "value": 80}},
        "journey_metadata": {"journey_id": "cart", "epoch_id": "i1", "version": 1, "step": "nudge"},
        "email": "ada@example.com",
        "first_name": "Ada",
        "phone": "+4915112345678",
    },
}
IDENTIFY = {key: value for key, value in TRACK.items() if key not in ("event", "properties")} | {
    "type": "identify",
    "traits": {"email": "ada@example.com", "first_name": "Ada", "plan": "pro"},
}
MESSAGE = {
    "channel": "email",
    "template": {"to": "ada@example.com", "subject": "Hello Ada", "text": "Your cart", "html": "<p>Your cart</p>"},
    "userId": "u1",
    "messageId": "0123456789abcdef0123456789abcdef",
    "timestamp": "2026-01-01T10:00:00Z",
}


def delivery(payload: Any = None, call: str = "track", *, id: str = TRACK["messageId"], **fields: Any) -> Delivery:
    body = json.dumps(TRACK if payload is None else payload, ensure_ascii=False, separators=(",", ":")).encode()
    known = {"destination": "email", "profile": "u1", "user_id": "u1", "journey": "cart", "step": "nudge", "at": AT}
    return Delivery(id=id, call=call, body=body, **{**known, **fields})


def listed(
    call: str, profile: str, *, email: str | None = None, anonymous: str | None = None, **traits: Any
) -> Delivery:
    traits = traits | ({} if email is None else {"email": email})
    payload = {"type": call, "list": "ads", "userId": profile, "traits": traits}
    return delivery(payload, call, id=f"{call}-{profile}", profile=profile, user_id=profile, anonymous_id=anonymous)


@attrs.frozen
class Received:
    """One request, as a server sees it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), strict_parsing=True).items()}


@attrs.frozen
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = attrs.field(factory=dict)


class Server:
    """Answers with what it is told to, else with 200, and remembers requests and connections."""

    def __init__(self, *, tls: bool = False) -> None:
        self.requests: list[Received] = []
        self.replies: deque[Reply] = deque()
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def answer(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = parse_qs(parts.query, keep_blank_values=True)
                body = self.rfile.read(size)
                outer.requests.append(Received(self.command, parts.path, query, headers, body))
                reply = outer.replies.popleft() if outer.replies else Reply()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                if reply.status != 204:
                    with contextlib.suppress(OSError):
                        self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def last(self) -> Received:
        return self.requests[-1]

    def reply(self, status: int = 200, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies.append(Reply(status, data, {name.replace("_", "-"): value for name, value in headers.items()}))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does what a function does with each connection; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # on Linux accept() is only woken by a shutdown
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def deliver_sync(destination: Any, *deliveries: Delivery) -> None:
    for each in deliveries:
        destination.deliver(each)
    destination.close()


def deliver_async(destination: Any, *deliveries: Delivery) -> None:
    async def send() -> None:
        for each in deliveries:
            await destination.deliver_async(each)

    asyncio.run(send())
