from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
from typing import Any

import attrs
import pytest

from journeys import errors
from journeys.destinations import Function, Record, Secret, Webhook, basic, bearer, env, secret
from journeys.ports import AsyncDestination, Delivery, Destination, ListDestination
from journeys.runtime.destinations._secrets import masked
from tests.runtime.destinations.support import TRACK, delivery

# ----------------------------------------------------------------------------------------------- Record and Function


def test_record() -> None:
    record = Record()
    record.deliver(delivery())
    asyncio.run(record.deliver_async(delivery(id="2")))
    assert [each.id for each in record.deliveries] == [TRACK["messageId"], "2"]
    assert record.payloads == [TRACK, TRACK]
    record.clear()
    assert record.payloads == []
    assert isinstance(record, Destination)
    assert isinstance(record, AsyncDestination)
    assert not isinstance(record, ListDestination)
    assert isinstance(Record(list=True), ListDestination)


def test_record_has_the_same_limit_as_the_others() -> None:
    with pytest.raises(errors.Rejected, match="is over 32,768"):
        Record().deliver(delivery("x" * 40_000))


def test_function() -> None:
    got: list[Any] = []
    Function(got.append).deliver(delivery())
    asyncio.run(Function(got.append).deliver_async(delivery()))

    async def take(each: Delivery) -> None:
        await asyncio.sleep(0)
        got.append((each, threading.get_ident()))

    Function(take).deliver(delivery())
    asyncio.run(Function(take).deliver_async(delivery()))

    async def in_a_loop() -> None:
        Function(take).deliver(delivery())

    asyncio.run(in_a_loop())
    assert [each if isinstance(each, Delivery) else each[0] for each in got] == [delivery()] * 5
    assert [each[1] == threading.get_ident() for each in got[2:]] == [True, True, False]


def test_async_callables_that_are_objects() -> None:
    class Taker:
        def __init__(self) -> None:
            self.got: list[Delivery] = []

        async def __call__(self, each: Delivery) -> None:
            self.got.append(each)

    taker = Taker()
    Function(taker).deliver(delivery())
    asyncio.run(Function(taker).deliver_async(delivery()))
    assert len(taker.got) == 2


@pytest.mark.parametrize("error", [errors.Rejected("no"), errors.Retry("later", after=5), KeyError("x")])
def test_what_a_function_raises_is_passed_on(error: Exception) -> None:
    def fail(_: Any) -> None:
        raise error

    async def fail_async(_: Any) -> None:
        raise error

    async def in_a_loop() -> None:
        Function(fail_async).deliver(delivery())

    for call in (
        lambda: Function(fail).deliver(delivery()),
        lambda: Function(fail_async).deliver(delivery()),
        lambda: asyncio.run(Function(fail).deliver_async(delivery())),
        lambda: asyncio.run(Function(fail_async).deliver_async(delivery())),
        lambda: asyncio.run(in_a_loop()),
    ):
        with pytest.raises(type(error)) as told:
            call()
        assert told.value is error


def test_a_function_as_a_list() -> None:
    got: list[Any] = []
    function: Any = Function(got.append, list=True)
    function.deliver_batch([delivery(id="1"), delivery(id="2")])
    function.deliver(delivery(id="3"))
    asyncio.run(function.deliver_async(delivery(id="4")))
    assert [[each.id for each in batch] for batch in got] == [["1", "2"], ["3"], ["4"]]
    assert not hasattr(Function(got.append), "deliver_batch")


def test_no_callable() -> None:
    with pytest.raises(TypeError, match="expected a callable"):
        Function("print")  # type: ignore[arg-type]


def test_trials() -> None:
    record = Record()
    assert (record.test(delivery()).outcome, record.deliveries) == ("not sent", [])
    assert (record.test(delivery(), send=True).outcome, len(record.deliveries)) == ("done", 1)

    def fail(each: Delivery) -> None:
        raise errors.Rejected("no") if each.id == "1" else ZeroDivisionError

    assert Function(fail).test(delivery(id="1"), send=True).outcome == "rejected"
    trial = Function(fail).test(delivery(id="2"), send=True)
    assert (trial.outcome, trial.reason) == ("retry", "ZeroDivisionError")
    assert "Cart Abandoned" in str(trial)


# ---------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "make", [Secret, secret, lambda text: env("T", {"T": text}), lambda text: bearer(Secret(text))]
)
def test_a_secret_does_not_show_itself(make: Any) -> None:
    hidden = make("taint")
    shown = [
        repr(hidden),
        str(hidden),
        f"{hidden}",
        f"{hidden:>20}",
        repr([hidden]),
        repr({"x": hidden}),
    ]
    assert not any("taint" in each for each in shown)
    assert hidden.reveal().endswith("taint")
    assert copy.copy(hidden) is hidden
    assert copy.deepcopy(hidden) is hidden
    assert not hasattr(hidden, "__dict__")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(hidden)
    with pytest.raises(TypeError):
        json.dumps(hidden)


def test_secrets_that_are_none() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        secret("")
    with pytest.raises(TypeError, match="got int") as told:
        secret(12345)  # type: ignore[arg-type]
    assert "12345" not in str(told.value)
    with pytest.raises(errors.Retry, match="variable T is not set"):
        env("T", {"T": ""}).reveal()


def test_an_environment_variable_is_named(monkeypatch) -> None:
    monkeypatch.setenv("JOURNEYS_T", "taint")
    assert repr(env("JOURNEYS_T")) == "Secret(JOURNEYS_T)"
    assert env("JOURNEYS_T").reveal() == "taint"


def test_attrs_tools_do_not_show_secrets() -> None:
    hook = Webhook("https://hooks.example/taint", secret="whsec_" + "taint123" * 5, headers={"x-y": "taint"})
    assert "taint" not in repr(hook)
    assert "taint" not in repr(attrs.asdict(hook, filter=lambda field, _: field.metadata.get("secret", False)))


@pytest.mark.parametrize("text", ['pä"ss wörd/+=', "a" * 40, "x y", "%41"])
def test_masking_finds_every_form(text: str) -> None:
    from urllib.parse import quote, quote_plus, urlencode

    hidden = [Secret(text), basic("user", text)]
    forms = [text, json.dumps(text), json.dumps(text, ensure_ascii=False), quote(text), quote(text, safe="")]
    forms += [quote_plus(text), urlencode({"k": text}), basic("user", text).reveal(), basic("user", text).reveal()[6:]]
    for form in forms:
        shown = masked(f"before {form} after", hidden)
        assert "[secret]" in shown
        assert form not in shown
