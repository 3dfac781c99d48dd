"""Random filters, conditions, audiences and computed traits (C, P5, P6)."""

from __future__ import annotations

from typing import Any

from . import pools
from .pools import Random, Vocabulary, chance, pick, some

Json = dict[str, Any]
TEXT_OPS = ["starts_with", "ends_with", "contains", "does_not_contain"]
NUMBER_OPS = ["less_than", "greater_than", "less_than_or_equal", "greater_than_or_equal"]
AGING_OPS = ["within_last", "within_next", "before_last", "after_next"]
COMPUTED = [
    "event_counter",
    "sum",
    "average",
    "minimum",
    "maximum",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_list_count",
]
WINDOWS = [["P2D", "PT2H"], ["P5D", "P2D"], ["P1M", "P7D"], ["PT6H", "PT30M"], ["P1Y", "P1M"], ["P1M", "P3D"]]


class Conditions:
    """Makes conditions over the audiences and computed traits that there are so far."""

    def __init__(self, rng: Random, *, everything: bool) -> None:
        self.rng = rng
        self.words = Vocabulary(rng)
        self.everything = everything
        self.audiences: list[Json] = []
        self.computed: list[Json] = []

    # --- filters ------------------------------------------------------------------------------------

    def constant_filter(self, path: str) -> Json:
        """An operator and a constant, both mostly of the kind of values that the path has."""
        rng = self.rng
        op = pick(
            rng, ["exists", "not_exists", "equals", "equals", "not_equals", "equals_any_of", "typed", "typed", "typed"]
        )
        if op in ("exists", "not_exists"):
            return {"op": op}
        if op == "typed":
            return self.typed(path)
        values = [self.value(path) for _ in range(3)]
        if op == "equals_any_of":
            return {"op": op, "value": some(rng, values, 1, 3)}
        return {"op": op, "value": values[0]}

    def value(self, path: str) -> Any:
        rng = self.rng
        if chance(rng, 0.08):
            return pick(rng, [1, 1.0, True, "1", [], ["red"], {"a": 1}, "x"])
        if path in ("value", "age", "groups.g1.size") or path.startswith("ct"):
            return pick(rng, pools.NUMBERS)
        if path in ("cart_id", "other_id"):
            return pick(rng, ["c1", "c2", "1", 1, 1.0, True])
        if path in ("item.sku", "tags.0"):
            return pick(rng, pools.SKUS)
        if path in ("due", "renewal"):
            return pick(rng, pools.DATES)
        if path == "tags":
            return some(rng, pools.TAGS, 1, 2)
        return pick(rng, pools.PLANS)

    def typed(self, path: str) -> Json:
        rng = self.rng
        kind = {"value": "number", "age": "number", "groups.g1.size": "number", "due": "date", "renewal": "date"}.get(
            path, "text"
        )
        if path.startswith("ct"):
            kind = pick(rng, ["number", "number", "date", "text"])
        if path == "tags" or chance(rng, 0.1):
            kind = pick(rng, ["text", "number", "date", "list"]) if path != "tags" else "list"
        if kind == "number":
            return {"op": pick(rng, NUMBER_OPS), "value": pick(rng, pools.NUMBERS)}
        if kind == "date":
            if chance(rng, 0.6):
                return {"op": pick(rng, AGING_OPS), "value": self.words.window()}
            return {"op": pick(rng, ["before_date", "after_date"]), "value": pick(rng, pools.DATES)}
        if kind == "list":
            if chance(rng, 0.4):
                return {"op": "contains_any_of", "value": some(rng, pools.TAGS, 1, 2)}
            return {"op": pick(rng, ["contains", "does_not_contain"]), "value": pick(rng, pools.TAGS)}
        return {"op": pick(rng, TEXT_OPS), "value": pick(rng, ["red", "p", "c", "-1", "e", "pro", "1"])}

    def filter(self, *, references: list[Json] | None = None) -> Json:
        """A filter on an event; `references` are values it may compare with instead of a constant."""
        rng = self.rng
        path = pick(rng, ["value", "value", "cart_id", "plan", "item.sku", "due", "due", "tags", "tags.0"])
        if references and chance(rng, 0.35):
            reference = pick(rng, references)
            op = pick(
                rng,
                [
                    "equals",
                    "equals",
                    "not_equals",
                    "less_than",
                    "greater_than_or_equal",
                    "contains",
                    "starts_with",
                    "before_date",
                    "after_date",
                ],
            )
            return {"property": path, "op": op, "value": reference}
        return {"property": path, **self.constant_filter(path)}

    def where(self, *, context: list[list[str]] | None = None, first: bool = False, often: float = 0.4) -> list[Json]:
        rng = self.rng
        references: list[Json] = [{"trait": path} for path in self.trait_paths()]
        references += [{"context": one} for one in context or []] * 2
        if first:
            references = [{"first": path} for path in ("cart_id", "value", "plan", "item.sku", "due")] * 3
        found: list[Json] = []
        while len(found) < 3 and chance(rng, often):
            found.append(self.filter(references=references if self.everything or first else None))
        return found

    def view_filter(self, event: str) -> list[Json]:
        """On the name of a page or screen, now and then (P4)."""
        if event not in pools.VIEWS or chance(self.rng, 0.4):
            return []
        path = "page_name" if event == pools.VIEWS[0] else "screen_name"
        op = pick(self.rng, ["equals", "not_equals"])
        return [{"property": path, "op": op, "value": pick(self.rng, ["Home", "own", "red-1"])}]

    def trait_paths(self) -> list[str]:
        own = ["plan", "age", "renewal", "tags", "address.city", "email", "groups.g1.size"]
        return own + [one["key"] for one in self.computed] * 2

    # --- conditions ---------------------------------------------------------------------------------

    def count(self) -> Json:
        rng = self.rng
        if chance(rng, 0.4):
            return {}
        how = pick(rng, ["at_least", "at_most", "exactly", "less_than", "more_than"])
        least = 1 if how in ("at_least", "less_than") else 0
        return {"count": {how: rng.randrange(least, 3)}}

    def window(self, often: float = 0.6) -> Json:
        rng = self.rng
        if not chance(rng, often):
            return {}
        if chance(rng, 0.3):
            return {"between": pick(rng, WINDOWS)}
        return {"within": self.words.window()}

    def condition(self, context: list[list[str]] | None = None, depth: int = 2) -> Json:
        """Any condition; `context` are (event, property) pairs that a journey step may refer to."""
        rng = self.rng
        kinds = ["event", "event", "event", "trait", "trait", "funnel"]
        kinds += ["context"] if context else []
        kinds += ["audience"] if self.audiences else []
        kinds += ["all", "any", "not"] if depth else []
        kind = pick(rng, kinds)
        if kind in ("all", "any"):
            most = pick(rng, [0, 2, 2, 2, 3])
            return {"type": kind, "conditions": [self.condition(context, depth - 1) for _ in range(most)]}
        if kind == "not":
            return {"type": "not", "condition": self.condition(context, depth - 1)}
        if kind == "audience":
            return {"type": "audience", "audience": pick(rng, self.audiences)["key"]}
        if kind == "trait":
            return self.trait_condition()
        if kind == "context":
            event, path = pick(rng, context or [])
            return {"type": "context", "event": event, "property": path, **self.constant_filter(path)}
        if kind == "funnel":
            return self.funnel(context)
        event = self.words.event(0.12)
        where = self.where(context=context) + self.view_filter(event)
        return {"type": "event", "event": event, "where": where, **self.count(), **self.window()}

    def trait_condition(self) -> Json:
        rng = self.rng
        paths = self.trait_paths()
        path = pick(rng, [*paths, "renewal", "renewal", *(one["key"] for one in self.computed)])
        if self.everything and chance(rng, 0.15):
            other = pick(rng, paths)
            return {
                "type": "trait",
                "trait": path,
                "op": pick(rng, ["equals", "not_equals", "less_than", "before_date"]),
                "value": {"trait": other},
            }
        return {"type": "trait", "trait": path, **self.constant_filter(path)}

    def funnel(self, context: list[list[str]] | None) -> Json:
        rng = self.rng
        then: Json = {"event": self.words.event(), "where": self.where(first=True), "performed": chance(rng, 0.5)}
        if chance(rng, 0.6):
            then["within"] = self.words.window()
        first = {"event": self.words.event(), "where": self.where(context=context, often=0.25)}
        return {"type": "funnel", "first": first, "then": then, **self.window(0.5)}

    # --- definitions --------------------------------------------------------------------------------

    def define_computed(self, number: int) -> None:
        """One more computed trait; its filters may read the traits before it."""
        rng = self.rng
        kind = pick(rng, COMPUTED)
        made: Json = {"key": f"ct{number}", "type": kind, "event": self.words.event(), "where": self.where(often=0.3)}
        if kind != "event_counter":
            numeric = kind in ("sum", "average", "minimum", "maximum")
            made["property"] = (
                "value" if numeric else pick(rng, ["value", "cart_id", "plan", "due", "item.sku", "tags"])
            )
        if chance(rng, 0.6):
            made["within"] = self.words.window()
        self.computed.append(made)

    def define_audience(self, number: int) -> None:
        self.audiences.append({"key": f"aud{number}", "name": f"Audience {number}", "condition": self.condition()})
