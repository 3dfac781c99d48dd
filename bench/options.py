"""What a run of the benchmark is asked to do."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Options:
    """``scale`` 1 is the contract's size; ``quick`` is a small form of everything that runs in a minute or two."""

    scale: float = 1.0
    runs: int = 5
    seed: int = 1
    quick: bool = False
    folder: Path = field(default_factory=Path.cwd)
    begun: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """Shows what is being done, on standard error."""
        print(f"[{time.monotonic() - self.begun:6.0f} s] {what}", file=sys.stderr, flush=True)

    def sized(self, full: int, least: int = 1) -> int:
        """A number at this run's scale."""
        return max(least, round(full * self.scale))
