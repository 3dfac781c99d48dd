"""`space_from`: a space from a file or a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeys import InvalidDefinition, Space
from journeys.testing import space_from
from tests.examples.golden import EXAMPLES, NAMES
from tests.testing.spaces import cart, shop


@pytest.mark.parametrize("name", NAMES)
def test_python_and_json(name: str) -> None:
    folder = EXAMPLES / name
    assert space_from(folder / "journey.py") == space_from(str(folder / "space.json"))
    assert space_from(folder / "journey.py") is space_from(str(folder / "journey.py"))


def test_modules() -> None:
    assert space_from("tests.testing.spaces:shop") is shop
    assert space_from("tests.testing.spaces:cart") == Space(journeys=[cart])
    with pytest.raises(AttributeError, match="space"):
        space_from("tests.testing.spaces")
    for nowhere in (".", "", "shop.yaml/", ":space"):
        with pytest.raises(ValueError, match=r"is no place of a space: expected a \.json or \.py file, or module:name"):
            space_from(nowhere)
    with pytest.raises(TypeError, match=r"tests\.testing\.spaces:annotations is no space, but a _Feature"):
        space_from("tests.testing.spaces:annotations")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match=r"empty\.py makes nothing that is named `space`"):
        space_from(tmp_path / "empty.py")
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(InvalidDefinition):
        space_from(tmp_path / "broken.json")
    with pytest.raises(FileNotFoundError):
        space_from(tmp_path / "gone.json")
