"""Calls from iterators: fed in groups, committed at their source when they are durable."""

import asyncio
import json
import threading
import time

import pytest

from journeys import Evaluator
from journeys.codec import load_space
from journeys.contrib.streams import Consumed, as_call, consume, consume_async
from journeys.errors import InvalidCall
from journeys.runtime.async_evaluator import AsyncEvaluator
from tests.support import journey, space

DOCUMENT = space(
    journey(entry={"type": "event_entry", "event": "Start", "identifier": "n"}),
    computed_traits=[{"key": "starts", "type": "event_counter", "event": "Start"}],
)


def track(n, user="u", event="Start"):
    return {"type": "track", "userId": user, "event": event, "properties": {"n": n}, "messageId": f"m{n}"}


def evaluator(store=None):
    return Evaluator(load_space(DOCUMENT), store=store)


class Noting:
    """An evaluator and a source that note what happens in which order."""

    def __init__(self, store=None):
        self.evaluator = evaluator(store)
        self.log = []
        feed_many = self.evaluator.feed_many

        def noting(calls, *, group):
            answers = feed_many(calls, group=group)
            self.log.append(("fed", [call["properties"]["n"] for call in calls]))
            return answers

        self.evaluator.feed_many = noting

    def commit(self, message):
        self.log.append(("committed", message["properties"]["n"]))

    def reject(self, message, answer):
        self.log.append(("rejected", answer.reason))


def test_each_message_is_committed_after_it_was_fed():
    noting = Noting()
    told = consume(noting.evaluator, map(track, range(3)), commit=noting.commit)
    assert told == Consumed(accepted=3) and told.total == 3
    assert noting.log == [each for n in range(3) for each in (("fed", [n]), ("committed", n))]


def test_groups_are_fed_as_one_and_the_rest_at_the_end():
    noting = Noting()
    consume(noting.evaluator, map(track, range(5)), group=2, commit=noting.commit, linger=60)
    assert [each for each in noting.log if each[0] == "fed"] == [("fed", [0, 1]), ("fed", [2, 3]), ("fed", [4])]
    assert [each[1] for each in noting.log if each[0] == "committed"] == [0, 1, 2, 3, 4]


def test_none_says_that_nothing_is_there_just_now():
    noting = Noting()
    consume(noting.evaluator, [None, track(0), track(1), None, None, track(2)], group=100, linger=60)
    assert noting.log == [("fed", [0, 1]), ("fed", [2])]


def test_messages_do_not_wait_longer_than_they_may():
    noting = Noting()

    def slow():
        yield track(0)
        time.sleep(0.03)
        yield track(1)
        yield track(2)

    consume(noting.evaluator, slow(), group=100, linger=0.02)
    assert noting.log == [("fed", [0, 1]), ("fed", [2])]


def test_bytes_and_text_are_json_and_call_says_where_the_call_is():
    made = evaluator()
    consume(made, [json.dumps(track(0)), json.dumps(track(1)).encode(), memoryview(json.dumps(track(2)).encode())])
    consume(made, [("offset", json.dumps(track(3)))], call=lambda message: message[1])
    assert made.profile("u").computed_traits["starts"] == 4
    with pytest.raises(TypeError, match="int is no call"):
        as_call(3)
    with pytest.raises(TypeError, match="tuple is no call"):
        consume(made, [(1, 2)])


def test_rejected_messages_go_to_the_callback_and_are_committed_too():
    seen = []
    told = consume(
        evaluator(),
        [b"{", b"[1]", json.dumps(track(1)).encode(), b'{"type": "track"}', b"\xff"],
        group=10,
        commit=seen.append,
        rejected=lambda message, answer: seen.append(answer.reason),
        linger=60,
    )
    assert told == Consumed(accepted=1, rejected=4)
    assert seen == [
        *("not_json", b"{"),
        *("no_object", b"[1]"),
        json.dumps(track(1)).encode(),
        *("missing_id", b'{"type": "track"}'),
        *("not_utf8", b"\xff"),
    ]


def test_without_a_callback_a_rejected_message_stops_it_uncommitted():
    committed = []
    with pytest.raises(InvalidCall, match="unknown type") as caught:
        consume(evaluator(), [track(0), {"type": "trakc"}, track(2)], group=3, commit=committed.append, linger=60)
    assert caught.value.reason == "unknown_type"
    assert committed == [track(0)]


def test_a_value_error_of_call_is_a_rejection_other_errors_are_not():
    seen = []

    def call(message):
        if message == 1:
            raise ValueError("no schema of that number")
        if message == 2:
            raise InvalidCall("wrong_schema", "not ours")
        raise KeyError(message)

    reject = lambda message, answer: seen.append((message, answer.reason, answer.message))  # noqa: E731
    with pytest.raises(KeyError):
        consume(evaluator(), [1, 2, 3], call=call, rejected=reject)
    assert seen == [(1, "no_call", "no schema of that number"), (2, "wrong_schema", "not ours")]


def test_what_comes_again_is_counted_once():
    made = evaluator()
    told = consume(made, [track(0), track(1), track(0), track(1)], group=3)
    assert told == Consumed(accepted=2, duplicates=2)
    assert made.profile("u").computed_traits["starts"] == 2


def test_stop_feeds_what_was_taken_and_takes_no_more():
    noting, stop = Noting(), threading.Event()

    def source():
        yield track(0)
        yield track(1)
        stop.set()
        yield track(2)
        raise AssertionError("it was told to stop")

    told = consume(noting.evaluator, source(), group=100, commit=noting.commit, stop=stop, linger=60)
    assert told.accepted == 3
    assert noting.log == [("fed", [0, 1, 2]), ("committed", 0), ("committed", 1), ("committed", 2)]
    assert consume(noting.evaluator, [track(9)], stop=stop) == Consumed()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_when_the_source_fails_what_was_taken_is_fed(error):
    noting = Noting()

    def source():
        yield track(0)
        raise error

    with pytest.raises(error):
        consume(noting.evaluator, source(), group=100, commit=noting.commit, linger=60)
    assert noting.log == [("fed", [0]), ("committed", 0)]


def test_what_is_not_durable_is_not_committed_and_comes_again(tmp_path):
    url = f"sqlite:///{tmp_path}/journeys.db"
    made = evaluator(url)
    real, commits = made.store.commit, []

    def commit(changes):
        commits.append(changes)
        if len(commits) == 2:
            raise OSError("no space left")
        real(changes)

    made.store.commit = commit
    offset = 0

    def committed(message):
        nonlocal offset
        offset = message["properties"]["n"] + 1

    messages = list(map(track, range(6)))
    with pytest.raises(OSError, match="no space left"):
        consume(made, messages, group=2, commit=committed, linger=60)
    assert offset == 2
    told = consume(made, messages[offset - 1 :], group=2, commit=committed, linger=60)
    assert told == Consumed(accepted=4, duplicates=1) and offset == 6
    assert made.profile("u").computed_traits["starts"] == 6
    made.close()


def test_a_group_has_at_least_one():
    with pytest.raises(ValueError, match="at least 1"):
        consume(evaluator(), [], group=0)


# for an event loop


async def stream(messages, pause=0.0):
    for message in messages:
        await asyncio.sleep(pause)
        yield message


async def test_async_messages_are_fed_when_they_have_waited_long_enough():
    noting = Noting()
    never = asyncio.Event()

    async def source():
        yield track(0)
        yield track(1)
        await asyncio.sleep(0.15)
        yield track(2)
        never.set()

    await consume_async(noting.evaluator, source(), commit=noting.commit, linger=0.03)
    assert noting.log[:3] == [("fed", [0, 1]), ("committed", 0), ("committed", 1)]


@pytest.mark.parametrize("is_async", [False, True])
async def test_async_callbacks_and_evaluators(is_async, tmp_path):
    committed, seen = [], []

    async def commit(message):
        await asyncio.sleep(0)
        committed.append(message)

    async def reject(message, answer):
        seen.append(answer.reason)

    url = f"sqlite:///{tmp_path}/journeys.db"
    messages = [track(0), {"type": "trakc"}, None, track(1), track(0), b"{"]
    if is_async:
        async with AsyncEvaluator(load_space(DOCUMENT), store=url) as made:
            told = await consume_async(made, stream(messages), commit=commit, rejected=reject)
            profile = await made.profile("u")
    else:
        with evaluator(url) as made:
            told = await consume_async(made, stream(messages), commit=commit, rejected=reject)
            profile = made.profile("u")
    assert told == Consumed(accepted=2, duplicates=1, rejected=2)
    assert committed == [each for each in messages if each is not None] and seen == ["unknown_type", "not_json"]
    assert profile.computed_traits["starts"] == 2


async def test_async_stop_ends_a_source_that_waits():
    noting, stop = Noting(), asyncio.Event()
    ended = []

    async def source():
        try:
            yield track(0)
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    task = asyncio.ensure_future(consume_async(noting.evaluator, source(), commit=noting.commit, stop=stop, linger=60))
    await asyncio.sleep(0.05)
    assert not noting.log
    stop.set()
    assert await asyncio.wait_for(task, 5) == Consumed(accepted=1)
    assert noting.log == [("fed", [0]), ("committed", 0)] and ended == [True]


async def test_async_errors_of_the_source_and_of_the_store():
    noting = Noting()

    async def source():
        yield track(0)
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        await consume_async(noting.evaluator, source(), commit=noting.commit, linger=60)
    assert noting.log == [("fed", [0]), ("committed", 0)]
    with pytest.raises(InvalidCall):
        await consume_async(evaluator(), stream([{"type": "trakc"}]))


async def test_async_cancelling_commits_nothing_more():
    noting = Noting()

    async def source():
        yield track(0)
        await asyncio.sleep(60)

    task = asyncio.ensure_future(consume_async(noting.evaluator, source(), commit=noting.commit, linger=60))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert noting.log == []
