"""A webhook that says whether what it gets is signed as Standard Webhooks asks: the receiver of `space.json`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = base64.b64decode(os.environ["JOURNEYS_HOOK_SECRET"].removeprefix("whsec_"))


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    """Whether one of the signatures is that of id, timestamp and body."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(SECRET, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers["webhook-signature"].split(" "))


class Receiver(BaseHTTPRequestHandler):
    """Prints what comes, and takes it if it is signed."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = is_signed({name.lower(): value for name, value in self.headers.items()}, body)
        nudge = json.loads(body)
        what = f"{nudge['event']} for {nudge['properties']['email']}, id {nudge['messageId']}"
        print(f"{'signed' if signed else 'NOT SIGNED'}: {what}", flush=True)
        self.send_response(204 if signed else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing of its own."""


if __name__ == "__main__":
    print("waiting for nudges at http://127.0.0.1:9000/nudge", flush=True)
    HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
