"""Who was erased, for a store that lives as long as its process."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b


class Tombstones:
    """Which id keys were erased, as hashes with a key that was drawn for this process: they name nobody (V6)."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._hashes: set[bytes] = set()

    def _hash(self, id_key: str) -> bytes:
        return blake2b(id_key.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=16).digest()

    def add(self, id_keys: Iterable[str]) -> None:
        """These are erased."""
        self._hashes.update(map(self._hash, id_keys))

    def discard(self, id_key: str) -> bool:
        """This one is not erased any more; says whether it was."""
        found = self._hash(id_key) in self._hashes
        self._hashes.discard(self._hash(id_key))
        return found

    def __contains__(self, id_key: object) -> bool:
        return isinstance(id_key, str) and self._hash(id_key) in self._hashes

    def __bool__(self) -> bool:
        return bool(self._hashes)
