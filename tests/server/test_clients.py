"""Segment's own clients, unmodified, against the running server, which is killed and started again meanwhile."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeys import Evaluator
from journeys.server import Limits, create_app
from tests.server.support import (
    KEY,
    READ,
    TOKEN,
    WRITE,
    ServerProcess,
    environment,
    evaluator,
    in_thread,
    npm_installed,
    serving,
    track,
)

HERE = Path(__file__).parent
NODE_CLIENT = "@segment/analytics-node@3"
KINDS = ("track", "identify", "page", "screen", "group", "alias")


def calls(count: int, users: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """So many calls of every type: the method of a client and its arguments."""
    for n in range(count):
        user = f"u{n % users}"
        yield "track", {"user_id": user, "event": "Order Completed", "properties": {"n": n, "text": "ü €"}}
        yield "identify", {"user_id": user, "traits": {f"t{n}": n}}
        yield "page", {"user_id": user, "name": f"p{n}", "properties": {"path": "/"}}
        yield "screen", {"user_id": user, "name": f"s{n}"}
        yield "group", {"user_id": user, "group_id": f"g{n}", "traits": {"n": n}}
        yield "alias", {"previous_id": f"old{n}", "user_id": user}


def check_nothing_is_lost_or_doubled(url: str, count: int, users: int) -> dict[str, int]:
    """Compares what the store knows of everybody with what was sent."""
    with evaluator(url) as made:
        check(made, count, users)
        return made.counters


def check(made: Evaluator, count: int, users: int) -> None:
    """The same in an evaluator."""
    sent: dict[str, list[int]] = defaultdict(list)
    for n in range(count):
        sent[f"u{n % users}"].append(n)
    for user, numbers in sent.items():
        profile = made.profile(user)
        assert profile is not None
        traits, computed = profile.traits, profile.computed_traits
        assert sorted(computed["order_names"]) == numbers
        assert sorted(computed["page_names"]) == sorted(f"p{n}" for n in numbers)
        assert sorted(computed["screen_names"]) == sorted(f"s{n}" for n in numbers)
        counts = [computed[f"{kind}_count"] for kind in ("order", "page", "screen")]
        assert counts == [len(numbers)] * 3
        assert traits == {f"t{n}": n for n in numbers} | {f"groups.g{n}": {"n": n} for n in numbers}
        assert sorted(profile.linked_ids) == sorted(f"old{n}" for n in numbers)
        assert sorted(each.identifier for each in profile.instances) == numbers
    entered = Counter(record["profile"] for record in made.trace() if record["kind"] == "entered")
    assert {user: entered[user] for user in sent} == {user: len(numbers) for user, numbers in sent.items()}
    assert "rejected" not in made.counters


def run(server: ServerProcess, command: list[str], options: dict[str, Any], count: int, users: int, kills: int) -> None:
    """Sends everything with a client; the server is killed so often on the way."""
    file = server.space.with_name("calls.ndjson")
    file.write_text("".join(json.dumps(each) + "\n" for each in calls(count, users)))
    arguments = [server.address, KEY, str(file), json.dumps(options)]
    client = subprocess.Popen([*command, *arguments], env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(kills):
            begin, share = server.taken(), count * len(KINDS) // (kills + 1)
            while client.poll() is None and server.taken() - begin < share // 2:
                time.sleep(0.005)
            assert client.poll() is None, "the client was done before the server was killed"
            server.kill()
            server.start()
        printed, _ = client.communicate(timeout=3000)
    finally:
        client.kill()
        client.wait()
        assert client.stdout is not None
        client.stdout.close()
    assert (client.returncode, json.loads(printed)) == (0, [])
    assert server.stop() == 0
    assert "Traceback" not in server.errors.read_text()
    counters = check_nothing_is_lost_or_doubled(server.url, count, users)
    print(f"{count * len(KINDS)} calls, {kills} kills, {counters.get('duplicates', 0)} came twice")


PYTHON = [sys.executable, str(HERE / "send_python.py")]
PYTHON_OPTIONS: dict[str, Any] = {"upload_size": 20, "upload_interval": 0.05, "max_retries": 20}
NODE_OPTIONS: dict[str, Any] = {"flushAt": 20, "flushInterval": 50, "maxRetries": 20, "pause": 20}


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs the Node.js client; the library is installed into a directory of its own."""
    directory = npm_installed(tmp_path_factory.mktemp("node"), NODE_CLIENT)
    script = directory / "send.cjs"
    shutil.copy(HERE / "send_node.cjs", script)
    return ["node", str(script)]


def test_the_python_client(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        run(server, PYTHON, PYTHON_OPTIONS | {"gzip": True}, count=60, users=7, kills=1)


def test_the_node_client(tmp_path: Path, node: list[str]) -> None:
    with serving(tmp_path) as server:
        run(server, node, NODE_OPTIONS, count=60, users=7, kills=1)


def test_two_servers_on_one_store(tmp_path: Path) -> None:
    """I7: people whose calls come in here and there."""
    everything = list(calls(60, 7))
    with serving(tmp_path) as first:
        second = first.sibling()
        try:
            second.start()
            clients = []
            for number, server in enumerate((first, second)):
                file = tmp_path / f"calls-{number}.ndjson"
                file.write_text("".join(json.dumps(each) + "\n" for each in everything[number::2]))
                arguments = [server.address, KEY, str(file), json.dumps(PYTHON_OPTIONS)]
                clients.append(
                    subprocess.Popen([*PYTHON, *arguments], env=environment(), stdout=subprocess.PIPE, text=True)
                )
            assert [json.loads(client.communicate(timeout=120)[0]) for client in clients] == [[], []]
            assert [first.stop(), second.stop()] == [0, 0]
        finally:
            second.close()
        check_nothing_is_lost_or_doubled(first.url, 60, 7)


class Troubled:
    """Works long on the first call; then its store is away, then it stores without being able to say so."""

    def __init__(self, made: Evaluator) -> None:
        self.statuses: list[str] = []
        self.gate = threading.Event()
        feed_many = made.feed_many

        def troubled(calls: list[Any], *, group: int) -> Any:
            self.statuses.append("fed")
            if len(self.statuses) == 1:
                assert self.gate.wait(30)
            elif len(self.statuses) == 2:
                raise sqlite3.OperationalError("disk I/O error")
            answers = feed_many(calls, group=group)
            if len(self.statuses) == 3:
                raise ConnectionResetError("the commit was done, and its answer lost")
            return answers

        made.feed_many = troubled  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("client", ["python", "node"])
def test_clients_wait_and_send_again_when_the_server_is_busy_or_fails(
    tmp_path: Path, client: str, request: pytest.FixtureRequest
) -> None:
    command: list[str] = PYTHON if client == "python" else request.getfixturevalue("node")
    options = PYTHON_OPTIONS if client == "python" else NODE_OPTIONS | {"gzip": True}
    made = evaluator()
    troubled = Troubled(made)
    app = create_app(made, write_keys=[KEY], read_token=TOKEN, limits=Limits(requests=1))
    file = tmp_path / "calls.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in calls(6, 2)))
    with in_thread(app) as address, httpx.Client(base_url=address, headers=WRITE, timeout=60) as http:
        first = threading.Thread(target=http.post, args=("/v1/track",), kwargs={"json": track(0, user="other")})
        first.start()
        arguments = [address, KEY, str(file), json.dumps(options)]
        process = subprocess.Popen([*command, *arguments], env=environment(), stdout=subprocess.PIPE, text=True)
        try:
            metrics = ""
            while 'status="429"' not in metrics:
                time.sleep(0.02)
                metrics = http.get("/metrics", headers=READ).text
            troubled.gate.set()
            printed, _ = process.communicate(timeout=120)
        finally:
            process.kill()
            process.wait()
        first.join()
        metrics = http.get("/metrics", headers=READ).text
    assert json.loads(printed) == []
    assert 'journeys_requests_total{path="/v1/batch",status="429"}' in metrics
    assert 'journeys_requests_total{path="/v1/batch",status="503"}' in metrics
    assert made.counters["duplicates"] > 0
    check(made, 6, 2)


@pytest.mark.soak
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("client", ["python", "node"])
def test_ten_thousand_calls_of_every_type(
    tmp_path: Path, client: str, gzip: bool, request: pytest.FixtureRequest
) -> None:
    command: list[str] = PYTHON if client == "python" else request.getfixturevalue("node")
    options = (
        (PYTHON_OPTIONS | {"upload_size": 100}) if client == "python" else (NODE_OPTIONS | {"flushAt": 100, "pause": 1})
    )
    with serving(tmp_path) as server:
        run(server, command, options | {"gzip": gzip}, count=10_000, users=500, kills=5)
