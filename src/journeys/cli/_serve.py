"""``serve``: Segment's HTTP Tracking API in front of a store, with timers and deliveries."""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import signal
import socket
import sys
from typing import Any

from journeys.cli._destinations import add_options, built
from journeys.cli._io import Failure, listed, read_space, space_argument, store_option
from journeys.errors import InvalidDefinition, JourneysError
from journeys.runtime.evaluator import Evaluator

#: an alternative to options that every user of the machine can see
WRITE_KEYS, READ_TOKEN = "JOURNEYS_WRITE_KEYS", "JOURNEYS_READ_TOKEN"
#: seconds that requests have to end after the signal to stop
GRACE = 30


def add_commands(commands: Any) -> None:
    """Adds the command of this module."""
    serve = commands.add_parser(
        "serve",
        help="take calls over HTTP as Segment does, and run journeys",
        description="Takes calls over HTTP as Segment does, lets deadlines fire and sends deliveries. SIGTERM ends it "
        f"when everything that has come in is stored and answered. Write keys may also stand in {WRITE_KEYS}, "
        f"separated by commas, and the read token in {READ_TOKEN}.",
    )
    space_argument(serve)
    store_option(serve)
    serve.add_argument("--host", default="127.0.0.1", help="where to listen; 127.0.0.1 if not given")
    serve.add_argument("--port", type=int, default=8000, help="at which port; 8000 if not given, 0 is any that is free")
    serve.add_argument(
        "--write-key",
        metavar="KEY",
        action="append",
        default=[],
        help="a key that may write; may be given several times",
    )
    serve.add_argument("--read-token", metavar="TOKEN", help="what it takes to read; without one nothing is shown")
    serve.add_argument(
        "--origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="browsers may send from pages of https://shop.example; may be given several times; '*' is every page",
    )
    add_options(serve)
    serve.add_argument("--dev", action="store_true", help="no write key is asked for; on this machine only")
    serve.set_defaults(run=run_serve)


def run_serve(options: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    keys = options.write_key or [each.strip() for each in os.environ.get(WRITE_KEYS, "").split(",") if each.strip()]
    token = options.read_token or os.environ.get(READ_TOKEN) or None
    if options.dev:
        _check_loopback(options.host)
        token = token or secrets.token_urlsafe(16)
    elif not keys:
        raise Failure(f"give a --write-key, or {WRITE_KEYS}, or --dev to do without")
    try:
        import uvicorn

        from journeys.server import create_app, running
    except ImportError as error:
        raise Failure(f"serve needs more than is installed: pip install 'journeys[server]' ({error})") from None
    space = read_space(options.space)
    destinations = built(space, options, options.space)
    try:
        evaluator = Evaluator(space, destinations=destinations, store=options.store)
    except InvalidDefinition as error:
        raise Failure(f"{options.space}:\n{listed(list(error.problems))}", 1) from None
    except (ValueError, JourneysError, ImportError, OSError) as error:
        raise Failure(f"--store: {error}") from None
    with evaluator:
        try:
            app = create_app(evaluator, write_keys=keys or None, read_token=token, origins=options.origin)
        except ValueError as error:
            raise Failure(str(error)) from None
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # the paths of the read side have ids
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE,
        )
        # uvicorn stops at SIGTERM, and then raises it again for whoever was there before: there is more to end
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        listener = _listener(options.host, options.port)
        host, port = listener.getsockname()[:2]
        print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", file=sys.stderr, flush=True)
        if options.dev:
            print(f"anyone on this machine may write; read token: {token}", file=sys.stderr, flush=True)
        with running(evaluator):
            uvicorn.Server(config).run(sockets=[listener])
    signal.signal(signal.SIGTERM, before)
    return 0


def _listener(host: str, port: int) -> socket.socket:
    """A socket that is bound. It names its protocol: asyncio sends small answers at once only where it says TCP."""
    if not 0 <= port < 1 << 16:
        raise Failure(f"--port: {port} is no port: expected 0 to 65535")
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise Failure(f"cannot listen on {host}: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise Failure(f"cannot listen on {host}:{port}: {error}") from None
    return listener


def _check_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Failure(f"--dev asks for no write key, so it serves this machine only: not {host}")
