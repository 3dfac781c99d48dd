"""``status``, ``deliver``, ``publish``, …: what is done with a store."""

from __future__ import annotations

from typing import Any


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
