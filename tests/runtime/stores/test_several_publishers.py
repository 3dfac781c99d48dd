"""Workers that publish, pause, migrate and feed at once on one store give the trace of one (I7, section V)."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import Evaluator, Journey, ManualClock, PublishRefused
from journeys.codec import load_journey, load_space
from journeys.runtime import _core
from journeys.runtime._core import GENERATION
from journeys.runtime._publishing import PENDING
from journeys.runtime.stores import open_store
from tests.support import Json, at, branch, delay, did, hold, identify, journey, on, send, space, track

CLOCK = at("PT10H")
STEPS = {
    "hold": hold("P2D", branch("x", "Order", "mail"), branch("again", "Start", restart=True), timeout="mail"),
    "mail": send(),
}
CART = journey(STEPS, key="cart", entry=on("Start", identifier="cart"), exit_rules=[{"key": "gone", "event": "Gone"}])
BUYER = journey(
    {"mail": send("wait", to="crm"), "wait": delay("P3D")},
    key="buyer",
    entry=did("Order", count={"at_least": 2}, within="PT1H"),
    exit_after="P1D",
    reentry_after="PT2H",
)
SPACE = load_space(space(CART, BUYER))


def edited(number: int, kind: str) -> Journey:
    """The next version of one of them; which it is the store decides."""
    if kind == "refused":  # nothing takes those who hold
        changed = {**CART, "steps": {"other": STEPS["mail"]}, "start": "other", "on_previous": {"migrate": {}}}
        return load_journey(changed)
    if kind == "entry":
        return load_journey({**BUYER, "entry": {"type": "condition_entry", "condition": did("Order")}})
    name = f"hold{number}"
    steps = {name: STEPS["hold"], "mail": send("wait"), "wait": delay(f"PT{number + 1}H")}
    names = dict.fromkeys(["hold", *(f"hold{n}" for n in range(99))], name)  # whatever version they are in now
    on_previous = {"migrate": names} if kind == "migrate" else kind
    return load_journey({**CART, "steps": steps, "start": name, "on_previous": on_previous})


class Watched:
    """A store that notes in which generation which change began."""

    def __init__(self, store: Any, begun: dict[int, tuple[Json, str | None]]) -> None:
        self.store = store
        self.begun = begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, changes: Any) -> None:
        self.store.commit(changes)
        if GENERATION in changes.notes and changes.notes.get(PENDING):
            operation = json.loads(changes.notes[PENDING])
            notes = operation.pop("check", changes.notes)
            published = notes.get(f"journey:{operation['key']}@{operation['version']}")
            self.begun[int(changes.notes[GENERATION])] = (operation, published)


def feeder(worker: Evaluator, name: int, count: int, rng: random.Random, said: list[tuple[int, Json]]) -> None:
    """One call after the other for people of its own; with each, under which library it was committed."""
    for n in range(count):
        user, when = f"u{name}-{rng.randrange(5)}", f"PT{n * 7 % 540}M"
        kind = rng.choice(["Start", "Start", "Order", "Order", "Gone", "Nobody"])
        call = track(kind, when, user, id=f"{name}-{n}", cart=f"c{n % 2}")
        if rng.random() < 0.1:
            call = identify(when, user, anon=f"a{user}-{rng.randrange(2)}", id=f"{name}-{n}", n=n)
        worker.feed(call)
        said.append((int(worker._core.generation), call))


def changer(worker: Evaluator, number: int, count: int, rng: random.Random, are_fed: Callable[[float], bool]) -> None:
    for n in range(count):
        while not are_fed(n / count):
            time.sleep(0.001)
        kind = rng.choice(["migrate", "migrate", "drain", "refused", "archive", "entry", "pause", "resume"])
        try:
            if kind in ("pause", "resume"):
                getattr(worker, kind)(rng.choice(["cart", "buyer"]))
            else:
                worker.publish(edited(number * 20 + n, kind))
        except PublishRefused:
            pass


def one_after_the_other(begun: dict[int, tuple[Json, str | None]], said: list[list[tuple[int, Json]]]) -> Evaluator:
    """The same by one worker in memory: each change where it began, each call where it was committed."""
    one = Evaluator(SPACE, clock=ManualClock(CLOCK))
    last = max([*begun, *(generation for each in said for generation, _ in each)])
    for generation in range(1, last + 1):
        operation, published = begun.get(generation, (None, None))
        if operation is not None and operation["operation"] == "publish":
            assert published is not None
            try:
                one.publish(load_journey(json.loads(published)["journey"]))
            except PublishRefused:
                pass
        elif operation is not None:
            {"paused": one.pause, "live": one.resume}[operation["operation"]](operation["key"])
        for each in said:
            for call in (call for known, call in each if known == generation):
                one.feed(call)
    one.settle("2026-01-20T00:00:00Z")
    return one


def at_once(opened: Callable[[], Any], seed: int, *, feeders: int, publishers: int, calls: int, changes: int) -> None:
    rng = random.Random(seed)
    begun: dict[int, tuple[Json, str | None]] = {}
    workers = [
        Evaluator(SPACE, store=Watched(opened(), begun), clock=ManualClock(CLOCK)) for _ in range(feeders + publishers)
    ]
    said: list[list[tuple[int, Json]]] = [[] for _ in range(feeders)]
    failures: list[BaseException] = []

    def guarded(work: Callable[..., None], *args: Any) -> threading.Thread:
        def run() -> None:
            try:
                work(*args)
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def are_fed(share: float) -> bool:
        return bool(failures) or sum(map(len, said)) >= 0.9 * share * feeders * calls

    seeds = [random.Random(rng.random()) for _ in workers]
    threads = [
        guarded(feeder, workers[n], n, calls, seeds[n], said[n]) for n in range(feeders)
    ] + [
        guarded(changer, workers[feeders + n], n, changes, seeds[feeders + n], are_fed) for n in range(publishers)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not failures, failures
    workers[0].settle("2026-01-20T00:00:00Z")
    expected = one_after_the_other(begun, said)
    assert list(workers[0].trace()) == list(expected.trace())
    for name in ("missing_identifier", "late", "unwanted", "rejected"):
        assert workers[0].counters.get(name) == expected.counters.get(name)
    fresh = Evaluator(attrs.evolve(SPACE, journeys=()), store=opened(), clock=ManualClock(CLOCK))
    assert fresh.journeys == expected.journeys
    kinds = {record["kind"] for record in expected.trace()}
    assert {"entered", "exited", "sent"} <= kinds and len(fresh.journeys) > 4
    for each in [*workers, fresh]:
        each.close()


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, new_schema: Callable[[], str]) -> Callable[[], Any]:
    """Opens the same store again and again."""
    if request.param == "sqlite":
        return lambda: open_store(f"sqlite:///{tmp_path}/a.db")
    url, schema = request.getfixturevalue("postgres_url"), new_schema()
    from journeys.runtime.stores import PostgresStore

    return lambda: PostgresStore(url, schema=schema)


@pytest.fixture
def in_small_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "ADVANCE_BATCH", 3)


@pytest.mark.usefixtures("in_small_passes")
def test_publishing_while_others_feed_and_publish(opened: Callable[[], Any]) -> None:
    """I7, V1, V2, E5: each change is between two inputs of everybody, and is made once."""
    at_once(opened, 3, feeders=3, publishers=2, calls=60, changes=6)


@pytest.mark.soak
@pytest.mark.usefixtures("in_small_passes")
@pytest.mark.parametrize("seed", range(20))
def test_publishing_while_others_feed_and_publish_soak(opened: Callable[[], Any], seed: int) -> None:
    at_once(opened, seed, feeders=5, publishers=3, calls=300, changes=12)


# a worker that dies on the way


class Dying:
    """A store whose worker dies at a call, before or after it was done."""

    def __init__(self, store: Any, at: int, after: bool) -> None:
        self.store, self.left, self.after = store, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self.after):
                raise MemoryError("dead")
            answer = method(*args, **kwargs)
            if self.left == 0:
                raise MemoryError("dead")
            return answer

        return call


def prepared(path: Path) -> str:
    url = f"sqlite:///{path}"
    with Evaluator(SPACE, store=url, clock=ManualClock(CLOCK)) as worker:
        worker.feed_many([track("Start", f"PT{n}M", f"u{n}", cart="c", id=f"m{n}") for n in range(8)])
        worker.feed_many([track("Order", f"PT{n}M", f"v{n % 4}", id=f"o{n}") for n in range(8)])
    return url


@pytest.mark.usefixtures("in_small_passes")
@pytest.mark.parametrize("kind", ["migrate", "archive", "refused"])
def test_another_worker_ends_what_a_dead_one_has_begun(tmp_path: Path, kind: str) -> None:
    """I4, V2: at whichever call of the store it dies, all of it has happened or nothing."""
    traces = []
    for dies_at in range(-1, 200):
        url = prepared(tmp_path / f"{dies_at}.db")
        dying = Dying(open_store(url), 1 << 30, dies_at % 2 == 0)
        first = Evaluator(SPACE, store=dying, clock=ManualClock(CLOCK))
        dying.left = 1 << 30 if dies_at < 0 else dies_at // 2 + 1
        try:
            first.publish(edited(0, kind))
        except (MemoryError, PublishRefused):
            pass
        has_died = dying.left <= 0
        with Evaluator(attrs.evolve(SPACE, journeys=()), store=url, clock=ManualClock(CLOCK)) as second:
            second.feed(track("Start", "PT9H", "new", id="after"))
            second.settle("2026-01-20T00:00:00Z")
            traces.append((len(second.journeys), list(second.trace())))
        dying.store.close()
        if dies_at >= 0 and not has_died:
            break
    else:
        raise AssertionError("it never came to its end")
    done, untouched = traces[0], traces[1]
    assert all(each in (done, untouched) for each in traces)
    assert traces[-1] == done and traces.count(done) > 2
    assert (done == untouched) == (kind == "refused")


def test_what_another_worker_has_let_in_is_in_the_list(tmp_path: Path) -> None:
    """V2: a migration is refused with the steps that hold people, and nothing moves; later it may be published."""
    url = f"sqlite:///{tmp_path}/a.db"
    with (
        Evaluator(SPACE, store=url, clock=ManualClock(CLOCK)) as one,
        Evaluator(SPACE, store=url, clock=ManualClock(CLOCK)) as other,
    ):
        other.feed(track("Start", "0", "u1", cart="c"))
        with pytest.raises(PublishRefused, match="1 instance waits at 'hold'"):
            one.publish(edited(0, "refused"))
        for each in (one, other):
            assert [journey.version for journey in each.journeys if journey.key == "cart"] == [1]
        other.feed(track("Order", "PT1H", "u1", cart="c"))
        assert one.publish(edited(0, "refused")).version == 2
        other.feed(track("Start", "PT2H", "u1", cart="c"))
        assert [record["version"] for record in other.trace(journey="cart") if record["kind"] == "entered"] == [1, 2]
