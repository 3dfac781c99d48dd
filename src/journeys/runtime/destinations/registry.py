"""Destinations from definitions: strict, without secrets, and nothing that only an application may decide."""

from __future__ import annotations

import importlib.metadata
import typing
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from journeys import errors
from journeys._time import described
from journeys.codec.problems import Report, member
from journeys.errors import Problem, nearest
from journeys.model._fields import WrongChoice
from journeys.model.space import DestinationDefinition
from journeys.ports import Destination
from journeys.runtime.destinations._base import Adapter, WrongSetting
from journeys.runtime.destinations._options import Ours, Reader, words
from journeys.runtime.destinations._safety import PUBLIC, Network
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
#: what the problems of destinations may be, besides those of every definition
CODES: Mapping[str, str] = {
    "literal_secret": "A secret stands in the definition, which may only name it.",
    "missing_secret": "A secret that is named is not set.",
    "needs_application": "Only whoever runs it can give this: a function, or where files are kept.",
    "plugin_failed": "The plug-in that has a type of destination cannot be loaded, or failed.",
}
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


@attrs.frozen(kw_only=True)
class _Application:
    """What only the application can give."""

    environ: Mapping[str, str] | None = attrs.field(repr=False)
    network: Network
    functions: Mapping[str, Callable[[Any], object]] = attrs.field(factory=dict)
    directory: Path | None = None
    #: the definitions alone are checked: whatever the application has to give, it will
    trusted: bool = False


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
    _check_are_definitions(definitions)
    report = Report()
    application = _Application(
        environ=Ours() if environ is None else environ,
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


def check_destinations(
    definitions: Mapping[str, DestinationDefinition],
    *,
    environ: Mapping[str, str] | None = None,
    network: Network = PUBLIC,
) -> list[Problem]:
    """Every problem of the definitions that no application could mend; nothing is made of them.

    Without an ``environ`` secrets only have to be named: who checks a definition rarely has them. With one (such as
    ``own_variables()``) they must be in it. ``network`` says what the application will allow.
    """
    _check_are_definitions(definitions)
    report = Report()
    application = _Application(environ=environ, network=network, trusted=True)
    for key, definition in definitions.items():
        _build(key, definition, application, report, member("$.destinations", key))
    return report.problems


def _check_are_definitions(definitions: Any) -> None:
    if not isinstance(definitions, Mapping):
        raise TypeError(f"expected a mapping from key to DestinationDefinition, got {described(definitions)}")
    for key, each in definitions.items():
        if not isinstance(each, DestinationDefinition):
            right = "write DestinationDefinition('record'), or take the destinations of a space"
            raise TypeError(f"{key!r}: expected a DestinationDefinition, got {described(each)}: {right}")


def own_variables() -> Mapping[str, str]:
    """The environment variables that definitions may name when an application says nothing else, as they are now.

    They begin with ``JOURNEYS_``, but for those of whoever runs the command line.
    """
    return Ours()


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
            built = kind(options, Ours() if app.environ is None else app.environ)
        except errors.InvalidDefinition as invalid:
            unset = "missing_secret" if app.environ is None else None
            report.problems.extend(each for each in invalid.problems if each.code != unset)
            return None
        except Exception as error:  # which may have a secret in its text
            message = f"the plug-in for {definition.type!r} failed: {type(error).__name__}"
            report.add("plugin_failed", path, message)
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
    if key in app.functions or app.trusted:
        return Function(app.functions.get(key, print), list=definition.list)
    hint = f"the application gives it: functions={{{key!r}: …}}, or --destinations on the command line"
    report.add("needs_application", f"{path}.type", "a function cannot be written in a definition", hint=hint)
    return None


def _takes(options: Mapping[str, Any], known: tuple[str, ...], report: Report, path: str) -> bool:
    unknown = [name for name in options if name not in known]
    for name in unknown:
        report.unknown(path, name, ("type", "list", *known))
    return not unknown


# ------------------------------------------------------------------------------------------------------- settings


def _from_settings(
    kind: type[Any], definition: DestinationDefinition, options: dict[str, Any], app: _Application, report: Report,
    path: str,
) -> Any:  # fmt: skip
    before = len(report.problems)
    given: dict[str, Any] = {}
    files: tuple[str, ...] = ()
    if kind in (CSVFile, SQLTable):
        name = "path" if kind is CSVFile else "database"
        files = (name,)
        file = _file(options.pop(name, None), name, app, report, path)
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
    reader = Reader(app.environ, report)
    for name, field in fields.items():
        if name in options:
            count = len(report.problems)
            given[name] = reader.read(options[name], field, hints.get(field.name, Any), member(path, name))
            if len(report.problems) == count:
                _try(partial(_held_against, field, given[name]), report, member(path, name))
        elif field.default is attrs.NOTHING:
            report.missing(path, name, words(hints.get(field.name, Any), field))
    if len(report.problems) > before:
        return None

    def make() -> Any:
        return kind(**given)

    return _try(make, report, path)


def _held_against(field: attrs.Attribute[Any], value: Any) -> None:
    """What the setting itself has to say of a value; so every option is looked at, and not up to the first problem."""
    convert: Any = field.converter
    validate: Any = field.validator
    converted = value if convert is None else convert(value)
    if validate is not None:
        validate(None, field, converted)


def _try(make: Callable[[], Any], report: Report, path: str) -> Any:
    """What the function gives; None and a problem, if it finds a setting wrong."""
    try:
        return make()
    except WrongSetting as error:
        report.add("wrong_value", member(path, error.name), str(error))
    except WrongChoice as error:
        report.add("wrong_value", path, error.message[:300], hint=error.hint)
    except (ValueError, TypeError) as error:
        message = error.args[0] if error.args else type(error).__name__
        report.add("wrong_value", path, str(message)[:300])
    return None


def _file(value: Any, name: str, app: _Application, report: Report, where: str) -> Path | None:
    path = member(where, name)
    if app.directory is None and not app.trusted:
        report.add(
            "needs_application", path, "a definition does not decide where files are written",
            hint="whoever runs it gives the place: directory=…, or --lists on the command line",
        )  # fmt: skip
        return None
    if value is None:
        report.missing(where, name, "the name of a file")
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        report.wrong_type(path, "the name of a file", value)
        return None
    root = (app.directory or Path()).resolve()
    file = (root / value).resolve()
    if file == root or not file.is_relative_to(root):
        report.wrong_value(path, "the name of a file inside the application's directory", value)
        return None
    return file
