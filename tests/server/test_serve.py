"""``journeys serve``: begins, takes calls, lets time pass, delivers, and ends without loss."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from journeys.cli import main
from tests.server.support import DOCUMENT, KEY, WRITE, environment, evaluator, serving, track


def test_sigterm_ends_it_when_everything_is_stored_and_answered(tmp_path):
    stopping, answers, errors = threading.Event(), {}, []

    def send(worker):
        with httpx.Client(base_url=server.address, headers=WRITE, timeout=30) as client:
            for n in range(10_000):
                body = {"batch": [track(n, user=f"w{worker}", messageId=f"{worker}.{n}")]}
                try:
                    response = client.post("/v1/batch", json=body)
                except httpx.TransportError:
                    return
                if response.status_code != 200:
                    errors.append(response.status_code)
                    return
                answers.setdefault(worker, []).append(n)
                if len(answers[worker]) == 30:
                    stopping.set()

    with serving(tmp_path) as server:
        threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        assert stopping.wait(30)
        assert server.stop() == 0
        for thread in threads:
            thread.join()
        assert "Traceback" not in server.errors.read_text()
        url = server.url
    assert set(errors) <= {503}
    made = evaluator(url)
    for worker, answered in answers.items():
        stored = made.profile(f"w{worker}").computed_traits
        assert set(answered) <= set(stored["order_names"])
        assert stored["order_count"] == len(stored["order_names"]) <= len(answered) + 1
    made.close()


def test_timers_fire_and_deliveries_go_out(tmp_path):
    steps = {
        "wait": {"type": "delay", "duration": "PT0.5S", "next": "send"},
        "send": {"type": "send_to_destination", "activations": [{"destination": "crm", "event": "Thanks"}]},
    }
    document = DOCUMENT | {
        "destinations": {"crm": {"type": "record"}},
        "journeys": [DOCUMENT["journeys"][0] | {"steps": steps}],
    }
    with serving(tmp_path, document=document) as server:
        assert server.client.post("/v1/track", json=track(1), headers=WRITE).status_code == 200
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            records = server.client.get("/v1/profiles/u1/timeline").json()["records"]
            store = server.client.get("/v1/figures").json()["store"]
            if records[-1]["kind"] == "completed" and not store["outbox"]:
                break
            time.sleep(0.05)
        assert server.stop() == 0
    assert [record["payload"]["event"] for record in records if record["kind"] == "sent"] == ["Thanks"]
    assert (store["outbox"], store["dead"]) == (0, 0)


def test_keys_from_the_environment_and_an_interrupt(tmp_path):
    space = tmp_path / "space.json"
    space.write_text(json.dumps(DOCUMENT))
    process = subprocess.Popen(
        [sys.executable, "-m", "journeys", "serve", str(space), "--store", "memory:", "--port", "0"],
        env=environment(JOURNEYS_WRITE_KEYS=" a, b,", JOURNEYS_READ_TOKEN="t"),
        stderr=subprocess.PIPE,
        text=True,
    )
    address = process.stderr.readline().split()[-1]
    with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=10)) as client:
        statuses = [client.post("/v1/track", json=track(1), auth=(key, "")).status_code for key in ("a", "b", "", KEY)]
        assert statuses == [200, 200, 401, 401]
        assert client.get("/v1/profiles/u1", headers={"authorization": "Bearer t"}).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read() == ""
    process.stderr.close()


def test_dev_asks_for_no_key_and_makes_a_token_and_pages_may_send(tmp_path):
    space = tmp_path / "space.json"
    space.write_text(json.dumps(DOCUMENT))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "journeys", "serve", str(space), "--store", "memory:", "--port", "0", "--dev"),
            *("--origin", "https://shop.example", "--origin", "http://localhost:3000"),
        ],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    address, token = (process.stderr.readline().split()[-1] for _ in range(2))
    with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=10)) as client:
        for origin in ("https://shop.example", "http://localhost:3000"):
            sent = client.post("/v1/track", json=track(1), headers={"origin": origin})
            assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, origin)
        assert client.get("/v1/profiles/u1").status_code == 401
        assert client.get("/v1/profiles/u1", headers={"authorization": f"Bearer {token}"}).status_code == 200
    process.terminate()
    assert process.wait(20) == 0
    process.stderr.close()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "give a --write-key"),
        (["--dev", "--host", "0.0.0.0"], 2, "this machine only"),
        (["--dev", "--host", "example.com"], 2, "this machine only"),
        (["--dev", "--port", "99999"], 2, "is no port"),
        (["--write-key", "k", "--host", "no such host"], 2, "cannot listen"),
        (["--dev", "--store", "redis://x"], 2, "--store:"),
        (["--dev", "--origin", "shop.example"], 2, "is no origin"),
        (["--dev", "--allow-network", "10.1.2.3/8"], 2, "--allow-network:"),
        (["--dev", "--lists", "/no/such/place"], 2, "--lists:"),
        (["--dev", "--destinations", "made"], 2, "MODULE:NAME"),
    ],
)
def test_what_it_does_not_begin_with(tmp_path, monkeypatch, capsys, options, code, message):
    for name in [name for name in os.environ if name.startswith("JOURNEYS_")]:
        monkeypatch.delenv(name)
    space = tmp_path / "space.json"
    space.write_text(json.dumps(DOCUMENT))
    assert main(["serve", str(space), "--store", "memory:", *options]) == code
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken(tmp_path, capsys):
    with serving(tmp_path) as server:
        options = ["--store", "memory:", "--dev", "--port", str(server.port)]
        assert main(["serve", str(server.space), *options]) == 2
    assert "cannot listen" in capsys.readouterr().err


def test_an_invalid_space(tmp_path, capsys):
    space = tmp_path / "space.json"
    space.write_text(json.dumps(DOCUMENT | {"journeys": [DOCUMENT["journeys"][0] | {"start": "nowhere"}]}))
    assert main(["serve", str(space), "--store", "memory:", "--dev"]) == 1
    assert "nowhere" in capsys.readouterr().err
