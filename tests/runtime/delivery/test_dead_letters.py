"""Dead letters can be listed and sent again (D2), with the same ids and bytes (D3)."""

from journeys.runtime.delivery import Delivered, Deliverer
from tests.runtime.delivery.support import Receiver, commit, delivery, reject


def test_listed_and_sent_again(store, clock):
    receiver = Receiver(reject())
    boss = Deliverer(store, {"a": receiver}, clock=clock)
    commit(store, [delivery(n) for n in range(7)])
    assert boss.drain().dead == 7
    first = boss.dead_letters(limit=3)
    rest = boss.dead_letters(after=first[-1], limit=100)
    assert [letter.delivery.id for letter in (*first, *rest)] == [delivery(n).id for n in range(7)]
    assert boss.dead_letters(after=rest[-1].delivery.id) == []

    receiver.behave = lambda _: None
    assert boss.drain() == Delivered()
    assert boss.resend(first) == 3
    assert boss.resend(rest[0]) == boss.resend(rest[1].delivery) == boss.resend(rest[2].delivery.id) == 1
    assert boss.resend("unknown") == 0
    assert boss.drain().delivered == 6
    assert receiver.taken == {delivery(n).id: {delivery(n).body} for n in range(6)}
    assert {attempt for _, _, attempt in receiver.tries} == {1}, "who sends again gets all tries again"
    assert [letter.delivery.id for letter in boss.dead_letters()] == [delivery(6).id]
