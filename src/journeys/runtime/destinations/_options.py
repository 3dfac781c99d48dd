"""One option of a definition: is it of the type of its setting, and does it name its secrets?"""

from __future__ import annotations

import collections.abc
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from journeys.codec.problems import Report, member
from journeys.errors import Problem, nearest
from journeys.runtime.destinations._secrets import Secret, env

PREFIX = "JOURNEYS_"
#: variables of whoever runs the command line: no definition may send them anywhere
OPERATORS = frozenset(("JOURNEYS_WRITE_KEYS", "JOURNEYS_READ_TOKEN"))
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CREDENTIAL = re.compile(r"auth|(?<!idempotency-)key|token|secret|password|cookie|signature", re.IGNORECASE)


class Ours(Mapping[str, str]):
    """The environment variables that are for definitions, told by how their names begin."""

    def __getitem__(self, name: str) -> str:
        if not self._has(name):
            raise KeyError(name)
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return filter(self._has, os.environ)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _has(self, name: str) -> bool:
        return name.startswith(PREFIX) and name not in OPERATORS


class Reader:
    """Reads one option. Without an ``environ`` a secret only has to be named."""

    def __init__(self, environ: Mapping[str, str] | None, report: Report) -> None:
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
            self.report.wrong_type(path, words(hint, field), value)
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
        if self.environ is None:
            return env(name, {})
        if not self.environ.get(name):
            message = f"there is no secret {name}"
            begins = f", whose name begins with {PREFIX}" if isinstance(self.environ, Ours) else ""
            hint = nearest(name, [*self.environ]) or f"set the environment variable{begins}"
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


def words(hint: Any, field: attrs.Attribute[Any]) -> str:
    if field.metadata.get("secret"):
        return '{"env": "NAME"}'
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(each, field) for each in arguments)
    if origin is collections.abc.Mapping:
        return "an object"
    return "a list" if origin in (frozenset, tuple) else _WORDS.get(hint, "another value")
