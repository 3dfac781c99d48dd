"""A commit in one piece: the server itself checks what it finds, so that nobody has to look before the end.

It is for the commits that come one after another, of groups of calls. What is refused is not said in detail: the same
change set, committed step by step, is then told why, or does what only the steps can do.
"""

from __future__ import annotations

from collections.abc import Sequence

from journeys.ports import ChangeSet
from journeys.runtime.stores._operations import Operations
from journeys.runtime.stores._statements import Ask, Bulk, Statement, Tell

#: divides by nought, and so ends the transaction, where something is not as it should be
_SURE = "SELECT 1 / ({0})::int FROM {1}"
_META = _SURE.format("schema <= ? AND watermark <= ?", "meta")
_NOTED = _SURE.format(
    "coalesce(bool_and(coalesce(notes.text, '') = c.text), true)",
    "unnest((SELECT ?::text[]), (SELECT ?::text[])) AS c(name, text) LEFT JOIN notes ON notes.name = c.name",
)
_MADE = "SELECT 1 FROM made"


def at_once(operations: Operations, changes: ChangeSet) -> Sequence[Statement] | None:
    """The whole transaction, which stands or falls by itself; None for what needs a look at the answers.

    That are links, inputs that wait, notes, and a watermark that moves.
    """
    if changes.read_watermark is None or not operations.secret:
        return None
    moves = changes.watermark is not None and changes.watermark > changes.read_watermark
    if moves or changes.links or changes.waiting or changes.applied or changes.notes:
        return None
    sql = operations.sql
    made, checked, _ = operations.checked(changes)
    noted = [Ask(_NOTED, [*map(list, zip(*changes.read_notes.items(), strict=True))])] if changes.read_notes else []
    return [
        Tell(sql.begin),
        *sql.fence(exclusive=False),
        Ask(_META, (operations.schema, changes.read_watermark)),
        *noted,
        *map(_sure, made),
        *(sql.lock_ids(changes) if sql.needs_locks(changes) else ()),
        *map(_sure, checked),
        *operations.rest(changes),
        Tell("COMMIT"),
    ]


def _sure(bulk: Bulk) -> Ask:
    """The same for all its rows, or an error if it touches fewer."""
    if _MADE in bulk.sql:
        text = bulk.sql.replace(_MADE, _SURE.format("count(*) = ?", "made"))
    else:
        text = f"WITH touched AS ({bulk.sql} RETURNING 1) {_SURE.format('count(*) = ?', 'touched')}"
    return Ask(text, [*map(list, zip(*bulk.rows, strict=True)), len(bulk.rows)])
