"""Which worker applies whose calls, when a replay is shared out: people who are ever linked stay together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32


class Partition:
    """One worker's share of a replay: the people whose ids, with all ids that they are linked to, hash to it."""

    def __init__(self, number: int, of: int, roots: Mapping[str, str]) -> None:
        self.number = number
        self.of = of
        self._roots = roots

    @classmethod
    def among(cls, calls: Iterable[Any], number: int, of: int) -> Partition:
        """The share of worker ``number`` of ``of``, for exactly these calls."""
        groups = _Groups()
        for call in calls:
            ids = _ids(call)
            for other in ids[1:]:
                groups.join(ids[0], other)
        return cls(number, of, {each: groups.root(each) for each in groups.parents})

    @property
    def name(self) -> str:
        """``number/of``."""
        return f"{self.number}/{self.of}"

    def has(self, call: Any) -> bool:
        """Whether this worker applies the call; one without ids belongs to the first."""
        ids = _ids(call)
        if not ids:
            return self.number == 0
        root = self._roots.get(ids[0], ids[0])
        return crc32(root.encode("utf-8", "surrogatepass")) % self.of == self.number


def _ids(call: Any) -> list[str]:
    """The ids of a call; an alias may mean a user or an anonymous profile, so both are counted in."""
    if not isinstance(call, Mapping):
        return []
    fields = (("userId", "u:"), ("anonymousId", "a:"), ("previousId", "u:"), ("previousId", "a:"))
    return [space + call[field] for field, space in fields if isinstance(call.get(field), str)]


class _Groups:
    """Disjoint sets of ids."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}

    def root(self, each: str) -> str:
        parents = self.parents
        while (parent := parents.get(each, each)) != each:
            parents[each] = parents.get(parent, parent)
            each = parent
        return each

    def join(self, a: str, b: str) -> None:
        a, b = sorted((self.root(a), self.root(b)))
        self.parents.setdefault(a, a)
        self.parents[b] = a
