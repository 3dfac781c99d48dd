"""What vendors take, as JSON Schema, written from their references (see the docstrings of the adapters)."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
EMAIL = {"type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An object with these members and no other."""
    properties = required | (optional or {})
    return {
        "type": "object", "required": [*required], "properties": properties, "additionalProperties": False
    } | more  # fmt: skip


def one(items: dict[str, Any], most: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


# https://segment.com/docs/connections/spec/common/
_COMMON = {
    "messageId": {"type": "string", "maxLength": 100},
    "timestamp": INSTANT,
    "context": {"type": "object"},
    "integrations": {"type": "object", "additionalProperties": {"type": ["boolean", "object"]}},
    "userId": TEXT,
    "anonymousId": TEXT,
}
_WHO = {"anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}]}
SEGMENT_TRACK = closed(
    {"type": {"const": "track"}, "event": TEXT}, {**_COMMON, "properties": {"type": "object"}}, **_WHO
)
SEGMENT_IDENTIFY = closed({"type": {"const": "identify"}}, {**_COMMON, "traits": {"type": "object"}}, **_WHO)

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
SLACK = closed(
    {},
    {
        "text": TEXT | {"maxLength": 40_000},
        "blocks": {"type": "array", "maxItems": 50, "items": {"type": "object", "required": ["type"]}},
        "attachments": {"type": "array", "maxItems": 100},
        "thread_ts": TEXT,
        "unfurl_links": {"type": "boolean"},
    },
    anyOf=[{"required": ["text"]}, {"required": ["blocks"]}, {"required": ["attachments"]}],
)

# https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
_PHONE = {"type": "string", "pattern": r"^(whatsapp:)?\+[1-9]\d{1,14}$"}
TWILIO = closed(
    {"To": _PHONE},
    {
        "From": _PHONE,
        "MessagingServiceSid": {"type": "string", "pattern": "^MG[0-9a-fA-F]{32}$"},
        "Body": {"type": "string", "minLength": 1, "maxLength": 1600},
        "ContentSid": {"type": "string", "pattern": "^HX[0-9a-fA-F]{32}$"},
        "ContentVariables": {"type": "string"},
    },
    allOf=[
        {"oneOf": [{"required": ["From"]}, {"required": ["MessagingServiceSid"]}]},
        {"anyOf": [{"required": ["Body"]}, {"required": ["ContentSid"]}]},
    ],
)

# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
_PERSON = closed({"email": EMAIL}, {"name": TEXT})
_PART = closed({"type": {"enum": ["text/plain", "text/html"]}, "value": TEXT})
SENDGRID = closed(
    {
        "from": _PERSON,
        "personalizations": one(
            closed(
                {"to": one(_PERSON, 1000)},
                {
                    "custom_args": {"type": "object", "additionalProperties": {"type": "string"}},
                    "dynamic_template_data": {"type": "object"},
                },
            ),
            1000,
        ),
    },
    {
        "subject": TEXT,
        "content": one(_PART, 2),
        "template_id": {"type": "string", "pattern": "^d-[0-9a-f]{32}$"},
    },
    anyOf=[{"required": ["subject", "content"]}, {"required": ["template_id"]}],
)

# https://www.braze.com/docs/api/objects_filters/event_object and …/user_attributes_object
_BRAZE_WHO = {
    "external_id": TEXT,
    "user_alias": closed({"alias_name": TEXT, "alias_label": TEXT}),
    "_update_existing_only": {"type": "boolean"},
}
_BRAZE_ONE_ID: dict[str, Any] = {"oneOf": [{"required": ["external_id"]}, {"required": ["user_alias"]}]}
BRAZE_EVENTS = closed(
    {
        "events": one(
            closed(
                {"name": TEXT, "time": INSTANT},
                {
                    **_BRAZE_WHO,
                    "app_id": TEXT,
                    "properties": {"type": "object", "propertyNames": {"pattern": r"^[^$].{0,254}$"}},
                },
                **_BRAZE_ONE_ID,
            ),
            75,
        )
    }
)
BRAZE_ATTRIBUTES = closed({"attributes": one({"type": "object", "properties": _BRAZE_WHO, **_BRAZE_ONE_ID}, 75)})

# https://docs.customer.io/integrations/api/track/
_ULID = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
_CIO_EVENT = {"name": TEXT, "timestamp": {"type": "integer", "maximum": 99_999_999_999}, "data": {"type": "object"}}
CUSTOMER_IO_EVENT = closed(_CIO_EVENT, {"id": _ULID, "type": {"enum": ["event", "page", "screen"]}})
CUSTOMER_IO_ANONYMOUS = closed({**_CIO_EVENT, "anonymous_id": TEXT}, {"id": _ULID})
CUSTOMER_IO_PERSON = {"type": "object", "maxProperties": 300}

# https://api.iterable.com/api/docs#events_track and #users_updateUser
_ITERABLE_WHO = {"anyOf": [{"required": ["email"]}, {"required": ["userId"]}]}
ITERABLE_EVENT = closed(
    {"eventName": TEXT},
    {
        "email": EMAIL, "userId": TEXT | {"maxLength": 52}, "id": TEXT, "dataFields": {"type": "object"},
        "createdAt": {"type": "integer", "maximum": 99_999_999_999}, "campaignId": {"type": "integer"},
        "templateId": {"type": "integer"},
    },
    **_ITERABLE_WHO,
)  # fmt: skip
ITERABLE_USER = closed(
    {},
    {
        "email": EMAIL, "userId": TEXT | {"maxLength": 52}, "dataFields": {"type": "object"},
        "preferUserId": {"type": "boolean"}, "mergeNestedObjects": {"type": "boolean"},
    },
    **_ITERABLE_WHO,
)  # fmt: skip

# https://developers.hubspot.com/docs/api-reference/legacy/events/send-event-data/guide and …/batch/upsert-contacts
HUBSPOT_EVENT = closed(
    {
        "eventName": {"type": "string", "pattern": r"^pe\d+_[a-z0-9_]+$"},
        "properties": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
    },
    {
        "email": EMAIL, "objectId": TEXT, "utk": TEXT, "occurredAt": INSTANT,
        "uuid": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
    },
    anyOf=[{"required": ["email"]}, {"required": ["objectId"]}, {"required": ["utk"]}],
)  # fmt: skip
HUBSPOT_CONTACT = closed(
    {
        "inputs": one(
            closed(
                {
                    "id": EMAIL,
                    "idProperty": {"const": "email"},
                    "properties": {"type": "object", "additionalProperties": {"type": "string"}},
                }
            ),
            100,
        )
    }
)

# https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/
MAILCHIMP = closed(
    {
        "members": one(
            closed(
                {"email_address": EMAIL, "status": {"enum": ["subscribed", "pending", "transactional"]}},
                {"merge_fields": {"type": "object", "propertyNames": {"pattern": "^[A-Z0-9_]{1,10}$"}}},
            ),
            500,
        )
    },
    {"update_existing": {"type": "boolean"}},
)

# https://amplitude.com/docs/apis/analytics/http-v2 and …/identify
_AMPLITUDE_WHO = {"user_id": TEXT, "device_id": TEXT}
_AMPLITUDE_ONE_ID: dict[str, Any] = {"anyOf": [{"required": ["user_id"]}, {"required": ["device_id"]}]}
AMPLITUDE = closed(
    {
        "api_key": TEXT,
        "events": one(
            closed(
                {"event_type": TEXT},
                {
                    **_AMPLITUDE_WHO,
                    "time": {"type": "integer", "minimum": 1_000_000_000_000},
                    "insert_id": TEXT,
                    "event_properties": {"type": "object"},
                    "user_properties": {"type": "object"},
                },
                **_AMPLITUDE_ONE_ID,
            ),
            2000,
        ),
    },
    {"options": closed({"min_id_length": {"type": "integer"}})},
)
AMPLITUDE_IDENTIFICATION = one(
    closed({"user_properties": closed({"$set": {"type": "object"}})}, _AMPLITUDE_WHO, **_AMPLITUDE_ONE_ID)
)

# https://developer.mixpanel.com/reference/import-events and …/profile-set
MIXPANEL_EVENTS = one(
    closed(
        {
            "event": TEXT,
            "properties": {
                "type": "object",
                "required": ["time", "distinct_id", "$insert_id"],
                "maxProperties": 254,
                "properties": {
                    "time": {"type": "integer", "minimum": 1_000_000_000_000},
                    "distinct_id": TEXT,
                    "$insert_id": {"type": "string", "pattern": "^[0-9A-Za-z-]{1,36}$"},
                },
            },
        }
    ),
    2000,
)
MIXPANEL_PROFILES = one(closed({"$token": TEXT, "$distinct_id": TEXT, "$set": {"type": "object"}}), 2000)
