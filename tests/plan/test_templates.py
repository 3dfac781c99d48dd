"""Merge tags and mappings (format: Deliveries)."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.engine._state import ProfileState
from journeys.model.conditions import ContextRef, TraitRef
from journeys.model.space import Space
from journeys.plan.compiler import Compiler
from journeys.plan.templates import compile_template, parse_tag


def render(template: Any, traits: dict[str, Any] | None = None, context: dict[str, Any] | None = None) -> Any:
    profile = ProfileState("u:u1")
    profile.traits = traits or {}
    return compile_template(template, Compiler(Space()))(profile, context or {}, 0)


@pytest.mark.parametrize(
    ("content", "reference", "default"),
    [
        (" first_name ", TraitRef("first_name"), None),
        ("a.b.c", TraitRef("a.b.c"), None),
        ("name with spaces", TraitRef("name with spaces"), None),
        (' name | default: "you" ', TraitRef("name"), "you"),
        ('name|default:""', TraitRef("name"), ""),
        ('context["Cart Modified"].value', ContextRef(("Cart Modified", "value")), None),
        ("context['Cart'].a.b", ContextRef(("Cart", "a.b")), None),
        (' context[ "Cart - again" ] . value | default: "none"', ContextRef(("Cart - again", "value")), "none"),
    ],
)
def test_a_merge_tag(content: str, reference: object, default: str | None) -> None:
    assert parse_tag(content) == (reference, default)


@pytest.mark.parametrize(
    "content", ["", 'name | default: you"', "name | upper", 'context["Cart"]', "a|b", '"name"', "{name"]
)
def test_what_is_no_merge_tag(content: str) -> None:
    with pytest.raises(ValueError, match="merge tag"):
        parse_tag(content)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hi {{ name }}!", "Hi Ada!"),
        ("{{name}}{{ n }}", "Ada7"),
        ("{{ nothing }}", ""),
        ('{{ nothing | default: "you" }}', "you"),
        ('{{ empty | default: "you" }}', ""),
        ('{{ null | default: "you" }}', "null"),
        ("{{ deep.list.0 }} {{ deep }}", 'a {"list":["a"]}'),
        ("{{ yes }} {{ half }} {{ whole }}", "true 0.5 1.0"),
        ('{{ context["Cart"].value }}', "80"),
        ('{{ context["Never"].value | default: "?" }}', "?"),
        ("no tags { { }", "no tags { { }"),
        ("{{ evil }}", "{{ name }}"),
        (["{{ name }}", {"a": "{{ n }}"}, 7, None], ["Ada", {"a": "7"}, 7, None]),
        ({"{{ name }}": "x"}, {"{{ name }}": "x"}),
    ],
)
def test_filling_in(template: Any, filled: Any) -> None:
    """Absent is empty text, a value that is no text is its JSON, and what is filled in is never read again."""
    traits = {
        "name": "Ada",
        "n": 7,
        "empty": "",
        "null": None,
        "deep": {"list": ["a"]},
        "yes": True,
        "half": 0.5,
        "whole": 1.0,
        "evil": "{{ name }}",
    }
    assert render(template, traits, {"Cart": {"value": 80}}) == filled


@settings(deadline=None)
@given(st.text(alphabet='{}|"\\ ab.[]context\n', max_size=40))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    """Never slow, and never an error but ``ValueError``."""
    with contextlib.suppress(ValueError):
        assert isinstance(render(text), str)


def test_a_long_template_is_not_slow() -> None:
    import time

    begin = time.process_time()
    assert render("{{ " + " " * 20_000 + "name" + " " * 20_000 + "}}" + "x" * 100_000) == "x" * 100_000
    for evil in ("{{" + 'context["' * 300 + "}}", "{{" + " |" * 300 + "}}", "{{ a" + " " * 300 + "| x }}"):
        with pytest.raises(ValueError, match="merge tag"):
            render(evil)
    assert time.process_time() - begin < 1
