"""Compact JSON of what the engine keeps and sends: nothing in it is a circle, and all of it is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any


def _compact() -> Callable[[Any], str]:
    plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    # what ``plain.encode`` makes anew for each value
    made = make(None, plain.default, encoder.encode_basestring, None, ":", ",", False, False, True)
    return lambda value: "".join(made(value, 0))


encode = _compact()
