"""What of an error may be kept: row 21 of the guarantees in small."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.errors import Rejected, Retry
from journeys.ports import Delivery
from journeys.runtime.delivery._told import told

PAYLOAD = {
    "type": "track",
    "event": "Order Completed",
    "userId": "user-4711",
    "properties": {"mail": "ada@example.com", "note": 'so "quoted"\nand\ttorn', "total": 1234.5, "items": [["Teapot"]]},
}


def sent(payload: object = PAYLOAD) -> Delivery:
    body = json.dumps(payload, separators=(",", ":")).encode()
    return Delivery(id="d", destination="a", call="track", body=body, at=0, profile="p-4711", user_id="user-4711")


def test_type_and_message():
    assert told(TimeoutError("timed out"), [sent()]) == "TimeoutError: timed out"
    assert told(ValueError(), [sent()]) == "ValueError"
    assert told(Retry("status 503"), [sent()]) == "status 503"
    assert told(Rejected("no such list"), [sent()]) == "no such list"


@pytest.mark.parametrize(
    "message",
    [
        "no user user-4711",
        f"cannot take {PAYLOAD}",
        f"cannot take {json.dumps(PAYLOAD)}",
        "ada@example.com bounced",
        "grace@example.com bounced",
        "a teapot called Teapot, 1234.5",
        "POST https://me:hunter22@api.example/hooks/T0K3Nsecret?key=k3y#f",
        "Authorization: Bearer abc.def",
        "password=hunter22 token: hunter22, api_key='hunter22'",
        "got sk_live_51Hunter22Hunter22Hunter22",
        "x" * 3000 + "user-4711" + "ada@example.com" * 50_000,
    ],
)
def test_neither_payload_nor_secrets(message):
    text = told(RuntimeError(message), [sent()])
    assert text.startswith("RuntimeError") and len(text) <= 200
    for taint in ("4711", "@example", "Teapot", "1234.5", "unter22", "T0K3N", "k3y", "abc.def", "torn", "quoted"):
        assert taint not in text


def test_the_reason_of_a_destination_repeats_no_payload_either():
    assert told(Rejected("bad address ada@example.com"), [sent()]) == "bad address […]"


def test_the_host_is_worth_knowing():
    assert told(OSError("no route to https://api.example:443/x/y?z=1"), []) == (
        "OSError: no route to https://api.example:443[…]"
    )


def test_errors_that_cannot_be_told():
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert told(Odd(), [sent()]) == "Odd"
    assert told(Retry(None), [sent()]) == ""
    deep = Delivery(id="d", destination="a", call="track", body=b"[" * 100_000, at=0, profile="p-4711")
    assert told(OSError("p-4711"), [deep]) == "OSError: […]"


texts = st.text(st.characters(codec="utf-8"), min_size=3, max_size=300)


@settings(deadline=None)
@given(texts, st.text(max_size=50), st.text(max_size=50))
def test_no_text_of_the_payload_gets_through(value, before, after):
    text = told(RuntimeError(before + value + after), [sent({"type": "track", "properties": {"x": value}})])
    assert "\n" not in text and text.isprintable() and len(text) <= 200
    if value.strip() and value not in "RuntimeError: […]" + before + after:
        assert value not in text
