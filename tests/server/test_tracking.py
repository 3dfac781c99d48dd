"""The way in: Segment's HTTP Tracking API, its limits and its answers."""

import gzip
import json

import pytest
from starlette.testclient import TestClient

from journeys import Evaluator, ManualClock, load_space
from journeys._time import format_instant, parse_instant
from journeys.server import Limits, create_app
from tests.server.support import DOCUMENT, KEY, READ, TOKEN, WRITE, evaluator, track

ONE = {
    "track": {"userId": "u1", "event": "Order Completed", "properties": {"n": 1}},
    "identify": {"userId": "u1", "traits": {"plan": "pro"}},
    "page": {"userId": "u1", "name": "Home", "properties": {"path": "/"}},
    "screen": {"userId": "u1", "name": "Start"},
    "group": {"userId": "u1", "groupId": "g1", "traits": {"size": 3}},
    "alias": {"userId": "u1", "previousId": "old"},
}


@pytest.mark.parametrize("slash", ["", "/"])
def test_each_type_has_a_path(client, made, slash):
    for kind, call in ONE.items():
        response = client.post(f"/v1/{kind}{slash}", json=call, headers=WRITE)
        assert (response.status_code, response.json()) == (200, {"success": True})
    profile = made.profile("u1")
    assert profile.traits == {"plan": "pro", "groups.g1": {"size": 3}}
    assert profile.computed_traits == {
        "order_count": 1, "order_names": [1], "page_count": 1, "page_names": ["Home"],
        "screen_count": 1, "screen_names": ["Start"],
    }  # fmt: skip
    assert profile.linked_ids == ("old",) and profile.audiences == ("buyers",)


@pytest.mark.parametrize("path", ["batch", "batch/", "import", "import/"])
def test_a_batch_has_calls_of_all_types(client, made, path):
    batch = [{"type": kind, **call} for kind, call in ONE.items()]
    response = client.post(f"/v1/{path}", json={"batch": batch, "writeKey": "x", "context": {}}, headers=WRITE)
    assert (response.status_code, response.json()) == (200, {"success": True})
    assert made.profile("u1").computed_traits["order_count"] == 1
    assert client.post(f"/v1/{path}", json={"batch": []}, headers=WRITE).json() == {"success": True}


def test_the_path_says_the_type(client):
    assert client.post("/v1/track", json=ONE["track"] | {"type": "track"}, headers=WRITE).status_code == 200
    for wrong in ("identify", None, 3):
        response = client.post("/v1/track", json=ONE["track"] | {"type": wrong}, headers=WRITE)
        assert (response.status_code, response.json()["code"]) == (400, "wrong_type")


# who may


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !", "Basic d3Jvbmc6", "Bearer write-me", "Basic OndyaXRlLW1l", "Basic \xff"],
)
def test_without_a_write_key_nothing_is_taken(client, made, header):
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    response = client.post("/v1/track", json=ONE["track"], headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "wrong_write_key")
    assert response.headers["www-authenticate"].startswith("Basic")
    assert made.profile("u1") is None


def test_several_keys_and_none():
    app = create_app(evaluator(), write_keys=["a", "b"])
    client = TestClient(app)
    assert [client.post("/v1/track", json=ONE["track"], auth=(key, "")).status_code for key in "abc"] == [200, 200, 401]
    app = create_app(evaluator(), write_keys=[])
    assert TestClient(app).post("/v1/track", json=ONE["track"]).status_code == 401
    app = create_app(evaluator(), write_keys=None)
    assert TestClient(app).post("/v1/track", json=ONE["track"]).status_code == 200


def test_keys_that_cannot_be_meant():
    with pytest.raises(TypeError, match="one text"):
        create_app(evaluator(), write_keys="secret")
    for wrong in ("", "a:b"):
        with pytest.raises(ValueError, match="write key"):
            create_app(evaluator(), write_keys=[wrong])
    with pytest.raises(ValueError, match="read_token is empty"):
        create_app(evaluator(), write_keys=None, read_token="")


# ids and times


def test_whole_number_ids_are_text(client, made):
    client.post("/v1/group", json={"userId": 7, "groupId": 8}, headers=WRITE)
    client.post("/v1/alias", json={"userId": 7, "previousId": 9}, headers=WRITE)
    batch = [{"type": "identify", "userId": 7, "anonymousId": 10}, {"type": "identify", "userId": True}]
    answer = client.post("/v1/batch", json={"batch": batch}, headers=WRITE).json()
    assert [each["reason"] for each in answer["rejected"]] == ["wrong_id"]
    profile = made.profile("7")
    assert set(profile.linked_ids) == {"9", "10"} and profile.traits == {"groups.8": {}}


class Clock:
    """The wall clock, where it stands just now."""

    def __init__(self, now):
        self.instant = parse_instant(now)

    def now(self):
        return self.instant


def entered_at(made, user="u1"):
    return [record["at"] for record in made.trace(profile=user) if record["kind"] == "entered"]


def live(store=None):
    return Evaluator(load_space(DOCUMENT), store=store, clock=Clock("2026-05-01T12:00:00Z"))


SENT, HAPPENED = "2020-01-01T00:00:10Z", "2020-01-01T00:00:03Z"


@pytest.mark.parametrize(
    ("batch", "call", "when"),
    [
        ({"sentAt": SENT}, {"timestamp": HAPPENED}, "2026-05-01T11:59:53Z"),
        (
            {"sentAt": SENT},
            {"originalTimestamp": HAPPENED, "timestamp": "2020-01-01T00:00:00Z"},
            "2026-05-01T11:59:53Z",
        ),
        # a call's own sentAt goes before that of its batch
        ({"sentAt": "2020-01-01T01:00:00Z"}, {"timestamp": HAPPENED, "sentAt": SENT}, "2026-05-01T11:59:53Z"),
        ({"sentAt": SENT}, {"timestamp": HAPPENED, "sentAt": None}, "2026-05-01T11:59:53Z"),
        ({"sentAt": None}, {"timestamp": "2026-05-01T11:00:00Z"}, "2026-05-01T11:00:00Z"),
        ({}, {"timestamp": "2026-05-01T11:00:00+01:00"}, "2026-05-01T10:00:00Z"),
        # a client whose clock is ahead, without sentAt: replaced by the receipt
        ({}, {"timestamp": "2026-05-01T12:06:00Z"}, "2026-05-01T12:00:00Z"),
        ({"sentAt": SENT}, {}, "2026-05-01T12:00:00Z"),
    ],
)
def test_timestamps_are_corrected_by_sent_at(batch, call, when):
    """T3"""
    made = live()
    client = TestClient(create_app(made, write_keys=None))
    assert client.post("/v1/batch", json={"batch": [track(1) | call], **batch}).json() == {"success": True}
    assert entered_at(made) == [when]


def test_a_call_of_its_own_has_its_own_sent_at():
    made = live()
    TestClient(create_app(made, write_keys=None)).post("/v1/track", json=track(1, sentAt=SENT, timestamp=HAPPENED))
    assert entered_at(made) == ["2026-05-01T11:59:53Z"]


def test_a_manual_clock_takes_timestamps_as_they_are():
    made = Evaluator(load_space(DOCUMENT), clock=ManualClock("2026-05-01T12:00:00Z"))
    client = TestClient(create_app(made, write_keys=None))
    client.post("/v1/batch", json={"batch": [track(1, timestamp=HAPPENED)], "sentAt": SENT})
    assert entered_at(made) == [format_instant(parse_instant(HAPPENED))]


# what is wrong


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"userId": NaN}', "not_json"),
        (b'{"userId": "a", "userId": "b"}', "duplicate_key"),
        (b'{"userId": "\\ud800"}', "lone_surrogate"),
        (b"[" * 100 + b"]" * 100, "too_deep"),
        (b'{"userId": "\xff"}', "not_utf8"),
        (b"[]", "no_object"),
        (b"{}", "missing_id"),
        (b'{"userId": "u", "event": ""}', "missing_event"),
        (b'{"userId": "u", "event": "E", "properties": []}', "wrong_properties"),
        (b'{"userId": "u", "event": "E", "messageId": 5}', "wrong_message_id"),
        (b'{"userId": "u", "event": "E", "timestamp": "yesterday"}', "wrong_timestamp"),
        (b'{"userId": "u", "event": "E", "timestamp": "2026-01-01T00:00:00"}', "wrong_timestamp"),
    ],
)
def test_what_is_no_call_is_answered_so(client, body, code):
    response = client.post("/v1/track", content=body, headers=WRITE)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response.json()["message"] and response.json()["success"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[]", "no_object"),
        ("{}", "wrong_batch"),
        ('{"batch": {}}', "wrong_batch"),
        ('{"batch": [], "sentAt": "now"}', "wrong_timestamp"),
        ('{"batch": [], "sentAt": 3}', "wrong_timestamp"),
    ],
)
def test_what_is_no_batch_is_answered_so(client, body, code):
    response = client.post("/v1/batch", content=body, headers=WRITE)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_batch_with_wrong_calls_takes_the_others_and_says_which(client, made):
    batch = [
        track(1),
        {"type": "trakc", "userId": "u1"},
        7,
        track(2, messageId=5),
        track(3) | {"properties": {"text": "x" * 33_000}},
        {"type": "identify"},
        track(4),
    ]
    response = client.post("/v1/batch", json={"batch": batch}, headers=WRITE)
    assert response.status_code == 200 and response.json()["success"] is True
    told = [(each["index"], each["reason"]) for each in response.json()["rejected"]]
    assert told == [
        (1, "unknown_type"), (2, "no_object"), (3, "wrong_message_id"), (4, "too_large"), (5, "missing_id")
    ]  # fmt: skip
    assert "did you mean 'track'?" in response.json()["rejected"][0]["message"]
    assert made.profile("u1").computed_traits["order_names"] == [1, 4]
    text = client.get("/metrics", headers=READ).text
    assert 'journeys_calls_total{source="web",answer="rejected"} 5' in text
    assert 'journeys_rejected_total{reason="too_large"} 1' in text


def test_an_erased_profile_is_refused(client, made):
    """V6"""
    client.post("/v1/track", json=track(1), headers=WRITE)
    made.erase("u1")
    response = client.post("/v1/track", json=track(2), headers=WRITE)
    assert (response.status_code, response.json()["code"]) == (400, "erased")


def test_what_comes_again_is_taken_once(client, made):
    """O2"""
    for _ in range(3):
        response = client.post(
            "/v1/batch", json={"batch": [track(1, messageId="m"), track(1, messageId="m")]}, headers=WRITE
        )
        assert response.json() == {"success": True}
    assert made.profile("u1").computed_traits["order_count"] == 1
    assert 'journeys_calls_total{source="web",answer="duplicate"} 5' in client.get("/metrics", headers=READ).text


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 200),  # what a browser's beacon sends
        ("application/vnd.segment+json", 200),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_content_types(client, kind, status):
    response = client.post("/v1/track", content=json.dumps(track(1)), headers=WRITE | {"content-type": kind})
    assert response.status_code == status
    assert client.post("/v1/track", content=json.dumps(track(1)), headers=WRITE).status_code == 200


# sizes


def of_size(size, **fields):
    """A track call of so many bytes as it is sent."""
    call = track(1, **fields) | {"properties": {"n": 1, "text": ""}}
    call["properties"]["text"] = "x" * (size - len(json.dumps(call)))
    return json.dumps(call).encode()


def test_a_call_has_32_kb(client):
    assert client.post("/v1/track", content=of_size(32 * 1024), headers=WRITE).status_code == 200
    response = client.post("/v1/track", content=of_size(32 * 1024 + 1), headers=WRITE)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_batch_has_500_kb(client):
    calls = b",".join([of_size(31_000)] * 16)
    body = b'{"batch": [' + calls + b"]" + b" " * (500 * 1024 - len(calls) - 13) + b"}"
    assert len(body) == 500 * 1024
    assert client.post("/v1/batch", content=body, headers=WRITE).json() == {"success": True}
    assert client.post("/v1/batch", content=body + b" ", headers=WRITE).status_code == 413
    # far too large: the connection is closed instead of reading it all
    response = client.post("/v1/batch", content=body * 5, headers=WRITE)
    assert response.status_code == 413 and response.headers["connection"] == "close"
    stream = iter([body] * 6)
    response = client.post("/v1/batch", content=stream, headers=WRITE)
    assert response.status_code == 413 and response.headers["connection"] == "close"


GZIP = WRITE | {"content-encoding": "gzip"}


def test_gzip(client, made):
    body = json.dumps({"batch": [track(1), track(2)]}).encode()
    assert client.post("/v1/batch", content=gzip.compress(body), headers=GZIP).json() == {"success": True}
    parts = gzip.compress(body[:20]) + gzip.compress(body[20:])
    assert client.post("/v1/batch", content=parts, headers=GZIP).json() == {"success": True}
    assert made.profile("u1").computed_traits["order_count"] == 4


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{}", 400, "wrong_gzip"),
        (gzip.compress(b'{"batch": []}')[:-3], 400, "wrong_gzip"),
        (gzip.compress(b'{"batch": []}') + b"rest", 400, "wrong_gzip"),
        (gzip.compress(b"{"), 400, "not_json"),
        (gzip.compress(b" " * (500 * 1024 + 1)), 413, "too_large"),
        (gzip.compress(b"\0" * 400_000_000, 9), 413, "too_large"),  # 390 kB that would be 400 MB
        (gzip.compress(b" " * 300_000) * 2, 413, "too_large"),
        (b"\x1f\x8b" + b"\0" * 3_000_000, 413, "too_large"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_gzip_that_is_none_or_a_bomb(client, body, status, code):
    response = client.post("/v1/batch", content=body, headers=GZIP)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_other_encodings_are_refused(client):
    response = client.post("/v1/batch", content=b"{}", headers=WRITE | {"content-encoding": "br"})
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "gzip")


def test_limits_are_settings():
    app = create_app(evaluator(), write_keys=None, limits=Limits(call_bytes=200, batch_bytes=400))
    client = TestClient(app)
    assert client.post("/v1/track", content=of_size(200)).status_code == 200
    assert client.post("/v1/track", content=of_size(201)).status_code == 413
    answer = client.post("/v1/batch", content=b'{"batch": [' + of_size(250) + b"]}").json()
    assert [each["reason"] for each in answer["rejected"]] == ["too_large"]
    assert client.post("/v1/batch", content=b'{"batch": [' + of_size(390) + b"]}").status_code == 413
    with pytest.raises(ValueError, match="call_bytes"):
        Limits(call_bytes=0)


def test_other_methods_and_paths(client):
    response = client.get("/v1/batch")
    assert (response.status_code, response.headers["allow"], response.json()["code"]) == (405, "POST", "wrong_method")
    response = client.post("/v1/nothing", json={}, headers=WRITE)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert KEY != TOKEN
