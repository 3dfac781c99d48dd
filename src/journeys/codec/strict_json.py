"""JSON as it is read here: strict where the standard library is lenient, and as fast.

The standard library takes NaN and Infinity, lets the last of two equal keys win, reads ``1e999`` as infinity, keeps
lone surrogates, and answers deep nesting with RecursionError. Each of these would come back later, as a payload that no
destination reads or as a row that a store cannot write; so they are refused here, for definitions and for event lines.

The text is scanned at C speed first; only what looks suspicious is looked at closely.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Mapping
from itertools import accumulate
from math import isfinite
from typing import Any, NoReturn

from journeys.codec.problems import Report, element, member
from journeys.errors import JourneysError, Problem

JSON = Any  # None, bool, int, float, str, list or dict of the same

#: how many lists and objects may stand in one another
MAX_DEPTH = 64
#: what Python itself reads and prints unless it is told otherwise
MAX_DIGITS = 4300


class InvalidJSON(JourneysError, ValueError):
    """Text that is no JSON document, or one that is refused here; ``code`` says why, ``position`` where.

    ``position`` counts characters (bytes, where the bytes are no UTF-8) from 0; ``path`` is the place in the document
    as far as it is known.
    """

    def __init__(self, code: str, message: str, position: int, text: str = "", path: str = "$") -> None:
        self.code = code
        self.position = position
        self.path = path
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        where = f"line {self.line}, column {self.column}, position {position}"
        super().__init__(f"{message} ({where})")

    @property
    def problem(self) -> Problem:
        """The same as one of the problems of a definition."""
        return Problem(self.code, self.path, str(self), _REMEDIES.get(self.code, ""))


_REMEDIES = {
    "duplicate_key": "each key of an object once",
    "not_utf8": "save the document as UTF-8",
    "number_out_of_range": "a number that fits a 64-bit float, or one of at most 4300 digits",
    "lone_surrogate": "write a character outside the basic plane as itself or as both halves, like \\ud83d\\ude00",
    "too_deep": f"at most {MAX_DEPTH} lists and objects in one another",
}


class _Refused(ValueError):
    """Raised inside the C scanner, which knows no position; the text is then looked at again, slowly."""

    def __init__(self, code: str) -> None:
        self.code = code


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("duplicate_key")
    return found


def _float(digits: str) -> float:
    number = float(digits)
    if number - number:  # inf - inf is nan, which is true; every finite number gives 0.0
        raise _Refused("number_out_of_range")
    return number


def _int(digits: str) -> int:
    if len(digits) - digits.startswith("-") > MAX_DIGITS:
        raise _Refused("number_out_of_range")
    return int(digits)


def _constant(_: str) -> NoReturn:
    raise _Refused("not_finite")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
_COUNTING_DIGITS = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_constant=_constant, parse_int=_int
)


def parse_json(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> JSON:
    """The value that JSON text stands for; ``InvalidJSON``, a ValueError, says what is refused and where.

    Refused are NaN and infinities, numbers too large for a float, integers of more than 4300 digits, equal keys in one
    object, lone surrogates, bytes that are no UTF-8, and more than ``max_depth`` lists and objects in one another. A
    byte order mark is passed over.
    """
    source = _decoded(text)
    if source.count("[") + source.count("{") > max_depth and _depth(source.encode()) > max_depth:
        _locate(source, "too_deep", max_depth)
    # Longer numbers cannot occur in shorter texts; and int() itself refuses them, unless the process allows more.
    decoder = _COUNTING_DIGITS if len(source) > MAX_DIGITS and sys.get_int_max_str_digits() != MAX_DIGITS else _DECODER
    try:
        value = decoder.decode(source)
    except json.JSONDecodeError as error:
        raise InvalidJSON("not_json", f"no JSON: {error.msg}", error.pos, source) from None
    except _Refused as refused:
        _locate(source, refused.code, max_depth)
    except ValueError:  # int() on too many digits
        _locate(source, "number_out_of_range", max_depth)
    except RecursionError:  # max_depth was raised above what the interpreter allows
        _locate(source, "too_deep", MAX_DEPTH)
    if "\\u" in source and _HALF.search(source):
        _refuse_lone_surrogates(source, value)
    return value


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        data = text.removeprefix(codecs.BOM_UTF8)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            message = f"these bytes are no UTF-8: {error.reason}"
            raise InvalidJSON("not_utf8", message, len(text) - len(data) + error.start) from None
    source = text.removeprefix("\ufeff")
    if not source.isascii():
        try:
            source.encode()
        except UnicodeEncodeError as error:
            raise InvalidJSON("lone_surrogate", "half of a character stands alone", error.start, source) from None
    return source


_KEEP = b'[]{}"'
_DROP = bytes(set(range(256)) - set(_KEEP))
_TEXTS = re.compile(rb'"[^"]*"?')
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


def _depth(data: bytes) -> int:
    """How deep lists and objects stand in one another; the text need not be valid JSON."""
    brackets = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _DROP)
    brackets = brackets.replace(b'""', b"")  # most texts have no bracket
    if b'"' in brackets:
        brackets = _TEXTS.sub(b"", brackets)
    return max(accumulate(memoryview(brackets.translate(_STEP)).cast("b")), default=0)


_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)")


def _refuse_lone_surrogates(source: str, value: JSON) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return
    except UnicodeEncodeError:
        pass
    high_ends = -1  # where the high half ended that waits for its low half
    for escape in _ESCAPE.finditer(source):
        unit = int(escape[1], 16) if escape[1] else 0
        if 0xDC00 <= unit < 0xE000 and high_ends == escape.start():
            high_ends = -1
            continue
        if high_ends >= 0 or 0xDC00 <= unit < 0xE000:
            at = high_ends - 6 if high_ends >= 0 else escape.start()
            raise InvalidJSON("lone_surrogate", "half of a character stands alone", at, source)
        high_ends = escape.end() if 0xD800 <= unit < 0xDC00 else -1
    raise InvalidJSON("lone_surrogate", "half of a character stands alone", max(high_ends - 6, 0), source)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|-?(?:Infinity|NaN)|-?\d[-+.eE0-9]*', re.DOTALL)


def _locate(source: str, code: str, max_depth: int) -> NoReturn:
    """Raise for the first place in the text at which ``code`` holds; slow, for texts that are known to be refused."""
    open_: list[tuple[str, set[str] | None]] = []  # the path and the keys seen, of every list and object around
    here: list[Any] = ["$"]  # the member names and indices that lead to the token at hand
    for token in _TOKEN.finditer(source):
        word = token[0]
        if word in "[{":
            if code == "too_deep" and len(open_) == max_depth:
                break
            open_.append((word, set() if word == "{" else None))
            here.append(0 if word == "[" else None)
        elif word in "]}":
            if open_:
                open_.pop()
                here.pop()
        elif word == ",":
            if open_ and open_[-1][1] is None:
                here[-1] += 1
            elif open_:
                here[-1] = None
        elif word[0] == '"':
            keys = open_[-1][1] if open_ else None
            if keys is not None and here[-1] is None:
                here[-1] = key = json.loads(word)
                if code == "duplicate_key" and key in keys:
                    break
                keys.add(key)
        elif word != ":" and code == _refusal(word):
            break
    else:
        raise InvalidJSON("not_json", "no JSON that can be read", 0, source)
    path = "$"
    for step in here[1:]:
        if step is not None:
            path = element(path, step) if isinstance(step, int) else member(path, step)
    raise InvalidJSON(*_told(code, token[0], max_depth), token.start(), source, path)


def _refusal(number: str) -> str:
    if number[-1].isalpha():
        return "not_finite"
    if number.lstrip("-").isdigit():
        return "number_out_of_range" if len(number.lstrip("-")) > _digits_allowed() else ""
    try:
        return "" if isfinite(float(number)) else "number_out_of_range"
    except ValueError:
        return ""


def _digits_allowed() -> int:
    return min(MAX_DIGITS, sys.get_int_max_str_digits() or MAX_DIGITS)


def _told(code: str, word: str, max_depth: int) -> tuple[str, str]:
    short = word if len(word) <= 40 else word[:40] + "…"
    return {
        "duplicate_key": ("duplicate_key", f"the key {short} stands twice in one object"),
        "not_finite": ("not_json", f"{short} is no JSON number"),
        "number_out_of_range": ("number_out_of_range", f"the number {short} is out of range"),
        "too_deep": ("too_deep", f"more than {max_depth} lists and objects in one another"),
    }[code]


def check_json(value: object, path: str, report: Report, depth: int = 0) -> bool:
    """Whether a Python value is what ``parse_json`` might have given; if not, the report says where and why.

    A definition may come as a mapping made in Python, and a constant may stand in a definition written in Python.
    """
    if depth > MAX_DEPTH:
        report.add("too_deep", path, f"more than {MAX_DEPTH} lists and objects in one another")
        return False
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return check_text(value, path, report)
    if isinstance(value, int):
        if value.bit_length() * 0.30103 <= _digits_allowed() - 1:
            return True
        report.add("number_out_of_range", path, f"a number of more than {_digits_allowed()} digits")
        return False
    if isinstance(value, float):
        if isfinite(value):
            return True
        report.wrong_value(path, "a finite number", value)
        return False
    if isinstance(value, list):
        checked = [check_json(each, element(path, n), report, depth + 1) for n, each in enumerate(value)]
        return all(checked)  # each of them, for each may have its own problem
    if isinstance(value, Mapping):
        sound = True
        for name, each in value.items():
            if not isinstance(name, str):
                report.wrong_type(member(path, name), "a text as key", name)
                sound = False
            else:
                sound &= check_text(name, member(path, name), report)
                sound &= check_json(each, member(path, name), report, depth + 1)
        return sound
    report.wrong_type(path, "a JSON value", value)
    return False


def check_text(value: str, path: str, report: Report) -> bool:
    """Whether text can be written as UTF-8; if not, the report says so."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError as error:
        report.add("lone_surrogate", path, f"half of a character stands alone at {error.start}: {value!r}")
        return False
    return True
