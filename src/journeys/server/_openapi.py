"""The OpenAPI document: what goes in, what comes out, and with which answers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from journeys.server._protocol import MANY, ONE
from journeys.server._read import MAX_AFTER, MAX_PAGE, PAGE

Json = dict[str, Any]

_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": 4096}
_ID: Json = {
    "description": "Opaque text; whole numbers are taken as decimal text.",
    "anyOf": [_TEXT | {"pattern": "^[^\\u0000]*$"}, {"type": "integer"}],
}
_ID_OR_NULL: Json = {"anyOf": [{"$ref": "#/components/schemas/Id"}, {"type": "null"}]}
_OBJECT: Json = {"type": ["object", "null"]}
_INSTANT: Json = {
    "type": ["string", "null"],
    "format": "date-time",
    # from 1970 on, and nothing of what RFC 3339 allows besides
    "pattern": r"^(19[7-9]|[2-9][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}T[0-9:]{8}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
}
_COMMON: Json = {
    "userId": _ID_OR_NULL,
    "anonymousId": _ID_OR_NULL,
    "messageId": {
        "type": ["string", "null"],
        "maxLength": 4096,
        "pattern": "^[^\\u0000]*$",
        "description": "A call that comes again with its messageId is taken once.",
    },
    "timestamp": _INSTANT | {"description": "When it happened, by the client's clock; the receipt if it is left out."},
    "sentAt": _INSTANT | {"description": "When it was sent, by the client's clock: the timestamp is corrected by it."},
    "writeKey": {"description": "The write key, where there is no basic authentication."},
    "context": {"description": "Taken and not looked at."},
    "integrations": {"description": "Taken and not looked at."},
}


def _needs(*fields: str) -> Json:
    """These ids are there, and not null."""
    return {"required": list(fields), "properties": {each: {"$ref": "#/components/schemas/Id"} for each in fields}}


_WHO: Json = {"anyOf": [_needs("userId"), _needs("anonymousId")]}
_CONTENT: dict[str, tuple[str, Json, list[str]]] = {
    "track": ("Something that a person did.", {"event": _TEXT, "properties": _OBJECT}, ["event"]),
    "identify": ("Who a person is.", {"traits": _OBJECT}, []),
    "page": ("A page that a person saw.", {"name": {"type": ["string", "null"]}, "properties": _OBJECT}, []),
    "screen": ("A screen that a person saw.", {"name": {"type": ["string", "null"]}, "properties": _OBJECT}, []),
    "group": (
        "An account to which a person belongs.",
        {"groupId": {"$ref": "#/components/schemas/Id"}, "traits": _OBJECT},
        ["groupId"],
    ),
    "alias": (
        "Two ids are one person.",
        _needs("previousId", "userId")["properties"],
        ["previousId", "userId"],
    ),
}

_COUNT: Json = {"type": "integer", "minimum": 0}
_COUNTS: Json = {"type": "object", "additionalProperties": _COUNT}
_TEXTS: Json = {"type": "array", "items": {"type": "string"}}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}


def openapi(root: str = "") -> Json:
    """The document for an app that is mounted at ``root``."""
    paths: Json = {f"/v1/{kind}": {"post": _one(kind)} for kind in ONE}
    paths |= {f"/v1/{kind}": {"post": _many(kind)} for kind in MANY}
    paths |= {path: {"get": operation} for path, operation in _reads().items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "journeys",
            "version": version("journeys"),
            "description": "Segment's HTTP Tracking API, and what became of the people in it. Segment's client for "
            "browsers calls the paths by one letter: `/v1/t` is `/v1/track`, `/v1/b` is `/v1/batch`, and so on.",
        },
        "servers": [{"url": root or "/"}],
        "paths": paths,
        "components": {"securitySchemes": _SECURITY, "schemas": _schemas()},
    }


_SECURITY: Json = {
    "writeKey": {"type": "http", "scheme": "basic", "description": "The write key as name, without a password."},
    "readToken": {"type": "http", "scheme": "bearer"},
}


def _one(kind: str) -> Json:
    return _operation(
        f"{kind}Call",
        _CONTENT[kind][0],
        {"200": ("It is durable on the store.", "Success")},
        ("400", "401", "408", "413", "415", "429", "503"),
        body={"$ref": f"#/components/schemas/{kind.capitalize()}"},
        security="writeKey",
    )


def _many(kind: str) -> Json:
    return _operation(
        f"{kind}Calls",
        "Many calls, each with its `type`. One that is no valid call is listed under `rejected`; the others are taken.",
        {"200": ("All calls were answered, and those that are valid are durable on the store.", "BatchAnswer")},
        ("400", "401", "408", "413", "415", "429", "503"),
        body={"$ref": "#/components/schemas/Batch"},
        security="writeKey",
    )


def _reads() -> dict[str, Json]:
    who = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "A user id, or `anonymous:` and an anonymous id. `user:` before a user id is taken away.",
    }
    page = [
        _query("limit", "So many records at most.", 1, MAX_PAGE, PAGE),
        _query("after", "So many records are passed over: `next` of the page before.", 0, MAX_AFTER, 0),
    ]
    private = ("401",)
    return {
        "/v1/profiles/{id}": _operation(
            "profile",
            "A person: traits, computed traits, audiences, journeys.",
            {"200": ("What is known now.", "Profile")},
            ("401", "404"),
            parameters=[who],
            security="readToken",
        ),
        "/v1/profiles/{id}/timeline": _operation(
            "timeline",
            "What happened to a person, the earliest first.",
            {"200": ("A page of trace records.", "Timeline")},
            ("400", "401", "404"),
            parameters=[who, *page],
            security="readToken",
        ),
        "/v1/journeys": _operation(
            "journeys",
            "Every version of every journey.",
            {"200": ("Journeys.", "Journeys")},
            private,
            security="readToken",
        ),
        "/v1/figures": _operation(
            "figures",
            "Who entered, completed or left, step by step; what is stored and counted. Reads the whole trace.",
            {"200": ("Figures.", "Figures")},
            private,
            security="readToken",
        ),
        "/metrics": _operation(
            "metrics", "OpenMetrics text.", {"200": ("Counters and gauges.", None)}, private, security="readToken"
        ),
        "/health": _operation("health", "Whether the process answers.", {"200": ("It does.", "Status")}, ()),
        "/ready": _operation(
            "ready",
            "Whether the store answers and the queue has room.",
            {"200": ("Ready.", "Status"), "503": ("Not now.", "Status")},
            (),
        ),
        "/openapi.json": _operation("openapi", "This document.", {"200": ("The document.", "Document")}, ()),
    }


_FAILURES = {
    "400": "Malformed, or no valid call.",
    "401": "No valid key or token.",
    "404": "Nothing is known of it.",
    "408": "The body came too slowly.",
    "413": "The body is too large, or inflates to something too large.",
    "415": "A content type or encoding that is not taken.",
    "429": "Too much is waiting: try again after the seconds in Retry-After.",
    "503": "Not stored, or stopping: try again after the seconds in Retry-After.",
}
_RETRY = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}}


def _operation(
    name: str,
    summary: str,
    good: Mapping[str, tuple[str, str | None]],
    bad: tuple[str, ...],
    *,
    body: Json | None = None,
    parameters: list[Json] | None = None,
    security: str | None = None,
) -> Json:
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {},
        "security": [{security: []}] if security else [],
    }
    for status, (text, schema) in good.items():
        made["responses"][status] = {"description": text, "content": _content(schema)}
    for status in bad:
        made["responses"][status] = {"description": _FAILURES[status], "content": _content("Failure")}
        if status in ("429", "503"):
            made["responses"][status]["headers"] = _RETRY
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if parameters:
        made["parameters"] = parameters
    return made


def _content(schema: str | None) -> Json:
    if schema is None:
        return {"application/openmetrics-text": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _query(name: str, text: str, least: int, most: int, default: int) -> Json:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def _schemas() -> Json:
    calls = {kind.capitalize(): _call(kind) for kind in ONE}
    return {"Id": _ID, **calls, **_WAY_IN, **_READ}


def _call(kind: str) -> Json:
    text, fields, required = _CONTENT[kind]
    made: Json = {
        "type": "object",
        "description": text,
        "properties": {"type": {"const": kind}, **_COMMON, **fields},
    }
    if required:
        made["required"] = required
    return made if "userId" in required else made | _WHO


def _record(properties: Json) -> Json:
    """An object that has all of these fields."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_WAY_IN: Json = {
    "Batch": {
        "type": "object",
        "properties": {
            "batch": {
                "type": "array",
                "description": "Calls, each as the path of its type takes it and with that `type`.",
                "items": {},
                "examples": [[{"type": "track", "userId": "u1", "event": "Order Completed"}]],
            },
            "sentAt": _INSTANT | {"description": "Holds for the calls that have none."},
            "writeKey": {"description": "The write key, where there is no basic authentication."},
        },
        "required": ["batch"],
    },
    "Success": _record({"success": {"const": True}}),
    "BatchAnswer": {
        "type": "object",
        "properties": {"success": {"const": True}, "rejected": {"type": "array", "items": _ref("Rejection")}},
        "required": ["success"],
    },
    "Rejection": _record({"index": _COUNT, "reason": {"type": "string"}, "message": {"type": "string"}}),
    "Failure": _record({"success": {"const": False}, "code": {"type": "string"}, "message": {"type": "string"}}),
}

_READ: Json = {
    "Profile": _record(
        {
            "id": {"type": "string"},
            "user_id": _TEXT_OR_NULL,
            "anonymous_id": _TEXT_OR_NULL,
            "linked_ids": _TEXTS,
            "at": {"type": "string"},
            "traits": {"type": "object"},
            "computed_traits": {"type": "object"},
            "audiences": _TEXTS,
            "lists": _TEXTS,
            "instances": {"type": "array", "items": _ref("Instance")},
            "next_due": _TEXT_OR_NULL,
            "remembers": {"type": "array", "items": {"type": "object"}},
        }
    ),
    "Instance": _record(
        {
            "id": {"type": "string"},
            "journey": {"type": "string"},
            "version": _COUNT,
            "status": {"enum": ["live", "completed", "ended"]},
            "entered_at": {"type": "string"},
            "identifier": {},
            "context": {"type": "object"},
            "waits": {
                "type": "array",
                "items": _record({"step": {"type": "string"}, "branch": _TEXT_OR_NULL, "until": _TEXT_OR_NULL}),
            },
        }
    ),
    "Timeline": _record(
        {
            "id": {"type": "string"},
            "records": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["integer", "null"]},
        }
    ),
    "Journeys": _record(
        {
            "journeys": {
                "type": "array",
                "items": _record(
                    {
                        "key": {"type": "string"},
                        "version": _COUNT,
                        "name": {"type": "string"},
                        "description": _TEXT_OR_NULL,
                        "status": {"enum": ["draft", "live", "paused", "archived"]},
                    }
                ),
            }
        }
    ),
    "Figures": _record(
        {
            "journeys": {"type": "array", "items": {"type": "object"}},
            "store": _COUNTS,
            "counters": _COUNTS,
            "watermark": _TEXT_OR_NULL,
        }
    ),
    "Status": _record({"status": {"enum": ["ok", "busy", "stopping", "no_store"]}}),
    "Document": {"type": "object"},
}
