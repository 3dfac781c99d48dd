"""Text as it will be seen: cleaned of what cannot be drawn, measured, wrapped and cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

#: widths in ems of the letters of common sans-serif faces; a little more than Helvetica's, so that wider faces fit too
_EMS = {
    **dict.fromkeys("ijl'|", 0.25),
    **dict.fromkeys(" ,.:;!/\\ftI[]·", 0.3),
    **dict.fromkeys("r()-`{}", 0.36),
    **dict.fromkeys('"*^ckszxvyJ', 0.53),
    **dict.fromkeys("abdeghnopqu_?$#L0123456789", 0.59),
    **dict.fromkeys("FTZ<>=+~EPSAKVXYB&", 0.68),
    **dict.fromkeys("CDHNRUw", 0.76),
    **dict.fromkeys("GOQ", 0.82),
    **dict.fromkeys("mM%", 0.9),
    **dict.fromkeys("W@", 1.02),
}
#: invisible letters that turn the direction of what follows: nothing to see, but much to fool the eye
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")

Measure = Callable[[str], float]


def clean(text: str) -> str:
    """The text on one line, without control characters and what XML cannot hold."""
    return " ".join("".join(map(_clean_letter, text)).split())


def _clean_letter(letter: str) -> str:
    if letter.isascii() and letter.isprintable():
        return letter
    category = unicodedata.category(letter)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if letter in _DIRECTION:
        return ""
    return "\ufffd" if category == "Cs" or ord(letter) & 0xFFFE == 0xFFFE else letter


@lru_cache(maxsize=4096)
def _ems(letter: str) -> float:
    if letter in _EMS:
        return _EMS[letter]
    cells = _cells(letter)
    return 0.7 if cells == 1 else cells * 0.55


@lru_cache(maxsize=4096)
def _cells(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def pixels(text: str, size: float, *, bold: bool = False) -> float:
    """An estimate of the width of the text in pixels."""
    return sum(map(_ems, text)) * size * (1.08 if bold else 1)


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(map(_cells, text))


def cut(text: str, width: float, measure: Measure) -> str:
    """The text, shortened with an ellipsis if it is wider."""
    if measure(text) <= width:
        return text
    return text[: _fitting(text, width - measure("…"), measure)].rstrip() + "…"


def wrap(text: str, width: float, measure: Measure, lines: int | None = None) -> tuple[str, ...]:
    """The text in lines no wider than ``width``; with ``lines`` at most so many, the last one cut."""
    wrapped, line = [], ""
    for word in _pieces(text, width, measure):
        longer = f"{line} {word}" if line else word
        if line and measure(longer) > width:
            wrapped.append(line)
            longer = word
            if len(wrapped) == lines:
                wrapped[-1] = cut(f"{line} {word}", width, measure)
                return tuple(wrapped)
        line = longer
    return (*wrapped, line)


def _pieces(text: str, width: float, measure: Measure) -> Iterator[str]:
    """The words; one that is wider than a line in parts."""
    for word in text.split():
        rest = word
        while rest:
            end = max(1, _fitting(rest, width, measure))
            yield rest[:end]
            rest = rest[end:]


def _fitting(text: str, width: float, measure: Measure) -> int:
    """How many letters fit into the width."""
    taken = 0.0
    for number, letter in enumerate(text):
        taken += measure(letter)
        if taken > width + 1e-9:
            return number
    return len(text)
