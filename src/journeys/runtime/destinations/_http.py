"""Requests, answers, and the transport that sends the one and reads the other.

The transport connects to the very address that it has checked, while TLS and the ``Host`` header keep the name. It
follows no redirect, reads no proxy variable and keeps no cookies, because there is no ``httpx.Client`` on top of it,
whose log would show URLs besides. One exchange is written once, as a generator of what it asks for; ``run`` and
``run_async`` answer it.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import re
import socket
import ssl
import threading
import time
import weakref
from collections.abc import AsyncIterable, Generator, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import anyio
import attrs
import httpcore
import httpx

from journeys import errors
from journeys.runtime.destinations._safety import Network, check_host
from journeys.runtime.destinations._secrets import Secret

T = TypeVar("T")
#: asks for the method of a line and its arguments, and is sent what that returned
Steps = Generator[tuple[Any, ...], Any, T]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_NOT_TO_BE_SET = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TRIED_ADDRESSES = 3
_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)


@attrs.frozen
class Request:
    """What is sent. A header may hold a secret, which is shown nowhere."""

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str | Secret] = attrs.field(factory=dict)
    body: bytes = attrs.field(default=b"", repr=False)

    def to_httpx(self, network: Network) -> httpx.Request:
        """The request with its secrets in place; Rejected if a header cannot be sent."""
        headers = {"user-agent": "journeys", "accept-encoding": "identity"}
        for name, value in self.headers.items():
            text = value.reveal() if isinstance(value, Secret) else value
            if not _TOKEN.fullmatch(name) or _CONTROL.search(text):
                raise errors.Rejected(f"the header {name!r:.40} has characters that no header may have")
            headers[name.lower()] = text
        try:
            raw = [(name.encode(), text.encode("utf-8")) for name, text in headers.items()]
        except UnicodeError:
            raise errors.Rejected("a header cannot be written in UTF-8") from None
        limits = dict.fromkeys(("connect", "read", "write", "pool"), network.timeout)
        return httpx.Request(self.method, self.url, headers=raw, content=self.body, extensions={"timeout": limits})


@attrs.frozen
class Answer:
    """What came back: the first part of the body, and header names in lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    #: the method of the request
    method: str = "POST"

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON values, or None if it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def field(self, name: str) -> Any:
        """A member of the JSON object that the body is, or None."""
        values = self.json()
        return values.get(name) if isinstance(values, dict) else None


def json_bytes(value: Any) -> bytes:
    """Compact UTF-8 JSON, as a delivery's own body; Rejected where it cannot be written."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise errors.Rejected("the payload cannot be written as JSON") from None


def json_request(method: str, url: str, value: Any, headers: Mapping[str, str | Secret] | None = None) -> Request:
    """A request with a JSON body."""
    return Request(method, url, {"content-type": "application/json", **(headers or {})}, json_bytes(value))


# ---------------------------------------------------------------------------------------------------- the exchange


def exchange(request: Request, network: Network) -> Steps[Answer]:
    """Sends a request and reads the answer, as far as it is read at all."""
    response: httpx.Response = yield "open", request.to_httpx(network)
    try:
        parts = yield "parts", response
        body = bytearray()
        while len(body) < network.answer_bytes:
            part = yield "next", parts
            if part is None:
                break
            body += part
    finally:
        yield "close", response
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body[: network.answer_bytes]), request.method)


def check_headers(headers: Mapping[str, str | Secret]) -> dict[str, str | Secret]:
    """Headers that an application or a definition sets; ValueError if one is not its to set."""
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r:.40} is no name of a header")
        if name.lower() in _NOT_TO_BE_SET or name.lower().startswith("webhook-"):
            raise ValueError(f"the header {name!r} is set by the destination itself")
        if not isinstance(value, (str, Secret)):
            raise TypeError(f"the header {name!r} must be a text or a secret")
    return dict(headers)


class Line:
    """Answers an exchange in the thread of the caller."""

    def __init__(self, transport: httpx.BaseTransport, network: Network) -> None:
        self.transport, self.network = transport, network

    def open(self, request: httpx.Request) -> httpx.Response:
        """Sends the request and reads the head of the answer."""
        start_deadline(self.network)
        return self.transport.handle_request(request)

    def parts(self, response: httpx.Response) -> Any:
        """The parts of the body."""
        assert isinstance(response.stream, Iterable)
        return iter(response.stream)

    def next(self, parts: Any) -> bytes | None:
        """The next of them; None at the end."""
        return next(parts, None)

    def close(self, response: httpx.Response) -> None:
        """Gives the connection back."""
        response.close()

    def block(self, call: Any) -> Any:
        """Makes a call that blocks."""
        return call()


class AsyncLine:
    """Answers an exchange in the event loop of the caller."""

    def __init__(self, transport: httpx.AsyncBaseTransport, network: Network) -> None:
        self.transport, self.timeout = transport, network.timeout
        self.deadline = 0.0

    async def open(self, request: httpx.Request) -> httpx.Response:
        """Sends the request and reads the head of the answer."""
        self.deadline = time.monotonic() + self.timeout
        with anyio.fail_after(self.timeout):
            return await self.transport.handle_async_request(request)

    async def parts(self, response: httpx.Response) -> Any:
        """The parts of the body."""
        assert isinstance(response.stream, AsyncIterable)
        return aiter(response.stream)

    async def next(self, parts: Any) -> bytes | None:
        """The next of them; None at the end."""
        with anyio.fail_after(max(self.deadline - time.monotonic(), 0)):
            return await anext(parts, None)

    async def close(self, response: httpx.Response) -> None:
        """Gives the connection back."""
        await response.aclose()

    async def block(self, call: Any) -> Any:
        """Makes a call that blocks, in another thread."""
        return await anyio.to_thread.run_sync(call)


def run(steps: Steps[T], line: Line) -> T:
    """Answers what the steps ask for until they are done."""
    proceed, value = steps.send, None
    while True:
        try:
            name, *arguments = proceed(value)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        try:
            proceed, value = steps.send, getattr(line, name)(*arguments)
        except BaseException as error:
            proceed, value = steps.throw, error


async def run_async(steps: Steps[T], line: AsyncLine) -> T:
    """The same, awaiting."""
    proceed, value = steps.send, None
    while True:
        try:
            name, *arguments = proceed(value)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        try:
            proceed, value = steps.send, await getattr(line, name)(*arguments)
        except BaseException as error:
            proceed, value = steps.throw, error


# --------------------------------------------------------------------------------------------------- the transport


@lru_cache(maxsize=1)
def _usual_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def ssl_context(network: Network) -> ssl.SSLContext:
    """What a server's certificate is checked with."""
    return network.ssl_context or _usual_authorities()


def start_deadline(network: Network) -> None:
    """A try begins in this thread."""
    _deadline.set(time.monotonic() + network.timeout)


def left() -> float | None:
    """Seconds to the deadline of this try; TimeoutError if it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the answer took too long")
    return seconds


def allowed(host: str, addresses: Iterable[str], network: Network) -> list[str]:
    """Those of a host's addresses that may be connected to; Rejected if there are none."""
    found = list(dict.fromkeys(each for each in addresses if network.allows(each)))
    if not found:
        raise errors.Rejected(f"{host!r:.100} is no public host: nothing is sent to private addresses")
    return found[:_TRIED_ADDRESSES]


def _ask_system(host: str, port: int) -> list[str]:
    try:
        host.encode("idna")
    except UnicodeError:
        raise errors.Rejected("this is no name of a host") from None
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _lookup(host: str, port: int) -> list[str]:
    """The addresses of a host within the deadline, which ``getaddrinfo`` itself does not know."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(_ask_system(host, port))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(left())
    if not found:
        raise TimeoutError("the name was not resolved in time")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]  # type: ignore[no-any-return]


def connect(host: str, port: int, network: Network) -> socket.socket:
    """A connection to one of the host's addresses: resolved, checked and connected to in one go."""
    try:
        check_host(host, network)
    except ValueError as problem:
        raise errors.Rejected(f"{host!r:.100}: {problem}") from None
    addresses = allowed(host, (network.resolve or _lookup)(host, port), network)
    for address in addresses:
        try:
            return socket.create_connection((address, port), left())
        except OSError:
            if address == addresses[-1]:
                raise
    raise AssertionError


@contextlib.contextmanager
def _told_as(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise timeout(str(problem)) from problem
    except OSError as problem:
        raise error(str(problem)) from problem


class _Stream(httpcore.NetworkStream):
    """A socket, each use of which ends with the deadline at the latest."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told_as(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(left())
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        with _told_as(httpcore.WriteTimeout, httpcore.WriteError):
            while view:
                self._sock.settimeout(left())
                view = view[self._sock.send(view) :]

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._sock.settimeout(left())
                return _Stream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname))
            except BaseException:
                self._sock.close()
                raise

    def get_extra_info(self, info: str) -> Any:
        # a connection that can be read between two exchanges has been closed, or sends what nobody asked for
        return _is_readable(self._sock) if info == "is_readable" else None


def _is_readable(sock: socket.socket) -> bool:
    try:
        sock.settimeout(0)
        sock.recv(1, 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_PEEK)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True


class _Backend(httpcore.NetworkBackend):
    def __init__(self, network: Network) -> None:
        self._network = network

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        with _told_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            sock = connect(host, port, self._network)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Stream(sock)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, network: Network) -> None:
        self._network = network
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        try:
            check_host(host, self._network)
        except ValueError as problem:
            raise errors.Rejected(f"{host!r:.100}: {problem}") from None
        ask = self._network.resolve or _ask_system
        found = await anyio.to_thread.run_sync(ask, host, port, abandon_on_cancel=True)
        addresses = allowed(host, found, self._network)
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout)
            except httpcore.ConnectError:
                if address == addresses[-1]:
                    raise
        raise AssertionError


class GuardedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """One destination's own connections. Usable from several threads, and from one event loop after another."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None
        self._async_pool: httpcore.AsyncConnectionPool | None = None
        self._keeps_async = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends it; the head of the answer is there when this returns."""
        with self._lock:
            if self._pool is None:
                self._pool = httpcore.ConnectionPool(
                    ssl_context(self._network), keepalive_expiry=15, network_backend=_Backend(self._network)
                )
                weakref.finalize(self, self._pool.close)
            pool = self._pool
        response = pool.handle_request(_core(request))
        stream = response.stream
        assert isinstance(stream, Iterable)
        return httpx.Response(response.status, headers=response.headers, stream=_Body(stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The same, awaiting."""
        pool = self._async_pool or self._new_async_pool(0)
        response = await pool.handle_async_request(_core(request))
        stream = response.stream
        assert isinstance(stream, AsyncIterable)
        return httpx.Response(response.status, headers=response.headers, stream=_AsyncBody(stream))

    def _new_async_pool(self, keepalive: int) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context(self._network),
            max_keepalive_connections=keepalive,
            keepalive_expiry=15,
            network_backend=_AsyncBackend(self._network),
        )

    def close(self) -> None:
        """Ends the connections of threads."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    async def __aenter__(self) -> GuardedTransport:
        # Kept connections belong to one event loop, so they are only kept where somebody says when it ends.
        self._async_pool = self._new_async_pool(10)
        return self

    async def aclose(self) -> None:
        """Ends the connections of the event loop."""
        pool, self._async_pool = self._async_pool, None
        if pool is not None:
            await pool.aclose()

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


def _core(request: httpx.Request) -> httpcore.Request:
    assert isinstance(request.stream, httpx.ByteStream)
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    return httpcore.Request(
        request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return aiter(self._stream)

    async def aclose(self) -> None:
        with contextlib.suppress(httpcore.NetworkError):
            await self._stream.aclose()
