from __future__ import annotations

import json
from typing import Any

import pytest

from journeys import errors
from journeys.destinations import HTTP, Network, env
from journeys.plan.values import ABSENT
from journeys.runtime.destinations._fill import check_template, fill, fill_text
from tests.runtime.destinations.support import LOCAL, TRACK, Server, delivery, listed

VALUES = {
    "event": "Cart",
    "properties": {
        "email": "ada@example.com", "n": 5, "none": None, "yes": True, "a.b": 1, "tags": ["x", {"y": 2}],
        "Cart Modified": {"value": 80},
    },
    "evil": "{{ properties.email }}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{ properties.email }}", "ada@example.com"),
        ("{{properties.n}}", 5),
        ("n={{ properties.n }}", "n=5"),
        ("{{ properties.yes }}", True),
        ("{{ properties.tags }}", ["x", {"y": 2}]),
        ("{{ properties.tags.1.y }}", 2),
        ("{{ properties.a.b }}", 1),
        ('{{ properties["Cart Modified"].value }}', 80),
        ('{{ properties["a.b"] }}', 1),
        ("{{ properties.none }}", ABSENT),
        ("{{ nothing }}", ABSENT),
        ("<{{ nothing }}>", "<>"),
        ('{{ nothing | default: "you" }}', "you"),
        ('{{ properties.none | default: "" }}', ""),
        ("{{ evil }}", "{{ properties.email }}"),  # what is filled in is no template
        ("{{ event }}{{ event }}", "CartCart"),
        ("{ {event} }", "{ {event} }"),
        ({"a": "{{ nothing }}", "b": ["{{ nothing }}", 1, {"c": "{{ event }}"}]}, {"b": [1, {"c": "Cart"}]}),
        (None, None),
        (5, 5),
    ],
)
def test_fill(template: Any, expected: Any) -> None:
    check_template(template)
    found = fill(template, VALUES)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "bad",
    ["{{ }}", "{{}}", "{{ a | upper }}", "{{ a | default: x }}", "{{ a..b }}", "{{ a b[ }}", '{{ a["b }}', "{{ .a }}"],
)
def test_what_is_no_tag(bad: str) -> None:
    for template in (bad, f"x {bad}", {"a": [bad]}):
        with pytest.raises(ValueError, match="is no tag"):
            check_template(template)


@pytest.mark.timeout(5)
def test_filling_is_linear() -> None:
    """Nothing that a definition or a payload says takes long."""
    long = ("{{", "{{ ", "{{ a", '["b"]', '{{ "', "x ", " ", "{{ |", "}}", "{{}}", "|default:")
    for text in [each * 20_000 for each in long] + ["{{ a" + each * 20_000 + "|" for each in long]:
        try:
            check_template(text)
            fill_text(text + "}}", VALUES)
        except ValueError:
            pass


def vendor(server: Server, path: str = "/", **settings: Any) -> HTTP:
    return HTTP(server.url + path, network=LOCAL, **settings)


def test_a_vendor_without_code(server: Server, send) -> None:
    destination = vendor(
        server,
        "/v2/people/{{ delivery.user_id }}/events?name={{ event }}",
        method="PUT",
        headers={"X-Step": "{{ delivery.step }}", "X-Key": env("NAME", {"NAME": "key"})},
        token="token",
        body={
            "to": "{{ properties.email }}",
            "cart": '{{ properties.journey_context["Cart Modified"].value }}',
            "at": "{{ delivery.timestamp }}",
            "gone": "{{ x }}",
        },
    )  # fmt: skip
    send(destination, delivery(TRACK | {"event": "A/B & c"}, user_id="u/1?"))
    request = server.last
    assert (request.method, request.path, request.query) == ("PUT", "/v2/people/u%2F1%3F/events", {"name": ["A/B & c"]})
    assert request.json == {"to": "ada@example.com", "cart": 80, "at": "2026-01-01T10:00:00Z"}
    assert (request.headers["x-step"], request.headers["x-key"]) == ("nudge", "key")
    assert request.headers["authorization"] == "Bearer token"


def test_without_a_body_the_payload_goes_as_it_is(server: Server, send) -> None:
    send(vendor(server), delivery())
    assert server.last.body == delivery().body
    send(vendor(server, method="GET"), delivery())
    assert (server.last.method, server.last.body) == ("GET", b"")


def test_forms_and_basic_authentication(server: Server, send) -> None:
    send(
        vendor(server, form=True, body={"to": "{{ properties.email }}", "n": 5}, username="u", password="p"), delivery()
    )
    assert server.last.headers["content-type"] == "application/x-www-form-urlencoded"
    assert server.last.headers["authorization"] == "Basic dTpw"
    assert server.last.form == {"to": "ada@example.com", "n": "5"}


def test_secrets_in_the_query(server: Server, send) -> None:
    server.reply(400, b"the key taint/1 is wrong: taint%2F1")
    destination = vendor(server, "/x?a=1", query={"key": env("K", {"K": "taint/1"}), "who": "{{ delivery.profile }}"})
    with pytest.raises(errors.Rejected) as told:
        send(destination, delivery())
    assert server.last.query == {"a": ["1"], "key": ["taint/1"], "who": ["u1"]}
    assert "taint" not in str(told.value) + repr(destination) + str(destination.test(delivery()))


def test_statuses_that_mean_something_else(server: Server, send) -> None:
    destination = vendor(server, retry=[404], done=[409])
    server.reply(409)
    send(destination, delivery())
    server.reply(404)
    with pytest.raises(errors.Retry):
        send(destination, delivery())


@pytest.mark.parametrize("user", ["", ".", ".."])
def test_values_cannot_leave_their_place_in_the_url(server: Server, user: str) -> None:
    with vendor(server, "/users/{{ userId }}/x") as destination, pytest.raises(errors.Rejected, match="in the URL"):
        destination.deliver(delivery(TRACK | {"userId": user}))
    with vendor(server, "/users/{{ userId }}/x") as destination:
        destination.deliver(delivery(TRACK | {"userId": "../../admin?x#y"}))
    assert server.last.path == "/users/..%2F..%2Fadmin%3Fx%23y/x"


@pytest.mark.parametrize(
    "url",
    [
        "https://{{ host }}/",
        "https://x{{ host }}.example/",
        "{{ url }}",
        "https://a.example{{ x }}/",
        "https://a.example:{{ port }}/",
    ],
)
def test_the_host_is_fixed(url: str) -> None:
    with pytest.raises(ValueError):
        HTTP(url)


def test_a_value_cannot_make_another_host() -> None:
    destination = HTTP("https://a.example/{{ event }}", network=Network(resolve=lambda host, port: ["127.0.0.1"]))
    request = destination.test(delivery(TRACK | {"event": "@evil.example/"})).requests[0]
    assert request.url == "https://a.example/%40evil.example%2F"


def test_settings_are_checked() -> None:
    for settings in (
        {"method": "TRACE"},
        {"retry": [200]},
        {"done": ["x"]},
        {"token": "t", "username": "u"},
        {"body": "{{ }}"},
    ):
        with pytest.raises(ValueError):
            HTTP("https://a.example", **settings)


def test_as_a_list(server: Server) -> None:
    with vendor(server, "/lists/ads/{{ type }}", list=True, body={"id": "{{ delivery.profile }}"}) as destination:
        destination.deliver_batch([listed("add", "u1"), listed("remove", "u2")])
    assert [(each.path, json.loads(each.body)) for each in server.requests] == [
        ("/lists/ads/add", {"id": "u1"}),
        ("/lists/ads/remove", {"id": "u2"}),
    ]
