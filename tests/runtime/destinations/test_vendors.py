"""Each vendor's adapter against a server that checks what that vendor's reference asks for."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import jsonschema
import pytest

from journeys import errors
from journeys.destinations import (
    Amplitude,
    Braze,
    CustomerIO,
    HubSpot,
    Iterable,
    Mixpanel,
    Segment,
    SendGrid,
    Slack,
    Twilio,
)
from journeys.runtime.destinations.customer_io import ulid
from tests.runtime.destinations import schemas
from tests.runtime.destinations.support import AT, IDENTIFY, LOCAL, MESSAGE, TRACK, Received, Server, delivery

SID = "AC" + "0" * 32
KEY = "key-taint-7"
PROPERTIES = TRACK["properties"]
ANONYMOUS = {"user_id": None, "anonymous_id": "a 1/ü", "profile": "a 1/ü"}


def anonymous(payload: Any, call: str = "track") -> Any:
    changed = {key: value for key, value in payload.items() if key != "userId"} | {"anonymousId": "a 1/ü"}
    return delivery(changed, call, **ANONYMOUS)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def checked(request: Received, path: str, schema: Any, *, method: str = "POST") -> Any:
    """The JSON body of a request, after it has been compared with what the vendor documents."""
    assert (request.method, request.path) == (method, path)
    assert request.headers["content-type"] == "application/json"
    jsonschema.validate(request.json, schema, cls=jsonschema.Draft202012Validator)
    return request.json


def checked_form(request: Received, path: str, schema: Any) -> Any:
    assert (request.method, request.path) == ("POST", path)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    jsonschema.validate(request.form, schema, cls=jsonschema.Draft202012Validator)
    return request.form


def without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def make(vendor: Any, server: Server, *args: Any, **settings: Any) -> Any:
    return vendor(*args, base_url=server.url, network=LOCAL, **settings)


# ---------------------------------------------------------------------------------------------------------- Segment


def test_segment(server: Server, send) -> None:
    send(make(Segment, server, KEY), delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK))
    track, identify, unknown = server.requests
    assert track.headers["authorization"] == basic(KEY, "")
    assert checked(track, "/v1/track", schemas.SEGMENT_TRACK) == without(TRACK, "integrations")
    assert checked(identify, "/v1/identify", schemas.SEGMENT_IDENTIFY) == without(IDENTIFY, "integrations")
    assert checked(unknown, "/v1/track", schemas.SEGMENT_TRACK)["anonymousId"] == "a 1/ü"


def test_segment_with_a_mapping_and_integrations(server: Server, send) -> None:
    destination = make(Segment, server, KEY, integrations={"All": False, "Braze": True})
    send(destination, delivery({"properties": {"cart": "c1"}}, "mapped"))
    call = checked(server.last, "/v1/track", schemas.SEGMENT_TRACK)
    assert call == {
        "type": "track", "event": "nudge", "userId": "u1", "messageId": TRACK["messageId"],
        "timestamp": "2026-01-01T10:00:00Z", "properties": {"cart": "c1"},
        "integrations": {"All": False, "Braze": True},
    }  # fmt: skip


def test_segment_limits(server: Server) -> None:
    segment = make(Segment, server, KEY)
    with pytest.raises(errors.Rejected, match="over Segment's 32,768"):
        segment.deliver(delivery({"properties": {"x": "y" * 32_700}}, "mapped"))
    with pytest.raises(errors.Rejected, match="takes identify, mapped, track, not message"):
        segment.deliver(delivery(MESSAGE, "message"))
    with pytest.raises(errors.Rejected, match="has a type"):
        segment.deliver(delivery({"type": "../../x"}, "mapped"))
    assert not server.requests


@pytest.mark.parametrize(("region", "host"), [("us", "api.segment.io"), ("eu", "eu1.api.segmentapis.com")])
def test_segment_regions(region: str, host: str) -> None:
    assert Segment(KEY, region=region).test(delivery()).requests[0].url == f"https://{host}/v1/track"


# ------------------------------------------------------------------------------------------------------------ Slack


def slack(server: Server, **settings: Any) -> Slack:
    return Slack(f"{server.url}/services/T0/B0/taint", network=LOCAL, **settings)


def test_slack(server: Server, send) -> None:
    send(slack(server, text="{{ properties.first_name }} left {{ event }}"), delivery())
    assert checked(server.last, "/services/T0/B0/taint", schemas.SLACK) == {"text": "Ada left Cart Abandoned"}
    send(slack(server), delivery(), delivery(IDENTIFY, "identify"))
    assert [each.json["text"] for each in server.requests[1:]] == ["Cart Abandoned: u1", "identified: u1"]


def test_slack_messages(server: Server, send) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Hi"}}]
    send(
        slack(server),
        delivery({"text": "Hi", "blocks": blocks}, "mapped"),
        delivery(MESSAGE | {"template": {"text": "x"}}, "message"),
    )
    assert [checked(each, "/services/T0/B0/taint", schemas.SLACK) for each in server.requests] == [
        {"text": "Hi", "blocks": blocks},
        {"text": "x"},
    ]


def test_slack_values_cannot_call_everybody(server: Server) -> None:
    payload = TRACK | {"properties": {"name": "<!channel> & <@U1>"}}
    slack(server, text="{{ properties.name }}").test(delivery(payload))
    with slack(server, text="{{ properties.name }} <!here>") as quiet:
        quiet.deliver(delivery(payload))
        quiet.deliver(delivery({"text": "<!channel>", "blocks": [{"type": "x", "text": "<!here>"}]}, "mapped"))
    assert server.requests[0].json["text"] == "&lt;!channel&gt; &amp; &lt;@U1&gt; &lt;!here>"
    assert server.requests[1].json == {"text": "&lt;!channel>", "blocks": [{"type": "x", "text": "&lt;!here>"}]}
    with slack(server, mentions=True) as loud:
        loud.deliver(delivery({"text": "<!channel>"}, "mapped"))
    assert server.last.json == {"text": "<!channel>"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, "channel_not_found", errors.Rejected), (410, "channel_is_archived", errors.Rejected),
        (403, "action_prohibited", errors.Rejected), (404, "no_service", errors.Rejected),
        (400, "invalid_payload", errors.Rejected), (500, "rollup_error", errors.Retry),
        (429, "rate_limited", errors.Retry),
    ],
)  # fmt: skip
def test_slack_errors(server: Server, status: int, body: str, expected: type[Exception]) -> None:
    server.reply(status, body.encode(), retry_after="30")
    with slack(server) as destination, pytest.raises(expected, match=body):
        destination.deliver(delivery())


def test_the_url_of_a_slack_webhook_is_a_secret(server: Server) -> None:
    server.reply(404, f"no {server.url}/services/T0/B0/taint".encode())
    with slack(server) as destination:
        assert "taint" not in repr(destination)
        assert "taint" not in str(destination.test(delivery(), send=True))


# ----------------------------------------------------------------------------------------------------------- Twilio


def twilio(server: Server, **settings: Any) -> Twilio:
    return make(Twilio, server, SID, auth_token=KEY, **{"sender": "+15005550006", **settings})


PATH = f"/2010-04-01/Accounts/{SID}/Messages.json"


def test_twilio(server: Server, send) -> None:
    server.reply(201, {"sid": "SM1", "status": "queued"})
    send(twilio(server, text="Hi {{ properties.first_name }} & more"), delivery())
    assert server.last.headers["authorization"] == basic(SID, KEY)
    assert checked_form(server.last, PATH, schemas.TWILIO) == {
        "To": "+4915112345678", "From": "+15005550006", "Body": "Hi Ada & more"
    }  # fmt: skip


def test_twilio_messages(server: Server, send) -> None:
    service, template = "MG" + "1" * 32, "HX" + "2" * 32
    message = MESSAGE | {"channel": "sms", "template": {"to": "+491", "body": "Hi"}}
    send(twilio(server, sender=service), delivery(message, "message"))
    assert checked_form(server.last, PATH, schemas.TWILIO) == {
        "To": "+491", "MessagingServiceSid": service, "Body": "Hi"
    }  # fmt: skip
    mapped = {"to": "whatsapp:+491", "content_sid": template, "content_variables": {"1": "Ada"}}
    send(twilio(server, channel="whatsapp", api_key="SK1"), delivery(mapped, "mapped"))
    assert server.last.headers["authorization"] == basic("SK1", KEY)
    assert checked_form(server.last, PATH, schemas.TWILIO) == {
        "To": "whatsapp:+491", "From": "whatsapp:+15005550006", "ContentSid": template,
        "ContentVariables": '{"1":"Ada"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    "payload", [{}, {"to": "0151"}, {"to": "+49x", "body": "x"}, {"to": "+491"}, {"to": "+491", "body": "x" * 1601}]
)
def test_twilio_refuses_what_cannot_be_sent(server: Server, payload: Any) -> None:
    with twilio(server) as destination, pytest.raises(errors.Rejected):
        destination.deliver(delivery(payload, "mapped"))
    assert not server.requests


def test_twilio_errors(server: Server) -> None:
    error = {"code": 21211, "message": "The 'To' number +4915112345678 is not a valid phone number.", "status": 400}
    with twilio(server, text="x") as destination:
        server.reply(400, error)
        with pytest.raises(errors.Rejected, match="21211") as told:
            destination.deliver(delivery())
        server.reply(429, {"code": 20429})
        with pytest.raises(errors.Retry, match="20429"):
            destination.deliver(delivery())
    assert "+4915112345678" not in str(told.value)


# --------------------------------------------------------------------------------------------------------- SendGrid


def sendgrid(server: Server, **settings: Any) -> SendGrid:
    return make(SendGrid, server, KEY, sender="shop@example.com", **settings)


def test_sendgrid(server: Server, send) -> None:
    server.reply(202)
    settings = {
        "subject": "Hi {{ properties.first_name }}",
        "text": "{{ event }}",
        "html": "<b>{{ properties.tag }}</b>",
    }
    payload = TRACK | {"properties": PROPERTIES | {"tag": "<i>"}}
    send(sendgrid(server, sender_name="Shop", **settings), delivery(payload))
    assert server.last.headers["authorization"] == f"Bearer {KEY}"
    assert checked(server.last, "/v3/mail/send", schemas.SENDGRID) == {
        "personalizations": [
            {"to": [{"email": "ada@example.com"}], "custom_args": {"delivery_id": TRACK["messageId"]}}
        ],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "subject": "Hi Ada",
        "content": [
            {"type": "text/plain", "value": "Cart Abandoned"},
            {"type": "text/html", "value": "<b>&lt;i&gt;</b>"},
        ],
    }


def test_sendgrid_templates_and_messages(server: Server, send) -> None:
    template = "d-" + "a" * 32
    send(sendgrid(server, template_id=template), delivery())
    mail = checked(server.last, "/v3/mail/send", schemas.SENDGRID)
    assert (mail["template_id"], mail["personalizations"][0]["dynamic_template_data"]) == (template, PROPERTIES)
    send(sendgrid(server), delivery({"to": "b@example.com", "template_id": template, "data": {"x": 1}}, "mapped"))
    mail = checked(server.last, "/v3/mail/send", schemas.SENDGRID)
    assert mail["personalizations"][0]["dynamic_template_data"] == {"x": 1}
    assert mail["personalizations"][0]["to"] == [{"email": "b@example.com"}]
    send(sendgrid(server), delivery(MESSAGE, "message"))
    assert checked(server.last, "/v3/mail/send", schemas.SENDGRID)["subject"] == "Hello Ada"


def test_sendgrid_errors(server: Server) -> None:
    with sendgrid(server, subject="s", text="t") as destination:
        for status, body, expected in (
            (403, "Too many bad requests. Temporary block", errors.Retry),
            (403, "access forbidden", errors.Rejected),
            (401, "Requires authentication", errors.Rejected),
            (413, "too large", errors.Rejected),
            (429, "too many requests", errors.Retry),
        ):
            server.reply(status, {"errors": [{"message": body, "field": None}]})
            with pytest.raises(expected, match=f"status {status}"):
                destination.deliver(delivery())
        server.reply(429, b"", x_ratelimit_reset="99999999999")
        with pytest.raises(errors.Retry) as told:
            destination.deliver(delivery())
        assert told.value.after == 86_400.0
        with pytest.raises(errors.Rejected, match="no email address"):
            destination.deliver(delivery({"x": 1}, "mapped"))


# ------------------------------------------------------------------------------------------------------------ Braze


def braze(server: Server, **settings: Any) -> Braze:
    return make(Braze, server, KEY, endpoint="rest.iad-01.braze.com", **settings)


def test_braze(server: Server, send) -> None:
    for _ in range(3):
        server.reply(201, {"message": "success", "events_processed": 1})
    send(braze(server, app_id="app"), delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK))
    event, person, unknown = server.requests
    assert event.headers["authorization"] == f"Bearer {KEY}"
    assert checked(event, "/users/track", schemas.BRAZE_EVENTS)["events"] == [
        {
            "external_id": "u1", "app_id": "app", "name": "Cart Abandoned", "time": "2026-01-01T10:00:00Z",
            "properties": PROPERTIES,
        }
    ]  # fmt: skip
    assert checked(person, "/users/track", schemas.BRAZE_ATTRIBUTES)["attributes"] == [
        {"external_id": "u1", **IDENTIFY["traits"]}
    ]
    alias = checked(unknown, "/users/track", schemas.BRAZE_EVENTS)["events"][0]
    assert alias["user_alias"] == {"alias_name": "a 1/ü", "alias_label": "anonymous_id"}
    assert alias["_update_existing_only"] is False


def test_braze_with_a_mapping(server: Server, send) -> None:
    send(braze(server), delivery({"name": "cart_abandoned", "properties": {"cart": "c1"}}, "mapped"))
    event = checked(server.last, "/users/track", schemas.BRAZE_EVENTS)["events"][0]
    assert (event["name"], event["properties"], event["external_id"]) == ("cart_abandoned", {"cart": "c1"}, "u1")


def test_braze_errors(server: Server) -> None:
    with braze(server) as destination:
        server.reply(201, {"message": "success", "errors": [{"type": "'time' is invalid", "input_array": "events"}]})
        with pytest.raises(errors.Rejected, match="not processed"):
            destination.deliver(delivery())
        server.reply(400, {"message": "Valid data must be provided"})
        with pytest.raises(errors.Rejected, match="400"):
            destination.deliver(delivery())
        server.reply(429, {"message": "rate limit"}, x_ratelimit_reset="1")
        with pytest.raises(errors.Retry) as told:
            destination.deliver(delivery())
        assert told.value.after == 0.0


@pytest.mark.parametrize(
    "endpoint", ["evil.example", "rest.iad-01.braze.com.evil.example", "rest.a/b.braze.com", "rest.a@b.braze.eu"]
)
def test_the_key_goes_to_braze_alone(endpoint: str) -> None:
    with pytest.raises(ValueError):
        Braze(KEY, endpoint=endpoint)


# ------------------------------------------------------------------------------------------------------ Customer.io


def test_customer_io(server: Server, send) -> None:
    destination = make(CustomerIO, server, "site", api_key=KEY)
    send(destination, delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK), delivery(user_id="u 2/é?"))
    event, person, unknown, odd = server.requests
    assert event.headers["authorization"] == basic("site", KEY)
    assert checked(event, "/api/v1/customers/u1/events", schemas.CUSTOMER_IO_EVENT) == {
        "name": "Cart Abandoned", "timestamp": AT // 1_000_000, "id": ulid(TRACK["messageId"]), "data": PROPERTIES
    }  # fmt: skip
    traits = checked(person, "/api/v1/customers/u1", schemas.CUSTOMER_IO_PERSON, method="PUT")
    assert traits == IDENTIFY["traits"]
    assert checked(unknown, "/api/v1/events", schemas.CUSTOMER_IO_ANONYMOUS)["anonymous_id"] == "a 1/ü"
    assert odd.path == "/api/v1/customers/u%202%2F%C3%A9%3F/events"


def test_customer_io_needs_a_user_id_for_attributes(server: Server) -> None:
    with make(CustomerIO, server, "site", api_key=KEY) as destination:
        with pytest.raises(errors.Rejected, match="with a user id"):
            destination.deliver(anonymous(IDENTIFY, "identify"))
        with pytest.raises(errors.Rejected, match="cannot stand in a URL"):
            destination.deliver(delivery(user_id=".."))
        server.reply(400, {"meta": {"error": "name cannot be blank"}})
        with pytest.raises(errors.Rejected, match="name cannot be blank"):
            destination.deliver(delivery())


def test_ulids() -> None:
    assert ulid("0" * 32) == "0" * 26
    assert ulid("f" * 32) == "7" + "Z" * 25
    assert ulid("01563e3ab5d3d6764c61efb99302bd5b") == "01ARZ3NDEKTSV4RRFFQ69G5FAV"  # the example of the ULID spec
    assert ulid("no id") is None
    assert ulid("z" * 32) is None


# --------------------------------------------------------------------------------------------------------- Iterable


def test_iterable(server: Server, send) -> None:
    for _ in range(3):
        server.reply(200, {"code": "Success", "msg": "", "params": None})
    send(make(Iterable, server, KEY), delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK))
    event, person, unknown = server.requests
    assert event.headers["api-key"] == KEY
    assert checked(event, "/api/events/track", schemas.ITERABLE_EVENT) == {
        "userId": "u1", "email": "ada@example.com", "eventName": "Cart Abandoned", "id": TRACK["messageId"],
        "createdAt": AT // 1_000_000, "dataFields": PROPERTIES,
    }  # fmt: skip
    assert checked(person, "/api/users/update", schemas.ITERABLE_USER) == {
        "userId": "u1", "email": "ada@example.com", "preferUserId": True,
        "dataFields": {"first_name": "Ada", "plan": "pro"},
    }  # fmt: skip
    assert "userId" not in checked(unknown, "/api/events/track", schemas.ITERABLE_EVENT)


def test_iterable_errors(server: Server) -> None:
    with make(Iterable, server, KEY) as destination:
        for status, code, expected in (
            (200, "InvalidEmailAddressError", errors.Rejected),
            (400, "BadParams", errors.Rejected),
            (401, "BadApiKey", errors.Rejected),
            (429, "RateLimitExceeded", errors.Retry),
        ):
            server.reply(status, {"code": code})
            with pytest.raises(expected, match=code):
                destination.deliver(delivery())
        with pytest.raises(errors.Rejected, match="neither"):
            destination.deliver(delivery({"x": 1}, "mapped", **ANONYMOUS))


# ---------------------------------------------------------------------------------------------------------- HubSpot


def test_hubspot(server: Server, send) -> None:
    server.reply(204)
    server.reply(200, {"status": "COMPLETE", "results": []})
    server.reply(204)
    destination = make(HubSpot, server, KEY, hub_id=123, events={"Order": "pe1_order"})
    send(destination, delivery(), delivery(IDENTIFY, "identify"), delivery(TRACK | {"event": "Order"}))
    event, person, named = server.requests
    assert event.headers["authorization"] == f"Bearer {KEY}"
    assert checked(event, "/events/v3/send", schemas.HUBSPOT_EVENT) == {
        "eventName": "pe123_cart_abandoned", "email": "ada@example.com", "occurredAt": "2026-01-01T10:00:00Z",
        "uuid": "01234567-89ab-cdef-0123-456789abcdef",
        "properties": {"first_name": "Ada", "phone": "+4915112345678"},
    }  # fmt: skip
    contact = checked(person, "/crm/v3/objects/contacts/batch/upsert", schemas.HUBSPOT_CONTACT)
    assert contact["inputs"][0]["properties"] == IDENTIFY["traits"]
    assert named.json["eventName"] == "pe1_order"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, errors.Rejected), (423, errors.Retry), (429, errors.Retry), (477, errors.Retry), (502, errors.Retry)],
)
def test_hubspot_errors(server: Server, status: int, expected: type[Exception]) -> None:
    server.reply(status, {"status": "error", "category": "X"}, retry_after="2")
    with make(HubSpot, server, KEY, hub_id=1) as destination, pytest.raises(expected):
        destination.deliver(delivery())


def test_hubspot_partial_success(server: Server) -> None:
    server.reply(
        207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{"category": "VALIDATION_ERROR"}]}
    )
    with make(HubSpot, server, KEY) as destination:
        with pytest.raises(errors.Rejected, match="VALIDATION_ERROR"):
            destination.deliver(delivery(IDENTIFY, "identify"))
        with pytest.raises(errors.Rejected, match="add it to 'events'"):
            destination.deliver(delivery())


# -------------------------------------------------------------------------------------------------------- Amplitude


def test_amplitude(server: Server, send) -> None:
    send(make(Amplitude, server, KEY), delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK))
    event, person, unknown = server.requests
    body = checked(event, "/2/httpapi", schemas.AMPLITUDE)
    assert body["api_key"] == KEY
    assert body["events"] == [
        {
            "user_id": "u1", "event_type": "Cart Abandoned", "time": AT // 1000, "insert_id": TRACK["messageId"],
            "event_properties": PROPERTIES,
        }
    ]  # fmt: skip
    form = checked_form(person, "/identify", {"required": ["api_key", "identification"]})
    identification = json.loads(form["identification"])
    jsonschema.validate(identification, schemas.AMPLITUDE_IDENTIFICATION)
    assert identification == [{"user_id": "u1", "user_properties": {"$set": IDENTIFY["traits"]}}]
    assert checked(unknown, "/2/httpapi", schemas.AMPLITUDE)["events"][0]["device_id"] == "a 1/ü"


def test_amplitude_errors(server: Server) -> None:
    with make(Amplitude, server, KEY) as destination:
        for status, expected in (
            (400, errors.Rejected),
            (413, errors.Rejected),
            (429, errors.Retry),
            (503, errors.Retry),
        ):
            server.reply(status, {"code": status, "error": f"key {KEY}"})
            with pytest.raises(expected) as told:
                destination.deliver(delivery())
            assert KEY not in str(told.value)
            assert getattr(told.value, "after", None) == (30.0 if status == 429 else None)


# --------------------------------------------------------------------------------------------------------- Mixpanel


def test_mixpanel(server: Server, send) -> None:
    for reply in (
        {"code": 200, "num_records_imported": 1, "status": "OK"},
        {"error": None, "status": 1},
        {"status": "OK"},
    ):
        server.reply(200, reply)
    send(make(Mixpanel, server, KEY), delivery(), delivery(IDENTIFY, "identify"), anonymous(TRACK))
    event, person, unknown = server.requests
    assert event.headers["authorization"] == basic(KEY, "")
    assert event.query == {"strict": ["1"]}
    assert checked(event, "/import", schemas.MIXPANEL_EVENTS)[0]["properties"] == {
        **PROPERTIES, "time": AT // 1000, "distinct_id": "u1", "$user_id": "u1", "$insert_id": TRACK["messageId"]
    }  # fmt: skip
    assert checked(person, "/engage", schemas.MIXPANEL_PROFILES) == [
        {"$token": KEY, "$distinct_id": "u1", "$set": IDENTIFY["traits"]}
    ]
    properties = checked(unknown, "/import", schemas.MIXPANEL_EVENTS)[0]["properties"]
    assert (properties["distinct_id"], properties["$device_id"]) == ("$device:a 1/ü", "a 1/ü")


def test_mixpanel_errors(server: Server) -> None:
    with make(Mixpanel, server, KEY) as destination:
        server.reply(200, {"status": 0, "error": "token, missing or empty"})
        with pytest.raises(errors.Rejected, match="token, missing"):
            destination.deliver(delivery(IDENTIFY, "identify"))
        server.reply(400, {"code": 400, "failed_records": [{"index": 0, "message": "bad time"}]})
        with pytest.raises(errors.Rejected, match="bad time"):
            destination.deliver(delivery())
        server.reply(429, {"code": 429})
        with pytest.raises(errors.Retry):
            destination.deliver(delivery())


# -------------------------------------------------------------------------------------------------------- all of them


VENDORS = {
    "amplitude": lambda **more: Amplitude(KEY, **more),
    "braze": lambda **more: Braze(KEY, endpoint="rest.iad-01.braze.com", **more),
    "customer_io": lambda **more: CustomerIO("site", api_key=KEY, **more),
    "hubspot": lambda **more: HubSpot(KEY, hub_id=1, **more),
    "iterable": lambda **more: Iterable(KEY, **more),
    "mixpanel": lambda **more: Mixpanel(KEY, **more),
    "segment": lambda **more: Segment(KEY, **more),
    "sendgrid": lambda **more: SendGrid(KEY, sender="a@b.example", subject="s", text="t", **more),
    "twilio": lambda **more: Twilio(SID, auth_token=KEY, sender="+491", text="t", **more),
}


@pytest.mark.parametrize("name", VENDORS)
def test_no_key_is_shown(server: Server, name: str) -> None:
    pair = base64.b64encode(f"{KEY}:".encode()).decode()
    server.reply(400, f'{{"error": "{KEY} {pair} Bearer {KEY}"}}'.encode())
    with VENDORS[name](base_url=server.url, network=LOCAL) as vendor:
        shown = [repr(vendor), str(vendor.test(delivery())), str(vendor.test(delivery(), send=True))]
        server.reply(400, KEY.encode())
        with pytest.raises(errors.Rejected) as told:
            vendor.deliver(delivery())
    assert all(KEY not in each and pair not in each for each in [*shown, str(told.value), repr(told.value)])


@pytest.mark.parametrize("name", VENDORS)
def test_every_call_goes_to_the_vendor_over_https(name: str) -> None:
    request = VENDORS[name]().test(delivery()).requests[0]
    assert request.url.startswith("https://")


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    "payload", ["null", "[]", "5", '"x"', '{"properties": 5}', '{"properties": {"email": 5}}', "{", '{"event": 5}']
)
def test_odd_payloads_are_no_crash(name: str, payload: str) -> None:
    odd = attrs.evolve(delivery(), body=payload.encode())
    assert VENDORS[name]().test(odd).outcome in ("not sent", "rejected")


@pytest.mark.parametrize("name", VENDORS)
def test_texts_that_are_no_unicode_are_rejected(name: str) -> None:
    """A lone surrogate is kept in a payload, but no vendor takes it."""
    properties = {key: f"{value}\ud800" for key, value in PROPERTIES.items() if key not in ("email", "phone")}
    for changed in ({"event": "\ud800"}, {"userId": "\ud800"}, {"properties": properties | {"email": "a@b.example"}}):
        body = json.dumps(TRACK | changed, ensure_ascii=False).encode("utf-8", "surrogatepass")
        odd = attrs.evolve(delivery(user_id=changed.get("userId", "u1")), body=body)
        assert VENDORS[name]().test(odd).outcome in ("not sent", "rejected")
    body = json.dumps({"to": "+491", "email": "a@b.example", "body": "\ud800"}, ensure_ascii=False)
    odd = attrs.evolve(delivery(call="mapped", user_id="\ud800"), body=body.encode("utf-8", "surrogatepass"))
    assert VENDORS[name]().test(odd).outcome in ("not sent", "rejected")
