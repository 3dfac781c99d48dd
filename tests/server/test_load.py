"""Back-pressure, groups, failures of the store, and an end without loss."""

import asyncio
import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient

from journeys.errors import Conflict
from journeys.server import Limits, create_app
from journeys.server._metrics import Metrics
from journeys.server._writer import Full, Stopped, Writer
from tests.server.support import READ, TOKEN, evaluator, track


class Gate:
    """Holds an evaluator's ``feed_many``, and notes the groups that come to it."""

    def __init__(self, made):
        self.groups = []
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.fail = None
        feed_many = made.feed_many

        def gated(calls, *, group):
            self.groups.append([call["properties"]["n"] for call in calls])
            self.entered.set()
            assert self.opened.wait(30)
            if self.fail is not None:
                self.fail(calls)
            return feed_many(calls, group=group)

        made.feed_many = gated


@pytest.fixture
def gate(made):
    return Gate(made)


def app_of(made, **limits):
    return create_app(made, write_keys=None, read_token=TOKEN, limits=Limits(**limits))


async def clients(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not become true")


async def post(client, n, **fields):
    return await client.post("/v1/track", json=track(n, **fields))


async def test_requests_that_come_meanwhile_are_committed_together(made, gate):
    app = app_of(made)
    async with await clients(app) as client:
        first = asyncio.ensure_future(post(client, 0))
        await until(gate.entered.is_set)
        others = [asyncio.ensure_future(post(client, n)) for n in range(1, 21)]
        await until(lambda: app.state.writer.queued[0] == 20)
        assert not first.done()
        gate.opened.set()
        answers = await asyncio.gather(first, *others)
    assert [each.json() for each in answers] == [{"success": True}] * 21
    assert [sorted(each) for each in gate.groups] == [[0], list(range(1, 21))]
    assert made.profile("u1").computed_traits["order_count"] == 21


async def test_a_group_is_not_larger_than_it_may_be(made, gate):
    app = app_of(made, group=8)
    async with await clients(app) as client:
        first = asyncio.ensure_future(post(client, 0))
        await until(gate.entered.is_set)
        batches = [
            asyncio.ensure_future(client.post("/v1/batch", json={"batch": [track(n * 3 + k) for k in range(3)]}))
            for n in range(1, 6)
        ]
        await until(lambda: app.state.writer.queued[0] == 15)
        gate.opened.set()
        await asyncio.gather(first, *batches)
    assert [len(each) for each in gate.groups] == [1, 6, 6, 3]


async def test_a_full_queue_is_answered_429(made, gate):
    app = app_of(made, queued_calls=3, retry_after=7)
    async with await clients(app) as client:
        taken = [asyncio.ensure_future(post(client, 0))]
        await until(gate.entered.is_set)
        taken += [asyncio.ensure_future(post(client, n)) for n in range(1, 4)]
        await until(lambda: app.state.writer.queued[0] == 3)
        refused = await post(client, 9)
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "busy", "7")
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "busy"})
        assert (await client.get("/health")).status_code == 200
        gate.opened.set()
        assert [each.status_code for each in await asyncio.gather(*taken)] == [200] * 4
        assert (await post(client, 9)).status_code == 200
        assert (await client.get("/ready")).status_code == 200
    assert made.profile("u1").computed_traits["order_names"] == [0, 1, 2, 3, 9]


async def test_so_is_a_queue_with_too_many_bytes_and_too_many_requests(made, gate):
    app = app_of(made, queued_bytes=500, requests=6)
    async with await clients(app) as client:
        taken = [asyncio.ensure_future(post(client, 0))]
        await until(gate.entered.is_set)
        answers = [asyncio.ensure_future(post(client, n, context={"text": "x" * 100})) for n in range(1, 5)]
        await until(lambda: sum(each.done() for each in answers) == 2)
        assert {each.result().status_code for each in answers if each.done()} == {429}
        small = [asyncio.ensure_future(client.post("/v1/batch", json={"batch": []})) for _ in range(3)]
        assert {(await each).status_code for each in small} == {200}
        gate.opened.set()
        assert {each.status_code for each in await asyncio.gather(*taken, *answers)} == {200, 429}
    app = app_of(made, requests=1)
    gate.opened.clear()
    gate.entered.clear()
    async with await clients(app) as client:
        first = asyncio.ensure_future(post(client, 20))
        await until(gate.entered.is_set)
        assert (await post(client, 21)).status_code == 429
        gate.opened.set()
        assert (await first).status_code == 200


def test_a_batch_that_is_larger_than_the_queue_is_taken_when_nothing_waits(made):
    client = TestClient(app_of(made, queued_calls=2, queued_bytes=10))
    assert client.post("/v1/batch", json={"batch": [track(n) for n in range(50)]}).json() == {"success": True}


def test_a_body_that_comes_too_slowly(made):
    app = app_of(made, body_seconds=0.05)

    async def run():
        async def body():
            yield b'{"userId"'
            await asyncio.sleep(5)

        async with await clients(app) as client:
            return await client.post("/v1/track", content=body())

    response = asyncio.run(run())
    assert (response.status_code, response.json()["code"]) == (408, "too_slow")
    assert response.headers["connection"] == "close"


# failures


async def failing_group(made, gate, fail, **fields):
    app = app_of(made)
    async with await clients(app) as client:
        first = asyncio.ensure_future(post(client, 0))
        await until(gate.entered.is_set)
        others = [asyncio.ensure_future(post(client, n, **fields, messageId=f"m{n}")) for n in range(1, 6)]
        await until(lambda: app.state.writer.queued[0] == 5)
        gate.fail = fail
        first.cancel()  # whoever asked has gone away: what was begun goes on
        gate.opened.set()
        return [(each.status_code, each.headers.get("retry-after")) for each in await asyncio.gather(*others)]


async def test_one_request_that_fails_does_not_fail_the_others(made, gate):
    def fail(calls):
        if any(call["properties"]["n"] == 3 for call in calls):
            raise RuntimeError("a bug that call 3 meets")

    answers = await failing_group(made, gate, fail)
    assert answers == [(200, None), (200, None), (503, "1"), (200, None), (200, None)]
    assert made.profile("u1").computed_traits["order_names"] == [0, 1, 2, 4, 5]


async def test_a_store_that_is_away_fails_all_of_them(made, gate):
    def fail(calls):
        raise sqlite3.OperationalError("disk I/O error")

    answers = await failing_group(made, gate, fail)
    assert answers == [(503, "1")] * 5
    assert len(gate.groups) == 4  # the first, the group, and two that were tried alone
    gate.fail = None
    async with await clients(app_of(made)) as client:
        assert (await post(client, 1)).status_code == 200


async def test_what_may_have_been_stored_is_not_repeated_unless_it_can_be_told(made, gate):
    groups = []

    def fail(calls):
        groups.append(len(calls))
        if len(calls) > 1:
            raise OSError("the connection broke while it was committing")

    app = app_of(made)
    async with await clients(app) as client:
        first = asyncio.ensure_future(post(client, 0))
        await until(gate.entered.is_set)
        others = [asyncio.ensure_future(post(client, n)) for n in (1, 2)]
        others.append(asyncio.ensure_future(post(client, 3, messageId="m3")))
        await until(lambda: app.state.writer.queued[0] == 3)
        gate.fail = fail
        gate.opened.set()
        assert [each.status_code for each in await asyncio.gather(first, *others)] == [200, 503, 503, 200]
    assert made.profile("u1").computed_traits["order_names"] == [0, 3]


async def test_after_a_conflict_nothing_was_stored(made, gate):
    def fail(calls):
        if len(calls) > 1:
            raise Conflict("others were faster")

    answers = await failing_group(made, gate, fail)
    assert answers == [(200, None)] * 5


def test_a_real_store_that_is_locked(tmp_path):
    """A store that cannot write now is answered 503; nothing of it appears later (D3), and it goes on when it can."""
    from journeys.runtime.stores.sqlite import SQLiteStore

    made = evaluator(SQLiteStore(tmp_path / "journeys.db", timeout=0.1))
    client = TestClient(app_of(made))
    other = sqlite3.connect(tmp_path / "journeys.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = client.post("/v1/track", json=track(1, messageId="m1"))
    assert (response.status_code, response.json()["code"]) == (503, "not_stored")
    other.execute("ROLLBACK")
    other.close()
    assert client.post("/v1/track", json=track(2, user="u2")).status_code == 200
    assert [record["profile"] for record in made.trace()] == ["u2", "u2"]
    assert client.post("/v1/track", json=track(1, messageId="m1")).status_code == 200
    assert made.profile("u1").computed_traits["order_count"] == 1
    made.close()
    assert client.get("/ready").json() == {"status": "no_store"}


# the end


def test_closing_answers_what_waits_and_takes_no_more(made, gate):
    writer = Writer(made, Limits(), Metrics())
    futures = [writer.submit([track(n)], 100) for n in range(5)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    deadline = time.monotonic() + 10
    while not writer.is_closed:
        assert time.monotonic() < deadline
    with pytest.raises(Stopped):
        writer.submit([track(9)], 100)
    gate.opened.set()
    closing.join()
    assert [future.result()[0].status for future in futures] == ["accepted"] * 5
    writer.close()
    writer.open()
    assert writer.submit([track(9)], 100).result(10)[0].is_accepted
    writer.close()


def test_the_app_ends_and_begins_again_with_its_lifespan(made):
    app = app_of(made)
    for n in range(2):
        with TestClient(app) as client:
            assert client.post("/v1/track", json=track(n)).status_code == 200
            assert client.get("/v1/journeys", headers=READ).status_code == 200
    client = TestClient(app)  # without its lifespan: as it is after the end
    assert client.post("/v1/track", json=track(3)).json()["code"] == "stopping"
    assert client.get("/ready").json() == {"status": "stopping"}


def test_a_client_that_has_gone_away_before_its_turn_is_left_out(made, gate):
    writer = Writer(made, Limits(queued_calls=2), Metrics())
    first = writer.submit([track(0)], 1)
    assert gate.entered.wait(10)
    gone, last = writer.submit([track(1)], 1), writer.submit([track(2)], 1)
    with pytest.raises(Full):
        writer.submit([track(3)], 1)
    assert gone.cancel()
    gate.opened.set()
    assert last.result(10)[0].is_accepted and first.result(10)[0].is_accepted
    assert gate.groups == [[0], [2]] and writer.queued == (0, 0)
    writer.close()


def test_many_threads_lose_and_double_nothing(tmp_path):
    made = evaluator(f"sqlite:///{tmp_path}/journeys.db")
    with TestClient(app_of(made, queued_calls=8)) as client:

        def send(n):
            for _ in range(200):
                body = json.dumps(track(n, user=f"u{n % 7}", messageId=f"m{n}"))
                status = client.post("/v1/track", content=body).status_code
                if status == 200:
                    return 1
                assert status == 429
                time.sleep(0.01)
            return 0

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(send, range(300))) == 300
    found = [made.profile(f"u{k}").computed_traits for k in range(7)]
    assert sorted(n for each in found for n in each["order_names"]) == sorted(range(300))
    assert sum(each["order_count"] for each in found) == 300
    made.close()
