"""What is known of one profile."""

from __future__ import annotations

import hashlib

from journeys.codec import load_space
from journeys.engine._effects import Effects, Record
from journeys.engine._state import LIVE, ProfileState, derived_id
from journeys.plan.compile import compile_space
from journeys.plan.values import NEVER
from journeys.runtime._processor import Processor
from tests.support import delay, instant, journey, on, send, space, track


def test_a_derived_id_is_a_digest_of_its_parts() -> None:
    """O6: hex of BLAKE2b with a 16-byte digest over parts joined by a unit separator."""
    assert derived_id("a", "é", "") == hashlib.blake2b("a\x1fé\x1f".encode(), digest_size=16).hexdigest()
    assert derived_id("ab", "c") != derived_id("a", "bc")


def test_a_profile_that_has_seen_nothing() -> None:
    user, stranger = ProfileState("u:x"), ProfileState("a:x")
    assert (user.user_id, user.anonymous_id) == ("x", None)
    assert (stranger.user_id, stranger.anonymous_id) == (None, "x")
    assert user.due == NEVER and user.live == 0 and user.clock == -1
    assert repr(user) == "<ProfileState 'u:x' at -, 0 instances>"


def test_due_is_the_earliest_of_all() -> None:
    """T6: of waits, ages, entries; it follows every change."""
    document = space(
        journey({"wait": delay("PT2H", "mail"), "mail": send()}, entry=on("Start", identifier="n"), max_age="PT5H")
    )
    processor = Processor(compile_space(load_space(document)), Effects())
    processor.feed(track("Start", n=1))
    profile = processor.states["u:u1"]
    assert profile.due == instant("PT2H") == processor.next_due
    processor.feed(track("Start", "PT1H", n=2))
    assert profile.due == instant("PT2H") and profile.live == 2
    processor.advance(instant("PT2H"))
    assert profile.due == instant("PT3H")
    processor.advance(instant("PT3H"))
    assert profile.due == NEVER and profile.live == 0 and not profile.instances
    assert processor.next_due is None


def test_profiles_share_what_they_have_in_common() -> None:
    document = space(journey())
    processor = Processor(compile_space(load_space(document)), Effects())
    for name in ("u1", "u2"):
        processor.feed(track("Start", "0", name))
    a, b = (processor.states[f"u:{name}"] for name in ("u1", "u2"))
    assert a.been is b.been
    assert [each.status for each in a.instances] == [LIVE]


def test_the_order_of_a_trace() -> None:
    """Format: (at, profile, then as it happened), by code point; of two with one id the stranger comes first."""
    effects = Effects()
    user, stranger, other = ProfileState("u:b"), ProfileState("a:b"), ProfileState("u:B")
    for at, profile in ((2, user), (1, user), (1, stranger), (1, other), (1, user)):
        effects.record(at, profile, None, "sent")
    ordered = sorted(effects.records, key=lambda record: record.order)
    assert [(record.at, record.key, record.seq) for record in ordered] == [
        (1, "u:B", 1),
        (1, "a:b", 1),
        (1, "u:b", 2),
        (1, "u:b", 3),
        (2, "u:b", 1),
    ]


def test_effects_without_a_trace() -> None:
    effects = Effects(traces=False)
    effects.record(1, ProfileState("u:b"), None, "sent")
    effects.counters["late"] += 1
    taken = effects.take()
    assert taken.records == [] and taken.counters == {"late": 1} and effects.counters == {}


def test_a_record_as_it_is_written() -> None:
    """Format: optional fields only where they are."""
    record = Record(0, ProfileState("u:é"), None, "sent", {"audience": "vip"})
    assert record.as_dict() == {"at": "1970-01-01T00:00:00Z", "profile": "é", "kind": "sent", "audience": "vip"}
    assert record.record == '{"at":"1970-01-01T00:00:00Z","profile":"é","kind":"sent","audience":"vip"}'
