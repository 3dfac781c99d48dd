"""The read side: who may read, and what is shown."""

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from journeys import Activation, Evaluator, EventEntry, Journey, SendToDestination
from journeys.ports import ChangeSet, Delivery
from journeys.server import create_app, openapi
from journeys.server._metrics import family
from tests.server.support import KEY, READ, TOKEN, WRITE, evaluator, track

SHOWN = ["/v1/profiles/u1", "/v1/profiles/u1/timeline", "/v1/journeys", "/v1/figures", "/metrics"]


@pytest.mark.parametrize("path", SHOWN)
def test_nothing_is_shown_without_the_token(client, path):
    client.post("/v1/track", json=track(1), headers=WRITE)
    for header in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", WRITE["authorization"]):
        response = client.get(path, headers={"authorization": header} if header else {})
        assert (response.status_code, response.json()["code"]) == (401, "wrong_read_token")
        assert response.headers["www-authenticate"] == "Bearer"
    assert client.get(path, headers=READ).status_code == 200
    hidden = TestClient(create_app(evaluator(), write_keys=[KEY]))
    response = hidden.get(path, headers=READ)
    assert (response.status_code, response.json()["code"]) == (401, "no_read_token")


def test_a_profile(client, made):
    client.post(
        "/v1/identify", json={"userId": "u1", "traits": {"plan": "pro", "address": {"city": "Bern"}}}, headers=WRITE
    )
    client.post("/v1/track", json=track(1, anonymousId="a1"), headers=WRITE)
    response = client.get("/v1/profiles/u1", headers=READ)
    assert response.headers["cache-control"] == "no-store"
    profile = response.json()
    assert (profile["id"], profile["linked_ids"]) == ("u1", ["a1"])
    assert profile["traits"] == {"plan": "pro", "address": {"city": "Bern"}}
    assert profile["computed_traits"]["order_names"] == [1] and profile["audiences"] == ["buyers"]
    [instance] = profile["instances"]
    assert (instance["journey"], instance["status"], instance["identifier"]) == ("thanks", "live", 1)
    [wait] = instance["waits"]
    assert wait["step"] == "wait" and wait["until"] == profile["next_due"]
    assert {each["event"] for each in profile["remembers"]} == {"Order Completed"}
    # by its anonymous id it is the same person
    assert client.get("/v1/profiles/anonymous:a1", headers=READ).json()["id"] == "u1"
    assert client.get("/v1/profiles/a1", headers=READ).status_code == 404


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("a/b", "a%2Fb"),
        ("a/timeline", "a%2Ftimeline"),
        ("timeline", "timeline"),
        ("ü €", "%C3%BC%20%E2%82%AC"),
        ("100%", "100%25"),
        ("a?b#c", "a%3Fb%23c"),
        ("anonymous:x", "user:anonymous:x"),
        ("user:x", "user:user:x"),
        ("x:y", "x:y"),
    ],
)
def test_ids_of_any_kind_have_an_address(client, user, address):
    client.post("/v1/track", json=track(1, user=user), headers=WRITE)
    assert client.get(f"/v1/profiles/{address}", headers=READ).json()["id"] == user
    timeline = client.get(f"/v1/profiles/{address}/timeline", headers=READ).json()
    assert timeline["id"] == user and [record["kind"] for record in timeline["records"]] == ["entered", "step"]


@pytest.mark.parametrize(
    "address", ["nobody", "anonymous:", "user:", "%00", "a%00b", "%ff", "x" * 5000, "anonymous:u1"]
)
def test_unknown_people(client, address):
    client.post("/v1/track", json=track(1), headers=WRITE)
    for path in (f"/v1/profiles/{address}", f"/v1/profiles/{address}/timeline"):
        response = client.get(path, headers=READ)
        assert (response.status_code, response.json()["code"]) == (404, "unknown_profile")


@pytest.mark.parametrize("path", ["/v1/profiles/", "/v1/profiles/u1/other", "/v1/profiles/u1/timeline/x"])
def test_paths_that_lead_nowhere(client, path):
    assert client.get(path, headers=READ).status_code == 404


@pytest.mark.parametrize("store", [None, "sqlite"])
def test_a_timeline_in_pages(store, tmp_path):
    made = evaluator(None if store is None else f"sqlite:///{tmp_path}/journeys.db")
    with TestClient(create_app(made, write_keys=None, read_token=TOKEN)) as client:
        for n in range(3):
            client.post("/v1/track", json={**track(n), "userId": None, "anonymousId": "a1"})
        client.post("/v1/track", json=track(3, anonymousId="a1"))
        client.post("/v1/track", json=track(9, user="u2"))
        whole = client.get("/v1/profiles/u1/timeline", headers=READ).json()
        # what happened before the ids were linked was recorded under the anonymous one
        assert [record["profile"] for record in whole["records"]] == ["a1"] * 6 + ["u1"] * 2
        assert whole["next"] is None
        seen, after = [], 0
        while after is not None:
            page = client.get(f"/v1/profiles/u1/timeline?limit=3&after={after}", headers=READ).json()
            assert len(page["records"]) <= 3
            seen += page["records"]
            after = page["next"]
        assert seen == whole["records"]
    made.close()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=-1",
        "limit=",
        "limit=1&limit=2",
        "after=-1",
        "after=1.5",
        "after=9999999999",
        "limit=²",
    ],
)
def test_pages_that_cannot_be_meant(client, query):
    client.post("/v1/track", json=track(1), headers=WRITE)
    response = client.get(f"/v1/profiles/u1/timeline?{query}", headers=READ)
    assert (response.status_code, response.json()["code"][:6]) == (400, "wrong_")


def test_journeys_and_figures():
    once = Journey(
        key="once",
        entry=EventEntry("Go", reentry="every_time"),
        start="send",
        steps={"send": SendToDestination([Activation("crm")])},
    )

    class Nowhere:
        def deliver(self, delivery):
            pass

    made = Evaluator([once], destinations={"crm": Nowhere()})
    client = TestClient(create_app(made, write_keys=None, read_token=TOKEN))
    for user in ("u1", "u2", "u1"):
        client.post("/v1/track", json=track(1, user=user) | {"event": "Go"})
    client.post("/v1/track", json={"userId": "u1"})
    [journey] = client.get("/v1/journeys", headers=READ).json()["journeys"]
    assert journey == {"key": "once", "version": 1, "name": "once", "description": None, "status": "live"}
    figures = client.get("/v1/figures", headers=READ).json()
    [counts] = figures["journeys"]
    assert (counts["journey"], counts["entered"], counts["completed"], counts["in_progress"]) == ("once", 3, 3, 0)
    assert counts["steps"][0]["sent"] == 3 and [each["version"] for each in counts["versions"]] == [1]
    assert (figures["store"]["profiles"], figures["store"]["records"]) == (2, 12)
    assert figures["watermark"] is None and figures["store"]["outbox"] == 0
    made.advance("2030-01-01T00:00:00Z")
    assert client.get("/v1/figures", headers=READ).json()["watermark"] == "2030-01-01T00:00:00Z"


def test_figures_of_people_who_stay_after_they_completed():
    """S10: a completed V1 instance that exits later counts as exited."""
    from journeys import load_space
    from tests.support import journey, space

    entry = {"type": "condition_entry", "condition": {"type": "event", "event": "Go"}}
    document = space(
        journey({"end": {"type": "delay", "duration": "PT1M", "next": None}}, key="v1", entry=entry, exit_after="P1D"),
        journey(key="v2", entry="Go"),
    )
    made = Evaluator(load_space(document))
    client = TestClient(create_app(made, write_keys=None, read_token=TOKEN))
    client.post("/v1/track", json=track(1) | {"event": "Go"})

    def counts():
        found = client.get("/v1/figures", headers=READ).json()["journeys"]
        return [(each["journey"], each["completed"], each["exited"], each["in_progress"]) for each in found]

    assert counts() == [("v1", 0, 0, 1), ("v2", 0, 0, 1)]
    now = made.clock.now()
    made.advance(now + 3_600_000_000)
    assert counts() == [("v1", 1, 0, 0), ("v2", 0, 0, 1)]
    made.advance(now + 2 * 86_400_000_000)
    assert counts() == [("v1", 0, 1, 0), ("v2", 0, 0, 1)]


def test_health_and_readiness_need_no_token(client):
    assert client.get("/health").json() == client.get("/ready").json() == {"status": "ok"}


# metrics

_SAMPLE = re.compile(
    r'(journeys_[a-z_]+)(?:\{([a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*)\})? (-?[0-9.e+]+)'
)


def test_metrics_are_openmetrics_and_name_nobody(client, made):
    secret = "Xzqvw"
    calls = [track(1, user=f"{secret}-user"), {"type": "identify", "userId": "u", "traits": {secret: secret}}]
    client.post("/v1/batch", json={"batch": [*calls, {"type": secret}, track(1, userId=secret * 5000)]}, headers=WRITE)
    client.post(f"/v1/{secret}", json={}, headers=WRITE)
    client.get(f"/v1/profiles/{secret}-user", headers=READ)
    made.advance("2030-01-01T00:00:00Z")
    late = Delivery(id="d", destination="elsewhere", call="track", body=b"{}", at=7_500_000, profile=f"{secret}-user")
    made.store.commit(ChangeSet(deliveries=[late]))
    response = client.get("/metrics", headers=READ)
    assert response.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = response.text
    assert secret not in text and text.endswith("# EOF\n")
    kinds, numbers, seen = {}, {}, []
    for line in text.splitlines()[:-1]:
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            if what == "TYPE":
                assert name not in kinds  # the samples of a family stand together
                kinds[name] = rest
            elif what == "UNIT":
                assert name.endswith("_" + rest)
            current = name
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] == current + ("_total" if kinds[current] == "counter" else "")
        numbers[match[1] + (f"{{{match[2]}}}" if match[2] else "")] = float(match[3])
        seen.append(line)
    assert len(set(numbers)) == len(seen)
    assert numbers['journeys_calls_total{source="web",answer="accepted"}'] == 2
    assert numbers['journeys_requests_total{path="/v1/batch",status="200"}'] == 1
    assert numbers["journeys_watermark_seconds"] == 1_893_456_000
    assert numbers["journeys_queued_calls"] == 0
    assert numbers['journeys_outbox_deliveries{destination="elsewhere",state="waiting"}'] == 1
    assert numbers['journeys_outbox_oldest_seconds{destination="elsewhere"}'] == 7.5


def test_labels_are_escaped():
    [*_, line] = family("x", "counter", "X.", [({"a": 'b"\\\n'}, 1)])
    assert line == 'x_total{a="b\\"\\\\\\n"} 1'


# mounted in another application


def test_mounted_in_another_application(made):
    outer = FastAPI()
    outer.mount("/segment", create_app(made, write_keys=[KEY], read_token=TOKEN))
    with TestClient(outer) as client:
        assert client.post("/segment/v1/track", json=track(1, user="a/b"), headers=WRITE).json() == {"success": True}
        assert client.get("/segment/v1/profiles/a%2Fb", headers=READ).json()["id"] == "a/b"
        document = client.get("/segment/openapi.json").json()
        assert document == openapi("/segment") and document["servers"] == [{"url": "/segment"}]
