"""Between JSON and the model: definitions as documents, their JSON Schema, and strict JSON."""

from journeys.codec.documents import (
    dump,
    dump_condition,
    dump_journey,
    dump_space,
    load,
    load_condition,
    load_journey,
    load_space,
)
from journeys.codec.schema import json_schema
from journeys.codec.strict_json import MAX_DEPTH, InvalidJSON, parse_json

__all__ = [
    "MAX_DEPTH",
    "InvalidJSON",
    "dump",
    "dump_condition",
    "dump_journey",
    "dump_space",
    "json_schema",
    "load",
    "load_condition",
    "load_journey",
    "load_space",
    "parse_json",
]
