"""Where a space is kept: a Python file or module that makes it, or a JSON document."""

from __future__ import annotations

import importlib
import runpy
from functools import lru_cache
from pathlib import Path

from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.evaluator import as_space


def space_from(place: Path | str) -> Space:
    """The space of a ``.json`` or ``.py`` file, or of a ``module:name``; of a Python file, the one named ``space``.

    A file is read once: its space is one object, which is compiled once.
    """
    text = str(place)
    if text.endswith((".json", ".py")):
        return _of_file(Path(place).resolve())
    module, _, name = text.partition(":")
    if not all(map(str.isidentifier, module.split("."))):
        raise ValueError(f"{text!r} is no place of a space: expected a .json or .py file, or module:name")
    found, name = importlib.import_module(module), name or "space"
    if not hasattr(found, name):
        raise AttributeError(f"{module} makes nothing that is named {name!r}: {nearest(name, [*vars(found)])}")
    return _as_space(getattr(found, name), text)


@lru_cache(maxsize=256)
def _of_file(file: Path) -> Space:
    if file.suffix == ".json":
        return as_space(file.read_text(encoding="utf-8"))
    made = runpy.run_path(str(file))
    if "space" not in made:
        raise ValueError(f"{file} makes nothing that is named `space`")
    return _as_space(made["space"], str(file))


def _as_space(made: object, place: str) -> Space:
    if isinstance(made, Journey):
        return Space(journeys=(made,))
    if not isinstance(made, Space):
        raise TypeError(f"{place} is no space, but a {type(made).__name__}")
    return made
