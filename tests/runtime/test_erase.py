"""V6: when ``erase`` returns, nothing that the store keeps names the profile, its linked ids or its traits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from journeys import Evaluator, ManualClock
from journeys.errors import Rejected
from journeys.runtime.delivery import CircuitBreaker, DestinationPolicy
from journeys.runtime.stores import MemoryStore
from tests.support import ad, alias, at, branch, delay, did, hold, identify, journey, on, send, space, track, trait

Json = dict[str, Any]

PAGE = journey(
    {
        "mail": send("crm", to="email"),
        "crm": send("list", to="crm", traits=["secret"]),
        "list": ad("hold", to="ads"),
        "hold": hold("PT9H", branch("order", "Order"), timeout="late"),
        "late": send(to="email"),
    },
    key="page",
    entry=on("Start", identifier="n"),
)
KNOWN = journey({"wait": delay("PT5H", "mail"), "mail": send(to="email")}, key="known", entry=trait("secret", "exists"))
DOCUMENT = space(PAGE, KNOWN, audiences=[{"key": "buyers", "condition": did("Order")}])


class Down:
    """Never there, and of some deliveries it says that they are wrong."""

    def deliver(self, delivery: Any) -> None:
        if int(delivery.id, 16) % 2:
            raise Rejected(f"no such address: {delivery.profile}")
        raise TimeoutError(delivery.body)


@pytest.fixture(params=["memory", "object", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, new_schema: Callable[[], str]) -> Any:
    """A URL, and what reads everything that is kept there."""
    if request.param == "memory":
        return "memory:", None
    if request.param == "object":
        return MemoryStore(), None
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db", lambda: sqlite_rows(tmp_path / "a.db")
    url, schema = request.getfixturevalue("postgres_url"), new_schema()
    return f"{url}&schema={schema}", lambda: postgres_rows(url, schema)


def sqlite_rows(path: Path) -> Iterator[str]:
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table}").fetchall():
            yield f"{table}: {row!r}"
    connection.close()


def postgres_rows(url: str, schema: str) -> Iterator[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
        for (table,) in found:
            for row in connection.execute(f'SELECT * FROM "{schema}"."{table}"'.encode()).fetchall():
                yield f"{table}: {row!r}"


def everything(thing: Any, seen: set[int]) -> Iterator[str]:
    """Every text that can be reached from an object."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, str | bytes):
        yield repr(thing)
        return
    parts: list[Any] = []
    if isinstance(thing, dict):
        parts += [*thing.keys(), *thing.values()]
    elif isinstance(thing, Iterable) and not isinstance(thing, Iterator) and type(thing).__module__ != "threading":
        parts += list(thing)
    if type(thing).__module__.startswith(("journeys", "collections")):
        parts.append(getattr(thing, "__dict__", None))
        slots = (name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ()))
        parts += [getattr(thing, name, None) for name in slots if name not in ("__weakref__", "__dict__")]
    for part in parts:
        yield from everything(part, seen)


def lived_through(url: str, document: Json) -> Evaluator:
    """A person with everything that one can have, beside another who shares a device with it."""
    policy = DestinationPolicy(breaker=CircuitBreaker(failures=10**6))
    destinations = dict.fromkeys(("email", "crm", "ads", "social"), Down())
    made = Evaluator(
        document, store=url, destinations=destinations, clock=ManualClock(at("0")),
        policies=dict.fromkeys(destinations, policy),
    )  # fmt: skip
    marked: Json = {"n": "taint-cart", "note": "taint-note"}
    made.feed_many(
        [
            track("Start", "PT1M", None, anon="taint-device", id="taint-m1", **marked),
            track("Start", "PT2M", "clean", id="m2", n="clean-cart"),
            track("Start", "PT3M", "taint-old", id="taint-m3", **marked),
            identify("PT4M", "taint-old", anon="taint-device", id="taint-m4", secret="taint-secret"),
            identify("PT4M", "clean", id="m4", secret="clean-secret"),
            alias("taint-old", "taint-new", "PT5M", id="taint-m5"),
            track("Order", "PT6M", "clean", anon="clean-phone", id="m6"),
            track("Start", "PT7M", "taint-new", anon="taint-phone", id="taint-m7", n=7),
            track("Start", "PT8M", "clean", anon="taint-device", id="m8", n="second-cart"),
            track("Order", "PT9M", "taint-new", anon="clean-phone", id="taint-m9"),
        ]
    )
    made.deliver()
    made.advance(at("PT20M"))
    made.deliver()
    return made


@pytest.mark.parametrize(
    ("who", "lateness"),
    [
        ({"user_id": "taint-new"}, None),
        ({"user_id": "taint-old"}, "PT5M"),
        ({"anonymous_id": "taint-device"}, "PT5M"),
        ({"user_id": "taint-new"}, "PT2H"),
    ],
)
def test_nothing_names_who_was_erased(place: Any, who: Json, lateness: str | None) -> None:
    url, rows = place
    document = DOCUMENT if lateness is None else {**DOCUMENT, "settings": {"allowed_lateness": lateness}}
    made = lived_through(url, document)
    if lateness == "PT2H":  # all of it waits, and nobody is linked: each id is somebody else's
        for each in ({"anonymous_id": "taint-device"}, {"anonymous_id": "taint-phone"}, {"user_id": "taint-old"}):
            made.erase(**each)
        who = {"user_id": "taint-new"}
    erased = made.erase(**who)
    if lateness != "PT2H":
        assert set(erased) == {"taint-device", "taint-new", "taint-old", "taint-phone"}
    kept = [made.store] if url != "memory:" else [made._core, made._publisher, made._deliverer, made.store]
    left = everything(kept, set()) if rows is None else rows()
    assert [text for text in left if "taint" in text] == []
    # and the other one is whole
    made.advance(at("P1D"))
    assert made.profile("clean") is not None
    kinds = [record["kind"] for record in made.trace(profile="clean")]
    assert kinds.count("entered") == (3 if lateness != "PT2H" else kinds.count("entered"))
    assert json.dumps(list(made.trace())).count("taint") == 0
    made.close()
