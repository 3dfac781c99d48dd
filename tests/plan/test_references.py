"""What a definition names."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from journeys.codec import load_space
from journeys.model.conditions import ContextRef, TraitRef
from journeys.plan.references import references
from journeys.plan.templates import tags_in
from tests.reference.generate import random_space


def test_merge_tags_wherever_they_stand() -> None:
    template = {
        "subject": "Hi {{ name }}",
        "parts": ['{{ a.b | default: "-" }} {{ no tag! | x }}', 7],
        "{{ key }}": None,
    }
    assert list(tags_in(template, "$.t")) == [
        ("$.t.subject", TraitRef("name"), None),
        ("$.t.parts[0]", TraitRef("a.b"), "-"),
    ]
    assert list(tags_in('{{ context["Order"].id }}')) == [("$", ContextRef(("Order", "id")), None)]


def written(document: Any, kind: str) -> Iterator[str]:
    """What the fields of a document name that can name nothing else."""
    if isinstance(document, Mapping):
        for name, each in document.items():
            if name == kind and isinstance(each, str):
                yield each
            elif name == f"{kind}s" and isinstance(each, list):
                yield from (every for every in each if isinstance(every, str))
            yield from written(each, kind)
    elif isinstance(document, list):
        for each in document:
            yield from written(each, kind)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_a_document_names_is_overlooked(seed: int) -> None:
    document = random_space(random.Random(seed))
    found = list(references(load_space(document)))
    for kind in ("audience", "destination", "trait"):
        named = {each.name for each in found if each.kind == kind}
        assert named >= set(written(document, kind)), kind
