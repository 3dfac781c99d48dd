"""A week of a small coffee shop, made up: Segment calls in the order in which they reach us.

`python examples/shop.py > calls.ndjson` writes them, one JSON object a line. They are drawn from a seed, so that they
are the same everywhere and always. The people behave as people do: they come as visitors and log in later, on the
phone and on the laptop; they fill carts and forget them; their phones are offline for hours and send late; and now
and then something on the way sends a call twice, or one that nobody can understand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Call = dict[str, Any]

#: the week begins on a Monday; before it lie the months of which the shop remembers its regulars' orders
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
WEEK = timedelta(days=7)

PRODUCTS = [
    ("Roma", "espresso", 14), ("Napoli", "espresso", 16), ("Milano", "espresso", 22),
    ("Kenya", "filter", 18), ("Sumatra", "filter", 17), ("Huila", "filter", 15),
    ("Assam", "tea", 12), ("Sencha", "tea", 14), ("Rooibos", "tea", 9),
    ("Kettle", "gear", 65), ("Grinder", "gear", 89), ("Scales", "gear", 40), ("Filter papers", "gear", 4),
]  # fmt: skip
FIRST = [
    "Ada", "Bela", "Cleo", "Dario", "Edda", "Fritz", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Linus", "Mila",
    "Nils", "Olga", "Pavel", "Romy", "Selma", "Tomas", "Ulla", "Vera", "Wim", "Xenia", "Yara", "Zora", "Anton",
    "Britta", "Carlo", "Delia", "Emil", "Frida", "Gustav", "Helga", "Igor", "Jana", "Kolja", "Lena", "Milan", "Nora",
    "Otto", "Paula",
]  # fmt: skip
LAST = [
    "Abel", "Brandt", "Costa", "Dahl", "Engel", "Falk", "Graf", "Holm", "Iversen", "Jung", "Keller", "Lang", "Moreau",
    "Novak", "Olsen", "Peters", "Quist", "Rossi", "Sand", "Thoma", "Urban", "Vogel", "Weiss", "Young", "Zeller",
    "Arndt", "Becker", "Conti", "Dietz", "Ehlers", "Franke", "Gruber", "Hahn", "Ilic", "Jansen", "Krause", "Ludwig",
    "Meyer", "Nagel", "Oster", "Pohl", "Richter", "Sommer", "Tietz", "Ulrich", "Vlad", "Winter", "Zander", "Bauer",
]  # fmt: skip
ZONES = ["Europe/Berlin", "Europe/Berlin", "Europe/Lisbon", "Europe/Helsinki", "America/New_York"]
PAGES = ["Coffee", "Tea", "Gear", "Our roastery", "Brewing", "Offers"]
#: how likely a visit begins in each hour of the day
HOURS = [1, 0, 0, 0, 0, 1, 4, 9, 10, 8, 7, 8, 11, 9, 7, 7, 8, 9, 11, 13, 14, 12, 8, 4]


@dataclass
class Person:
    """Somebody with habits. While nobody is logged in, calls carry the anonymous id of the device alone."""

    first: str
    last: str
    device: str
    likes: str
    zone: str
    subscribed: dict[str, str]
    user_id: str | None = None
    others: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    def ids(self) -> dict[str, str]:
        """What the shop's own script knows of who is there."""
        return {"anonymousId": self.device} | ({"userId": self.user_id} if self.user_id else {})


class Shop:
    """Draws people, lets them do things, and notes the calls as (instant of arrival, call)."""

    def __init__(self, seed: int = 20260309) -> None:
        self.random = Random(seed)
        self.people: list[Person] = []
        self.arrivals: list[tuple[datetime, int, Call]] = []
        self._names = [(first, last) for last in LAST for first in FIRST]
        self.random.shuffle(self._names)
        self._numbers: dict[str, int] = {}

    # drawing

    def person(self, *, known: bool) -> Person:
        """Somebody new; ``known`` people have an account already."""
        first, last = self._names[len(self.people)]
        chance = self.random.random
        new = Person(
            first=first,
            last=last,
            device=self.number("device"),
            likes=self.random.choice(["espresso", "filter", "filter", "tea"]),
            zone=self.random.choice(ZONES),
            subscribed={"email": _yes(chance() < 0.75), "sms": _yes(chance() < 0.4)},
        )
        if known:
            new.user_id = f"{first}.{last}".lower()
        self.people.append(new)
        return new

    def phone_of(self, person: Person) -> Person:
        """The same person with another device, on which they are not logged in yet."""
        phone = replace(person, device=self.number("device"), user_id=None)
        person.others.append(phone.device)
        return phone

    def number(self, kind: str) -> str:
        """The next id of a kind: ``cart-0001``."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{self._numbers[kind]:04d}"

    def when(self, day: float | None = None) -> datetime:
        """An instant of the week at which people are awake; of that day, counted from Monday, if it is given."""
        random = self.random
        day = random.choices(range(7), [9, 8, 8, 9, 10, 13, 14])[0] if day is None else int(day // 1)
        hour = random.choices(range(24), HOURS)[0]
        return MONDAY + timedelta(days=day, hours=hour, seconds=random.randrange(3600))

    def minutes(self, least: float, most: float) -> timedelta:
        """Some minutes, to the millisecond."""
        return timedelta(milliseconds=round(self.random.uniform(least, most) * 60_000))

    def likely(self, chance: float) -> bool:
        """True with that probability."""
        return self.random.random() < chance

    # calls

    def call(self, at: datetime, who: dict[str, str], kind: str, **content: Any) -> None:
        """Notes a call, with what happens to calls on their way."""
        stamped: Call = {"type": kind, **who, **content, "timestamp": _text(at), "messageId": self.number("call")}
        arrival = at + self.minutes(0.002, 0.05)
        if at >= MONDAY:
            if self.likely(0.018):  # a phone without a network
                arrival = at + self.minutes(4, 240)
            if self.likely(0.02):  # sent again, because the answer was lost
                self._arrive(arrival + self.minutes(0.1, 90), stamped)
        self._arrive(arrival, stamped)

    def _arrive(self, arrival: datetime, call: Call) -> None:
        if arrival < MONDAY + WEEK:
            self.arrivals.append((arrival, len(self.arrivals), call))

    def track(self, at: datetime, person: Person, event: str, **properties: Any) -> None:
        """Something that a person did."""
        self.call(at, person.ids(), "track", event=event, properties=properties)

    def page(self, at: datetime, person: Person, name: str) -> None:
        """A page that a person saw."""
        self.call(at, person.ids(), "page", name=name, properties={"path": "/" + name.lower().replace(" ", "-")})

    def identify(self, at: datetime, person: Person, **traits: Any) -> None:
        """Who a person is."""
        self.call(at, person.ids(), "identify", traits=traits)

    def log_in(self, at: datetime, person: Person) -> None:
        """From now on the calls of this device carry the user id too; the first of them links the two."""
        person.user_id = f"{person.first}.{person.last}".lower()
        email = f"{person.user_id}@example.com"
        traits = {"email": email, "first_name": person.first, "timezone": person.zone}
        self.identify(at, person, **traits, subscriptions=person.subscribed)

    # what people do

    def look(self, at: datetime, person: Person, products: int) -> datetime:
        """Looks around; gives the instant of the last look."""
        self.page(at, person, "Home")
        for _ in range(products):
            at += self.minutes(0.3, 6)
            if self.likely(0.55):
                self.page(at, person, self.random.choice(PAGES))
                at += self.minutes(0.2, 3)
            name, category, price = self.random.choice(
                [each for each in PRODUCTS if each[1] == person.likes or self.likely(0.3)] or PRODUCTS
            )
            self.track(at, person, "Product Viewed", name=name, category=category, price=price)
        return at

    def fill(self, at: datetime, person: Person, buys: float) -> None:
        """Fills a cart; buys it soon, tomorrow, or never."""
        cart, value = self.number("cart"), 0
        for _ in range(self.random.choices([1, 2, 3, 4], [5, 4, 2, 1])[0]):
            at += self.minutes(0.5, 25)
            value += self.random.choice([12, 14, 17, 18, 22, 40, 65, 89])
            known = {} if self.likely(0.005) else {"cart_id": cart}  # an old version of the app forgets it
            self.track(at, person, "Cart Modified", **known, value=value)
        if self.likely(0.04):
            self.track(at + self.minutes(1, 30), person, "Cart Emptied", cart_id=cart)
        elif self.likely(buys):
            later = self.minutes(1, 40) if self.likely(0.75) else self.minutes(150, 2000)
            self.order(at + later, person, cart, value)

    def order(self, at: datetime, person: Person, cart: str | None = None, value: float | None = None) -> None:
        """Completes an order."""
        if at >= MONDAY:
            self.page(at - self.minutes(0.5, 2), person, "Checkout")
        revenue = value or self.random.choice([14, 18, 22, 31, 36, 44, 58, 92])
        ids = {"order_id": self.number("order")} | ({"cart_id": cart} if cart else {})
        self.track(at, person, "Order Completed", **ids, revenue=revenue)

    def visit(self, at: datetime, person: Person, *, fills: float = 0.3, buys: float = 0.5) -> datetime:
        """One visit of the shop."""
        at = self.look(at, person, self.random.choices([1, 2, 3, 4, 6, 8], [3, 4, 4, 3, 2, 1])[0])
        if self.likely(fills):
            self.fill(at, person, buys)
        return at


# who there is: each of these tells the week of one person


def regular(shop: Shop) -> None:
    """Orders every few weeks, and did so before this week."""
    person = shop.person(known=True)
    at = MONDAY - timedelta(days=shop.random.uniform(40, 110))
    shop.log_in(at, person)
    while at < MONDAY - timedelta(days=2):
        shop.order(at, person)
        at += timedelta(days=shop.random.uniform(9, 40))
    for _ in range(shop.random.choice([1, 1, 2, 2, 3, 4, 5])):
        shop.visit(shop.when(), person, fills=0.45, buys=0.7)
    if shop.likely(0.05):
        shop.track(shop.when(), person, "Subscription Started", plan="monthly")
    if shop.likely(0.06):
        shop.order(shop.when(), person, value=shop.random.randrange(205, 420))


def lapsed(shop: Shop) -> None:
    """Ordered last some sixty days ago; some come back when they hear from the shop."""
    person = shop.person(known=True)
    last = MONDAY - timedelta(days=shop.random.uniform(53.2, 62))
    shop.log_in(last - timedelta(days=30), person)
    for back in (30, 17, 0)[shop.random.randrange(3) :]:
        shop.order(last - timedelta(days=back), person, value=shop.random.randrange(12, 110))
    back_at = last + timedelta(days=60) + shop.minutes(200, 4000)
    if shop.likely(0.35) and back_at > MONDAY:
        shop.visit(back_at, person, fills=0.8, buys=0.8)


def browser(shop: Shop) -> None:
    """Looked at a few things a week ago, mostly of one kind, and has not been here since."""
    person = shop.person(known=shop.likely(0.6))
    last = MONDAY - timedelta(days=shop.random.uniform(0.3, 8))
    faithful = shop.likely(0.8)
    for back in (6, 3, 0):
        liked = [each for each in PRODUCTS if each[1] == person.likes or not faithful]
        name, category, price = shop.random.choice(liked)
        at = last - timedelta(days=back)
        shop.track(at, person, "Product Viewed", name=name, category=category, price=price)
    if shop.likely(0.3):
        shop.visit(shop.when(shop.random.uniform(3, 7)), person)


def visitor(shop: Shop) -> None:
    """Comes without an account; some have one and log in, some on two devices."""
    person = shop.person(known=False)
    for at in sorted(shop.when() for _ in range(shop.random.choice([1, 1, 1, 2, 2, 3]))):
        if person.user_id is not None or not shop.likely(0.12):
            shop.visit(at, person, fills=0.2, buys=0.35)
            continue
        at = shop.visit(at, person, fills=0) + shop.minutes(0.5, 10)
        if shop.likely(0.3):
            phone = shop.phone_of(person)
            later = shop.visit(at + shop.minutes(40, 600), phone, fills=0) + shop.minutes(0.5, 10)
            shop.log_in(later, phone)
            shop.visit(later + shop.minutes(1, 10), phone, fills=0.8, buys=0.6)
        shop.log_in(at, person)
        shop.visit(at + shop.minutes(1, 20), person, fills=0.6, buys=0.4)


def newcomer(shop: Shop) -> None:
    """Signs up in this week."""
    person = shop.person(known=False)
    at = shop.visit(shop.when(shop.random.uniform(0, 6)), person, fills=0) + shop.minutes(0.5, 4)
    shop.log_in(at, person)
    shop.track(at, person, "Signed Up", source=shop.random.choice(["shop", "newsletter", "friend"]))
    if shop.likely(0.55):
        done = at + (shop.minutes(1, 90) if shop.likely(0.6) else shop.minutes(1500, 3500))
        shop.identify(done, person, brews=person.likes)
        shop.track(done, person, "Taste Profile Completed")
    if shop.likely(0.4):
        shop.track(at + shop.minutes(5, 4000), person, "Application Opened", platform="phone")
    if shop.likely(0.5):
        shop.visit(at + shop.minutes(60, 6000), person, fills=0.9, buys=0.75)


def trier(shop: Shop) -> None:
    """Is on a trial of the coffee club, begun in this week or in one of the two before."""
    person = shop.person(known=True)
    begun = MONDAY - timedelta(days=shop.random.uniform(1, 14)) if shop.likely(0.55) else shop.when()
    shop.log_in(begun - shop.minutes(1, 5), person)
    shop.identify(begun, person, trial_ends_at=(begun + timedelta(days=14)).date().isoformat())
    shop.track(begun, person, "Trial Started", plan="monthly")
    if shop.likely(0.5):
        shop.track(begun + shop.minutes(30, 5000), person, "Box Customised", box=person.likes)
        for _ in range(shop.random.choice([0, 1, 2, 3])):
            shop.track(begun + shop.minutes(6000, 18000), person, "Box Rated", stars=shop.random.choice([3, 4, 5, 5]))
    outcome = shop.random.random()
    if outcome < 0.3:
        shop.track(begun + shop.minutes(3000, 22000), person, "Subscription Started", plan="yearly")
    elif outcome < 0.42:
        shop.track(begun + shop.minutes(1000, 9000), person, "Trial Cancelled")


def guest(shop: Shop) -> None:
    """Books a tasting at the roastery; some move it, some cancel it, a few give a date that is none."""
    person = shop.person(known=True)
    at = shop.when(shop.random.uniform(0, 4))
    shop.log_in(at - shop.minutes(1, 5), person)
    booking = shop.number("booking")
    start = (at + timedelta(days=shop.random.randrange(1, 5))).replace(hour=17, minute=0, second=0, microsecond=0)
    shop.page(at - shop.minutes(0.3, 1), person, "Tastings")
    text = "as soon as possible" if shop.likely(0.04) else _text(start)
    shop.track(at, person, "Tasting Booked", booking_id=booking, start_time=text, place="roastery")
    if shop.likely(0.15):
        moved = _text(start + timedelta(days=1))
        shop.track(at + shop.minutes(30, 900), person, "Tasting Booked", booking_id=booking, start_time=moved)
    elif shop.likely(0.12):
        shop.track(at + shop.minutes(30, 900), person, "Tasting Cancelled", booking_id=booking)


def cafe(shop: Shop) -> None:
    """Applies for a wholesale account."""
    person = shop.person(known=shop.likely(0.5))
    at = shop.when(shop.random.uniform(0, 5))
    shop.page(at - shop.minutes(0.3, 1), person, "Wholesale")
    application = shop.number("application")
    shop.track(at, person, "Application Started", application_id=application)
    for step in ("company", "address", "tax")[: shop.random.randrange(4)]:
        at += shop.minutes(1, 400)
        shop.track(at, person, "Application Step Completed", application_id=application, step=step)
        if person.user_id is None:
            shop.log_in(at + shop.minutes(0.1, 0.3), person)
            shop.identify(at + shop.minutes(0.4, 0.6), person, company=f"Café {person.last}")
    if shop.likely(0.45):
        at += shop.minutes(2, 3500)
        shop.track(at, person, "Application Submitted", application_id=application)
    elif shop.likely(0.1):
        shop.track(at + shop.minutes(2, 900), person, "Application Withdrawn", application_id=application)


PEOPLE: list[tuple[Callable[[Shop], None], int]] = [
    (regular, 330), (lapsed, 120), (browser, 130), (visitor, 880),
    (newcomer, 150), (trier, 90), (guest, 70), (cafe, 60),
]  # fmt: skip

#: what arrives now and then although it is no valid call
NONSENSE: list[Call] = [
    {"type": "track", "event": "Order Completed", "timestamp": "2026-03-10T09:30:00Z"},
    {"type": "track", "userId": "ada.abel", "properties": {"revenue": 12}, "timestamp": "2026-03-12T18:02:11Z"},
    {"type": "identify", "userId": "", "traits": {}, "timestamp": "2026-03-13T07:45:00Z"},
    {"type": "track", "userId": "ada.abel", "event": "Cart Modified", "timestamp": "2026-03-14T11:00:00"},
]


def week(seed: int = 20260309) -> tuple[Shop, list[tuple[datetime, Call]]]:
    """The shop, and the calls in the order of their arrival: some months of its regulars first, then the week."""
    shop = Shop(seed)
    for behaviour, number in PEOPLE:
        for _ in range(number):
            behaviour(shop)
    for call in NONSENSE:
        arrival = datetime.fromisoformat(call["timestamp"].removesuffix("Z") + "+00:00")
        shop.arrivals.append((arrival, len(shop.arrivals), call))
    shop.arrivals.sort(key=lambda each: each[:2])
    return shop, [(arrival, call) for arrival, _, call in shop.arrivals]


def lines(seed: int = 20260309) -> Iterator[str]:
    """The calls as JSON lines."""
    return (json.dumps(call, ensure_ascii=False) for _, call in week(seed)[1])


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _yes(subscribed: bool) -> str:
    return "subscribed" if subscribed else "unsubscribed"


if __name__ == "__main__":
    for line in lines():
        print(line)
