"""Destinations from definitions: strict, without secrets, and nothing that only an application may decide."""

from __future__ import annotations

import collections.abc
import importlib.metadata
import os
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from journeys import errors
from journeys.codec.problems import Report, member
from journeys.errors import Problem, nearest
from journeys.model.space import DestinationDefinition
from journeys.ports import Destination
from journeys.runtime.destinations._base import Adapter
from journeys.runtime.destinations._safety import PUBLIC, Network
from journeys.runtime.destinations._secrets import Secret, env
from journeys.runtime.destinations.amplitude import Amplitude
from journeys.runtime.destinations.braze import Braze
from journeys.runtime.destinations.customer_io import CustomerIO
from journeys.runtime.destinations.http import HTTP
from journeys.runtime.destinations.hubspot import HubSpot
from journeys.runtime.destinations.iterable import Iterable
from journeys.runtime.destinations.lists import CSVFile, SQLTable
from journeys.runtime.destinations.mailchimp import Mailchimp
from journeys.runtime.destinations.mixpanel import Mixpanel
from journeys.runtime.destinations.record import Function, Record
from journeys.runtime.destinations.segment import Segment
from journeys.runtime.destinations.sendgrid import SendGrid
from journeys.runtime.destinations.slack import Slack
from journeys.runtime.destinations.smtp import SMTP
from journeys.runtime.destinations.twilio import Twilio
from journeys.runtime.destinations.webhook import Webhook

GROUP = "journeys.destinations"
PREFIX = "JOURNEYS_"
TYPES: Mapping[str, type[Any]] = {
    "amplitude": Amplitude,
    "braze": Braze,
    "csv": CSVFile,
    "customer_io": CustomerIO,
    "function": Function,
    "http": HTTP,
    "hubspot": HubSpot,
    "iterable": Iterable,
    "mailchimp": Mailchimp,
    "mixpanel": Mixpanel,
    "record": Record,
    "segment": Segment,
    "sendgrid": SendGrid,
    "slack": Slack,
    "smtp": SMTP,
    "sql": SQLTable,
    "twilio": Twilio,
    "webhook": Webhook,
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CREDENTIAL = re.compile(r"auth|(?<!idempotency-)key|token|secret|password|cookie|signature", re.IGNORECASE)


class _Ours(Mapping[str, str]):
    """The environment variables that are for definitions, told by how their names begin."""

    def __getitem__(self, name: str) -> str:
        if not name.startswith(PREFIX):
            raise KeyError(name)
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in os.environ if name.startswith(PREFIX))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@attrs.frozen(kw_only=True)
class _Application:
    """What only the application can give."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    network: Network
    functions: Mapping[str, Callable[[Any], object]]
    directory: Path | None


def build_destination(
    key: str,
    definition: DestinationDefinition,
    *,
    environ: Mapping[str, str] | None = None,
    network: Network = PUBLIC,
    functions: Mapping[str, Callable[[Any], object]] | None = None,
    directory: str | Path | None = None,
) -> Destination:
    """The destination that a definition describes; InvalidDefinition tells all that is wrong with it.

    ``environ`` holds the secrets that definitions may name, by the names of environment variables: who writes a
    definition can send any of them anywhere. Without it these are the environment variables that begin with
    ``JOURNEYS_``. ``functions`` are the callables of destinations of the type ``function``,
    by the destinations' keys; CSV and SQLite files are kept in ``directory``, and nowhere if there is none.
    """
    found = build_destinations(
        {key: definition}, environ=environ, network=network, functions=functions, directory=directory
    )
    return found[key]


def build_destinations(
    definitions: Mapping[str, DestinationDefinition],
    *,
    environ: Mapping[str, str] | None = None,
    network: Network = PUBLIC,
    functions: Mapping[str, Callable[[Any], object]] | None = None,
    directory: str | Path | None = None,
) -> dict[str, Destination]:
    """The destinations of a space, by their keys; InvalidDefinition tells all that is wrong with any of them."""
    report = Report()
    application = _Application(
        environ=_Ours() if environ is None else environ,
        network=network,
        functions=functions or {},
        directory=None if directory is None else Path(directory),
    )
    built = {
        key: _build(key, definition, application, report, member("$.destinations", key))
        for key, definition in definitions.items()
    }
    if report.problems:
        raise errors.InvalidDefinition(report.problems)
    return built


def types_known() -> list[str]:
    """The types that a definition may name, those of plug-ins included."""
    return sorted({*TYPES, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})


def _build(key: str, definition: DestinationDefinition, app: _Application, report: Report, path: str) -> Any:
    kind = _kind(definition.type, report, path)
    if kind is None:
        return None
    before = len(report.problems)
    options = dict(definition.options)
    if kind is Record:
        built: Any = Record(list=definition.list) if _takes(options, (), report, path) else None
    elif kind is Function:
        built = _function(key, definition, app, report, path)
    elif attrs.has(kind):
        built = _from_settings(kind, definition, options, app, report, path)
    else:  # a plug-in's own way
        try:
            built = kind(options, app.environ)
        except errors.InvalidDefinition as invalid:
            report.problems.extend(invalid.problems)
            return None
    if len(report.problems) == before and hasattr(built, "deliver_batch") != definition.list:
        if definition.list:
            report.add("wrong_value", f"{path}.list", f"the type {definition.type!r} keeps no list", expected="false")
        else:
            report.add(
                "wrong_value", f"{path}.list", f"the type {definition.type!r} keeps a list",
                hint='write "list": true', expected="true",
            )  # fmt: skip
    return built


def _kind(tag: str, report: Report, path: str) -> Any:
    if tag in TYPES:
        return TYPES[tag]
    found = list(importlib.metadata.entry_points(group=GROUP, name=tag))
    if not found:
        known = types_known()
        hint = nearest(tag, known) or f"the types are {', '.join(known)}"
        message = f"there is no destination of the type {tag!r}"
        report.add("unknown_type", f"{path}.type", message, hint=hint, expected=", ".join(known), got=tag)
        return None
    try:
        return found[0].load()
    except Exception as error:
        report.add("plugin_failed", f"{path}.type", f"the plug-in for {tag!r} cannot be loaded: {type(error).__name__}")
        return None


def _function(key: str, definition: DestinationDefinition, app: _Application, report: Report, path: str) -> Any:
    _takes(definition.options, (), report, path)
    if key in app.functions:
        return Function(app.functions[key], list=definition.list)
    hint = f"the application gives it: functions={{{key!r}: …}}, or Function(…) as the destination {key!r}"
    report.add("needs_application", f"{path}.type", "a function cannot be written in a definition", hint=hint)
    return None


def _takes(options: Mapping[str, Any], known: tuple[str, ...], report: Report, path: str) -> bool:
    unknown = [name for name in options if name not in known]
    for name in unknown:
        report.unknown(f"{path}.options", name, known or ("none",))
    return not unknown


# ------------------------------------------------------------------------------------------------------- settings


def _from_settings(
    kind: type[Any], definition: DestinationDefinition, options: dict[str, Any], app: _Application, report: Report,
    path: str,
) -> Any:  # fmt: skip
    before = len(report.problems)
    where = f"{path}.options"
    given: dict[str, Any] = {}
    files: tuple[str, ...] = ()
    if kind in (CSVFile, SQLTable):
        name = "path" if kind is CSVFile else "database"
        files = (name,)
        file = _file(options.pop(name, None), name, app, report, where)
        given["path" if kind is CSVFile else "connect"] = file
    fields = {
        field.alias or field.name: field
        for field in attrs.fields(kind)
        if field.init and not field.metadata.get("python") and field.name not in ("list", *given)
    }
    if any(field.name == "list" for field in attrs.fields(kind)):
        given["list"] = definition.list
    if issubclass(kind, Adapter):
        given["network"] = app.network
    _takes(options, (*files, *fields), report, path)
    hints = typing.get_type_hints(kind)
    for name, field in fields.items():
        if name in options:
            reader = _Reader(app.environ, report)
            given[name] = reader.read(options[name], field, hints.get(field.name, Any), member(where, name))
        elif field.default is attrs.NOTHING:
            report.missing(where, name, _words(hints.get(field.name, Any), field))
    if len(report.problems) > before:
        return None
    try:
        return kind(**given)
    except (ValueError, TypeError) as error:
        _note(error, report, where)
        return None


def _note(error: Exception, report: Report, where: str) -> None:
    """A problem out of what a converter or a validator raised."""
    message, *rest = error.args or (type(error).__name__,)
    attribute = rest[0] if rest and isinstance(rest[0], attrs.Attribute) else None
    path = where if attribute is None else member(where, attribute.name)
    hint = ""
    if attribute is not None and len(rest) > 2 and isinstance(rest[1], (tuple, list)):
        hint = nearest(str(rest[2]), [str(each) for each in rest[1]])
    report.add("wrong_value", path, str(message)[:300], hint=hint)


def _file(value: Any, name: str, app: _Application, report: Report, where: str) -> Path | None:
    path = member(where, name)
    if app.directory is None:
        report.add(
            "needs_application", path, "a definition does not decide where files are written",
            hint="the application gives the place: directory=…",
        )  # fmt: skip
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        report.wrong_type(path, "the name of a file", value)
        return None
    root = app.directory.resolve()
    file = (root / value).resolve()
    if file == root or not file.is_relative_to(root):
        report.wrong_value(path, "the name of a file inside the application's directory", value)
        return None
    return file


class _Reader:
    """Reads one option."""

    def __init__(self, environ: Mapping[str, str], report: Report) -> None:
        self.environ, self.report = environ, report

    def read(self, value: Any, field: attrs.Attribute[Any], hint: Any, path: str) -> Any:
        """The setting that the option says, None if it says none."""
        if field.metadata.get("secret"):
            if isinstance(value, (list, tuple)) and typing.get_origin(hint) is tuple:
                return tuple(self.secret(each, f"{path}[{index}]") for index, each in enumerate(value))
            return self.secret(value, path)
        if field.name in ("headers", "query"):
            return self.texts(value, path)
        if field.name == "columns" and _fits(value, tuple[str, ...]):
            return value  # names that stand for both
        if not _fits(value, hint):
            self.report.wrong_type(path, _words(hint, field), value)
        return value

    def texts(self, value: Any, path: str) -> dict[str, Any]:
        """Texts, and secrets by their names."""
        if not isinstance(value, Mapping):
            self.report.wrong_type(path, "an object", value)
            return {}
        found: dict[str, Any] = {}
        for name, each in value.items():
            if isinstance(each, Mapping) or _CREDENTIAL.search(str(name)):
                found[name] = self.secret(each, member(path, name))
            elif isinstance(each, str):
                found[name] = each
            else:
                self.report.wrong_type(member(path, name), "a text", each)
        return {name: each for name, each in found.items() if each is not None}

    def secret(self, value: Any, path: str) -> Secret | None:
        """A secret by its name."""
        name = value.get("env") if isinstance(value, Mapping) and set(value) == {"env"} else None
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            message = "a definition names its secrets, it does not contain them"
            hint = 'use {"env": "NAME"} with the name of an environment variable'
            # what was given is not repeated
            self.report.problems.append(Problem("literal_secret", path, message, hint, '{"env": "NAME"}'))
            return None
        if not self.environ.get(name):
            message = f"there is no secret {name}"
            ours = isinstance(self.environ, _Ours)
            hint = "set the environment variable" + (f", whose name begins with {PREFIX}" if ours else "")
            self.report.add("missing_secret", path, message, hint=hint, got=name)
            return None
        return env(name, self.environ)


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if hint is type(None):
        return value is None
    if hint in (int, float):
        return type(value) is int or (hint is float and type(value) is float)
    if origin is collections.abc.Mapping:
        return isinstance(value, Mapping) and all(_fits(each, arguments[1]) for each in value.values())
    if origin in (frozenset, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(each, arguments[0]) for each in value)
    return isinstance(value, hint if isinstance(hint, type) else str)


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


def _words(hint: Any, field: attrs.Attribute[Any]) -> str:
    if field.metadata.get("secret"):
        return '{"env": "NAME"}'
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(each, field) for each in arguments)
    if origin is collections.abc.Mapping:
        return "an object"
    return "a list" if origin in (frozenset, tuple) else _WORDS.get(hint, "another value")
