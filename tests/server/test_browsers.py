"""Browsers: what Segment's client for them sends, and what a browser asks before it lets a page send it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from journeys.server import create_app
from tests.server.support import KEY, READ, TOKEN, WRITE, evaluator, in_thread, npm_installed, track

HERE = Path(__file__).parent
SHOP = "https://shop.example"
BROWSER_CLIENT = "@segment/analytics-next@1"
PATHS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def app(made: Any, *origins: str, **settings: Any) -> Any:
    return create_app(made, **{"write_keys": {KEY: "web"}, "read_token": TOKEN, "origins": origins, **settings})


def preflight(
    client: Any, origin: str, path: str = "/v1/t", method: str = "POST", headers: str = "content-type"
) -> Any:
    asked = {"access-control-request-method": method, "access-control-request-headers": headers}
    return client.options(path, headers={"origin": origin, **asked})


def call(kind: str, **fields: Any) -> dict[str, Any]:
    """A call with what analytics.js 1.84 puts into it."""
    return {
        "type": kind,
        "anonymousId": "a-1",
        "userId": "u1",
        "writeKey": KEY,
        "messageId": f"ajs-next-{kind}-1",
        "timestamp": "2026-05-01T12:00:00.000Z",
        "sentAt": "2026-05-01T12:00:00.010Z",
        "integrations": {},
        "context": {"library": {"name": "analytics.js", "version": "npm:next-1.84.3"}, "page": {"path": "/"}},
        "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
        **fields,
    }


CALLS = {
    "track": call("track", event="Order Completed", properties={"n": 1}),
    "identify": call("identify", traits={"plan": "pro"}),
    "page": call("page", name="Cart", properties={"path": "/", "title": "Cart"}),
    "screen": call("screen", name="Checkout", properties={}),
    "group": call("group", groupId="acme", traits={"seats": 3}),
    "alias": call("alias", previousId="u0"),
}


def check_everything_came(profile: Any, before: str) -> None:
    assert profile.traits == {"plan": "pro", "groups.acme": {"seats": 3}}
    assert profile.computed_traits["order_names"] == [1]
    assert (profile.computed_traits["page_names"], profile.computed_traits["screen_names"]) == (["Cart"], ["Checkout"])
    assert before in profile.linked_ids


@pytest.mark.parametrize("letter", PATHS)
@pytest.mark.parametrize("kind", ["text/plain", "text/plain;charset=UTF-8", "application/json"])
def test_one_call_as_browsers_send_it(letter: str, kind: str) -> None:
    """No basic authentication, the key in the body, and a content type that needs no preflight."""
    made = evaluator()
    with TestClient(app(made, SHOP)) as client:
        body = json.dumps(CALLS[PATHS[letter]])
        for _ in range(2):  # tried again: known by its messageId
            response = client.post(f"/v1/{letter}", content=body, headers={"content-type": kind, "origin": SHOP})
            assert (response.status_code, response.json()) == (200, {"success": True})
            assert response.headers["access-control-allow-origin"] == SHOP
        metrics = client.get("/metrics", headers=READ).text
    assert 'journeys_calls_total{source="web",answer="duplicate"} 1' in metrics or letter in "gia"


def test_a_batch_as_browsers_send_it() -> None:
    made = evaluator()
    batch = [{name: value for name, value in each.items() if name != "sentAt"} for each in CALLS.values()]
    body = {"writeKey": KEY, "batch": batch, "sentAt": "2026-05-01T12:00:05.000Z"}
    with TestClient(app(made, SHOP)) as client:
        response = client.post("/v1/b", content=json.dumps(body), headers={"content-type": "text/plain"})
        assert (response.status_code, response.json()) == (200, {"success": True})
    check_everything_came(made.profile("u1"), "u0")


@pytest.mark.parametrize(
    ("header", "body", "status"),
    [
        (None, KEY, 200),
        (None, "wrong", 401),
        (None, None, 401),
        (None, 7, 401),
        (None, {"a": 1}, 401),
        (None, "ü\ud800", 400),
        (WRITE["authorization"], "wrong", 200),  # the header decides
        ("Basic d3Jvbmc6", KEY, 401),
        ("", KEY, 200),
    ],
)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/b"])
def test_the_key_in_the_body(path: str, header: str | None, body: Any, status: int) -> None:
    document = {"batch": [track(1)]} if path == "/v1/b" else track(1)
    headers = {} if header is None else {"authorization": header}
    made = evaluator()
    with TestClient(app(made)) as client:
        response = client.post(path, content=json.dumps(document | {"writeKey": body}), headers=headers)
        assert response.status_code == status
        # that of a call in a batch is not looked at
        response = client.post("/v1/batch", json={"batch": [track(2, writeKey=KEY)]})
        assert response.status_code == 401
    assert (made.profile("u1") is not None) == (status == 200)


def test_the_key_is_not_kept(tmp_path: Path) -> None:
    """Not even while a call waits for those that may come late."""
    database = tmp_path / "journeys.db"
    with evaluator(f"sqlite:///{database}", allowed_lateness="P1D") as made, TestClient(app(made)) as client:
        assert client.post("/v1/t", json=track(1, writeKey=KEY)).status_code == 200
        batch = [track(2, writeKey=KEY)]
        assert client.post("/v1/b", json={"batch": batch, "writeKey": KEY}).status_code == 200
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"Order Completed" in stored and KEY.encode() not in stored


def test_what_a_browser_asks_first() -> None:
    with TestClient(app(evaluator(), SHOP, "http://localhost:3000")) as client:
        for origin in (SHOP, "http://localhost:3000"):
            answer = preflight(client, origin, headers="authorization,content-type,x-retry-count")
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert "POST" in answer.headers["access-control-allow-methods"]
            assert "x-retry-count" in answer.headers["access-control-allow-headers"]
            assert "Origin" in answer.headers["vary"]
        for origin in ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"):
            assert "access-control-allow-origin" not in preflight(client, origin).headers
        # pages may send, and not read
        assert preflight(client, SHOP, "/v1/profiles/u1", "GET", "authorization").status_code == 400


def test_every_page_or_none() -> None:
    with TestClient(app(evaluator(), "*")) as client:
        assert preflight(client, "https://any.example").headers["access-control-allow-origin"] == "https://any.example"
        refused = client.post("/v1/t", json={}, headers={"origin": "https://any.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] in ("*", "https://any.example")
    with TestClient(app(evaluator())) as client:
        assert "access-control-allow-origin" not in preflight(client, SHOP).headers
        sent = client.post("/v1/t", json=track(1), headers=WRITE | {"origin": SHOP})
        assert sent.status_code == 200 and "access-control-allow-origin" not in sent.headers


@pytest.mark.parametrize("wrong", ["shop.example", f"{SHOP}/", "https://Shop.example", "https://", "", "https://a b"])
def test_what_is_no_origin(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        app(evaluator(), wrong)
    with pytest.raises(ValueError, match="alone"):
        app(evaluator(), SHOP, "*")
    with pytest.raises(TypeError, match="several"):
        create_app(evaluator(), write_keys=None, origins=SHOP)


# a real browser


@contextlib.contextmanager
def files(directory: Path) -> Iterator[str]:
    """A web server of its own, so that the page is of another origin."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_segments_client_in_a_browser(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Chromium, with ``@segment/analytics-next`` as it comes from npm."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium or Chrome is here (Debian: apt install chromium)")
    installed = npm_installed(tmp_path_factory.mktemp("browser"), BROWSER_CLIENT)
    shutil.copytree(installed / "node_modules/@segment/analytics-next/dist/umd", tmp_path / "umd")
    shutil.copy(HERE / "page.html", tmp_path)
    made = evaluator()
    with files(tmp_path) as pages, in_thread(app(made, pages)) as address:
        url = f"{pages}/page.html?api={address.removeprefix('http://')}&key={KEY}"
        process = subprocess.Popen(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
             "--remote-debugging-port=0", "--no-first-run", "--disable-background-networking", url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        try:
            with httpx.Client(base_url=address, headers=READ) as http:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    assert process.poll() is None
                    if _seen(http) >= 14:
                        break
                    time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    for user in ("plain", "batched"):
        check_everything_came(made.profile(user), f"{user}-before")
    assert made.profile("beacon").computed_traits["order_names"] == [1, 2]


def _seen(http: httpx.Client) -> int:
    """How many calls have been answered."""
    lines = [
        line for line in http.get("/metrics").text.splitlines() if line.startswith("journeys_committed_calls_total")
    ]
    return int(float(lines[0].rpartition(" ")[2]))
