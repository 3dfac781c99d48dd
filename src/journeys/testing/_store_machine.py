"""Random sequences of calls of a store, compared with a model after each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from journeys.errors import Conflict
from journeys.ports import ChangeSet, Delivery, Settled, StateChange, Store, TraceRow, Waiting
from journeys.testing._store_model import StoreModel

USERS = ("u:1", "u:2", "u:é")
VISITORS = ("a:1", "a:2", "a:\U0001f600")
KEYS = (*USERS, *VISITORS)
WORKERS = st.sampled_from(("w1", "w2"))
INSTANTS = st.integers(0, 20)
LEASE = 3

#: an expected version: the present one, one that was there before, none
EXPECTED = st.sampled_from(("present",) * 6 + ("past", "none"))
STATES = st.one_of(st.none(), st.binary(max_size=8), st.binary(min_size=5000, max_size=5010))


@st.composite
def deliveries(draw: Any) -> dict[str, Any]:
    """The fields of a delivery but its id."""
    key = draw(st.sampled_from(KEYS))
    kind, shown = key.split(":")
    owner = draw(st.sampled_from(("user", "nobody"))) if kind == "u" else "visitor"
    return {
        "destination": draw(st.sampled_from(("mail", "ads"))),
        "call": "track",
        "body": draw(st.binary(max_size=5)),
        "at": draw(INSTANTS),
        "profile": shown,
        "user_id": shown if owner == "user" else None,
        "anonymous_id": shown
        if owner == "visitor"
        else draw(st.sampled_from(("1", None)))
        if owner == "user"
        else None,
        "version": draw(st.sampled_from((None, 1))),
        "step": draw(st.sampled_from((None, "nudge"))),
        "order_key": draw(st.sampled_from(("", "one", "two"))),
    }


@st.composite
def records(draw: Any) -> dict[str, Any]:
    """The fields of a record but its seq."""
    key = draw(st.sampled_from(KEYS))
    return {
        "at": draw(INSTANTS),
        "profile": key[2:],
        "key": draw(st.sampled_from((key, key, ""))),
        "journey": draw(st.sampled_from((None, "cart", "winback"))),
        "instance": draw(st.sampled_from((None, "1", "i1", "i2"))),
        "kind": "step",
    }


NOTES = ("file:1", "file:2", "fil", "%")
changes = st.fixed_dictionaries(
    {},
    optional={
        "states": st.dictionaries(
            st.sampled_from(KEYS),
            st.tuples(STATES, EXPECTED, st.one_of(st.none(), INSTANTS), st.integers(0, 3)),
            max_size=4,
        ),
        "links": st.dictionaries(st.sampled_from(KEYS), st.sampled_from(USERS), max_size=2),
        "deliveries": st.lists(deliveries(), max_size=4),
        "records": st.lists(records(), max_size=4),
        "read_watermark": st.sampled_from(("present",) * 4 + ("past",)),
        "watermark": INSTANTS,
        "waiting": st.lists(
            st.tuples(
                INSTANTS,
                st.sampled_from(("", "m1", "m2")),
                st.integers(1, 9),
                st.sampled_from(KEYS),
                st.sampled_from(((), (), ("a:1",), ("u:é", "a:\U0001f600"))),
            ),
            max_size=2,
        ),
        "applied": st.lists(st.integers(1, 9), max_size=2, unique=True),
        "counters": st.dictionaries(st.sampled_from(("late", "x_1", "x%1")), st.integers(0, 5)),
        "tallies": st.dictionaries(
            st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 2), st.sampled_from(("e", '["é",1]'))),
            st.integers(-2, 5),
            max_size=3,
        ),
        "notes": st.dictionaries(st.sampled_from(NOTES), st.text("ab'\\%", max_size=3)),
        "read_notes": st.dictionaries(
            st.sampled_from(NOTES), st.sampled_from(("present",) * 4 + ("past",)), max_size=2
        ),
    },
)


class StoreMachine(RuleBasedStateMachine):
    """Calls a store and a model in the same way."""

    #: makes a new store; opens the same store again, or says None where that means nothing
    make: Callable[[], Store]
    again: Callable[[Store], Store | None]

    @initialize()
    def start(self) -> None:
        """An empty store."""
        self.store = self.make()
        self.model = StoreModel()
        self.now = 0
        self.numbered = 0

    def teardown(self) -> None:
        """Ends the use of the store."""
        if hasattr(self, "store"):
            self.store.close()

    @rule(drawn=changes)
    def commit(self, drawn: dict[str, Any]) -> None:
        """A change set that may or may not be refused."""
        change = self._change_set(drawn)
        try:
            self.model.commit(change)
        except Conflict:
            self._refused(change)
        else:
            self.store.commit(change)
            self._learn(change)

    @rule(drawn=changes)
    def commit_twice(self, drawn: dict[str, Any]) -> None:
        """A change set whose answer was lost: it is committed again, and has its effect once."""
        change = self._change_set(drawn)
        made = any(each.state is not None or each.expected for each in change.states)
        if not (made or change.waiting or change.applied):
            return
        try:
            self.model.commit(change)
        except Conflict:
            self._refused(change)
            return
        self.store.commit(change)
        self._learn(change)
        self._refused(change)

    def _refused(self, change: ChangeSet) -> None:
        try:
            self.store.commit(change)
        except Conflict:
            return
        raise AssertionError("this commit should have been a Conflict")

    def _learn(self, change: ChangeSet) -> None:
        loaded = self.store.load(KEYS).profiles
        for each in change.states:
            if each.state is not None:
                self.model.learn(each.key, loaded[each.key].version)

    def _change_set(self, drawn: dict[str, Any]) -> ChangeSet:
        fields = dict(drawn)
        fields["states"] = [self._state_change(key, *rest) for key, rest in drawn.get("states", {}).items()]
        fields["links"] = self._links(drawn.get("links", {}))
        fields["deliveries"] = [Delivery(id=self._id("d"), **each) for each in drawn.get("deliveries", ())]
        fields["records"] = [
            TraceRow(**each, seq=self._number(), record=f'{{"n":{self.numbered},"é":"\\u0000"}}')
            for each in drawn.get("records", ())
        ]
        mark = {"present": self.model.mark, "past": self.model.mark - 1, None: None}
        fields["read_watermark"] = mark[drawn.get("read_watermark")]
        fields["read_notes"] = {
            name: self.model.noted.get(name, "") + ("" if read == "present" else "before")
            for name, read in drawn.get("read_notes", {}).items()
        }
        fields["waiting"] = [
            Waiting(
                timestamp=timestamp, message_id=message_id, arrival=arrival, id_key=id_key, call="{}", others=others
            )
            for timestamp, message_id, arrival, id_key, others in drawn.get("waiting", ())
        ]
        return ChangeSet(**fields)

    def _links(self, drawn: dict[str, str]) -> dict[str, str]:
        """Links that lead in no circle."""
        links: dict[str, str] = {}
        steps: dict[str, str] = {}
        for key, target in drawn.items():
            end = place = self.model.end(target)
            while place in steps:
                place = steps[place]
            if end == key or place != key:
                links[key] = target
                steps |= {} if end == key else {key: end}
        return links

    def _state_change(self, key: str, state: bytes | None, expected: str, due: int | None, live: int) -> StateChange:
        found = self.model.profiles.get(key)
        present = 0 if found is None else found.version
        past = min(self.model.versions.get(key, ()), default=7)
        version = {"present": present, "past": past, "none": 0}[expected]
        return StateChange(key=key, state=state, expected=version, due=due, live=live)

    def _number(self) -> int:
        self.numbered += 1
        return self.numbered

    def _id(self, kind: str) -> str:
        number = self._number()
        return f"{kind}{number * 7 % 10}-{number}"

    @rule(until=INSTANTS, limit=st.integers(1, 4), worker=WORKERS)
    def claim_due(self, until: int, limit: int, worker: str) -> None:
        """The earliest of those that may be claimed are, and are leased."""
        model = self.model
        allowed = model.claim_due(until, limit, worker=worker, now=self.now, lease=LEASE)
        claimed = self.store.claim_due(until, limit, worker=worker, now=self.now, lease=LEASE)
        assert set(claimed) <= allowed
        dues = [model.profiles[key].due or 0 for key in claimed]
        assert dues == sorted(model.profiles[key].due or 0 for key in allowed)[:limit]
        for key in claimed:
            model.profiles[key].worker, model.profiles[key].leased_until = worker, self.now + LEASE

    @rule(limit=st.integers(1, 4), worker=WORKERS, destinations=st.sampled_from((None, None, ("mail",), ())))
    def claim_deliveries(self, limit: int, worker: str, destinations: tuple[str, ...] | None) -> None:
        """Those that come first are claimed, in the order of their commits."""
        claim = {"worker": worker, "lease": LEASE, "destinations": destinations}
        expected = self.model.claim_deliveries(self.now, limit, **claim)  # type: ignore[arg-type]
        assert list(self.store.claim_deliveries(self.now, limit, **claim)) == expected  # type: ignore[arg-type]

    @rule(data=st.data(), worker=WORKERS)
    def settle(self, data: st.DataObject, worker: str) -> None:
        """Outcomes of deliveries, whoever claimed them."""
        ids = [each.delivery.id for each in self.model.sendings]
        outcome = st.tuples(
            st.sampled_from([*ids, "unknown"]), st.sampled_from(("done", "retry", "dead", "back")), st.integers(0, 5)
        )
        drawn = data.draw(st.lists(outcome, max_size=3, unique_by=lambda each: each[0]))
        outcomes = [
            Settled(delivery_id=id_, outcome=kind, at=self.now, retry_at=self.now + later or None, error=f"n°{later}")
            for id_, kind, later in sorted(drawn)
        ]
        self.model.settle(outcomes, worker=worker)
        self.store.settle(iter(outcomes), worker=worker)

    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        """Some dead letters, and others."""
        ids = data.draw(
            st.lists(st.sampled_from([e.delivery.id for e in self.model.sendings] + ["unknown"]), max_size=3)
        )
        assert self.store.resend(ids) == self.model.resend(ids)

    @rule(key=st.sampled_from((*KEYS, "u:never seen")))
    def erase(self, key: str) -> None:
        """A profile is forgotten (V6)."""
        shown = [key[2:]]
        assert list(self.store.erase(key, shown_ids=shown)) == self.model.erase(key, shown_ids=shown)

    @rule(key=st.sampled_from(KEYS))
    def lift(self, key: str) -> None:
        """An erasure is lifted."""
        assert self.store.lift(key) == self.model.lift(key)

    @rule(before=INSTANTS, limit=st.integers(1, 5))
    def prune(self, before: int, limit: int) -> None:
        """The oldest records are deleted."""
        old = [row for row in self.model.records if row.at < before]
        assert self.store.prune(trace_before=before, limit=limit) == min(limit, len(old))
        kept = set(self.store.trace())
        gone = [row for row in old if row.record not in kept]
        assert sorted(row.at for row in gone) == sorted(row.at for row in old)[:limit]
        self.model.records = [row for row in self.model.records if row not in gone]

    @rule(passed=st.integers(1, 5))
    def time_passes(self, passed: int) -> None:
        """Leases end."""
        self.now += passed

    @rule()
    def reopen(self) -> None:
        """What was committed is there."""
        self.store = self.again(self.store) or self.store

    @invariant()
    def answers_agree(self) -> None:
        """Whatever can be read is as the model has it."""
        store, model = self.store, self.model
        loaded = store.load(KEYS)
        assert loaded.watermark == store.watermark() == model.mark
        assert dict(loaded.links) == {key: model.end(key) for key in KEYS if key in model.links}
        assert loaded.erased == model.erased & set(KEYS)
        found = {key: model.end(key) for key in KEYS if model.end(key) in model.profiles}
        assert {key: stored.key for key, stored in loaded.profiles.items()} == found
        for stored in loaded.profiles.values():
            profile = model.profiles[stored.key]
            assert (stored.state, stored.version) == (profile.state, profile.version)
        assert store.walk(None, 2) == sorted(model.profiles)[:2]
        assert store.walk("a:1", 9) == [key for key in sorted(model.profiles) if key > "a:1"]
        dues = [profile.due for profile in model.profiles.values() if profile.due is not None]
        assert store.next_due() == min(dues, default=None)
        assert list(store.waiting(10, 99)) == model.waiting(10)
        assert list(store.waiting(99, 1)) == model.waiting(99)[:1]
        assert list(store.waiting(99, 99, message_ids=["m1", ""])) == model.waiting(99, ["m1", ""])
        assert store.next_delivery() == model.next_delivery()
        assert store.next_delivery(["ads", "ads", "none"]) == model.next_delivery(["ads"])
        assert store.next_delivery([]) is None
        assert dict(store.backlog()) == model.backlog()
        assert list(store.dead_letters()) == model.dead_letters()
        assert dict(store.counters()) == model.counted
        assert {tuple(key): number for *key, number in store.tallies()} == model.tallied
        assert dict(store.notes("fil")) == {name: text for name, text in model.noted.items() if name.startswith("fil")}
        assert dict(store.notes("%")) == {name: text for name, text in model.noted.items() if name == "%"}
        assert dict(store.figures()) == model.figures()

    @invariant()
    def traces_agree(self) -> None:
        """The trace, whole and narrowed, is in its order."""
        assert list(self.store.trace()) == self.model.trace()
        assert list(self.store.trace(profile="1")) == self.model.trace(profile="1")
        narrowed = {"journey": "cart", "instance": "1"}
        assert list(self.store.trace(**narrowed)) == self.model.trace(**narrowed)
