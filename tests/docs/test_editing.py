"""The reference of editing says what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import attrs

from journeys import editing
from journeys.codec.vocabulary import snake
from journeys.plan.codes import CODES as DEFINITION_CODES
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.codes import CODES
from journeys.runtime.editing.dependents import KINDS
from journeys.runtime.editing.suggest import MATCHES, SUGGESTED
from tests.docs.test_reference import TEXT, names, section, table

PAGE = TEXT["editing.md"]
SOURCE = Path(o.__file__).parent


def test_operations_and_their_fields() -> None:
    common = {field.name for field in attrs.fields(o.Operation)}
    assert [row[:3] for row in table(section(PAGE, "Operations"))] == [
        [
            f"`{cls.__name__}`",
            f"`{snake(cls.__name__)}`",
            ", ".join(f"`{field.name}`" for field in attrs.fields(cls) if field.name not in common),
        ]
        for cls in o.OPERATIONS
    ]
    assert {cls for cls in vars(o).values() if inspect.isclass(cls) and issubclass(cls, o.Operation)} == {
        o.Operation,
        *o.OPERATIONS,
    }


def test_codes() -> None:
    assert table(section(PAGE, "Problems")) == [[f"`{code}`", meaning] for code, meaning in CODES.items()]
    source = "\n".join(path.read_text("utf-8") for path in SOURCE.glob("*.py"))
    used = set(re.findall(r"(?:Refused|Problem)\(\s*\"([a-z_]+)\"", source))
    assert used - DEFINITION_CODES.keys() == CODES.keys()


def test_kinds_and_matches() -> None:
    assert sorted(names(table(section(PAGE, "What depends on what")))) == sorted(KINDS)
    completion = section(PAGE, "Completion")
    assert sorted(names(table(completion))) == sorted(SUGGESTED)
    assert all(f"`{each}`" in completion for each in MATCHES)


def test_fields_of_answers() -> None:
    for cls, title in ((editing.Edited, "Applying"), (editing.Preview, "Preview"), (editing.Picture, "Picture")):
        fields = [field.name for field in attrs.fields(cls) if field.name not in ("journey", "step")]
        text = section(PAGE, title)
        assert all(f"`{name}`" in text for name in fields), cls
    for cls, title in (
        (editing.Dependent, "What depends on what"),
        (editing.EventPreview, "Preview"),
        (editing.Missing, "Preview"),
        (editing.Sending, "Preview"),
        (editing.Suggestion, "Completion"),
        (editing.PictureNode, "Picture"),
        (editing.PictureEdge, "Picture"),
    ):
        text = section(PAGE, title)
        assert [field.name for field in attrs.fields(cls) if f"`{field.name}`" not in text] == [], cls


def test_signatures() -> None:
    for function in (
        editing.dependents,
        editing.preview,
        editing.suggest,
        editing.picture,
        editing.apply,
        editing.apply_all,
        editing.undo,
    ):
        parameters = inspect.signature(function).parameters.values()
        shown = [
            each.name if each.default is each.empty else f"{each.name}={_shown(each.default)}" for each in parameters
        ]
        assert re.search(rf"`{function.__name__}\({re.escape(', '.join(shown))}\)`", PAGE), (function.__name__, shown)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
