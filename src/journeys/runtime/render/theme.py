"""Colours and icons of the pictures: one accent per kind of node, the same in SVG and Mermaid."""

from __future__ import annotations

#: the accent of each kind of node
ACCENTS = {
    "entry": "#0f9f6e",
    "wait_for_condition": "#0891b2",
    "delay": "#64748b",
    "hold_until": "#d97706",
    "true_false_split": "#7c5cff",
    "multi_branch_split": "#7c5cff",
    "data_split": "#7c5cff",
    "randomized_split": "#b14fd8",
    "send_to_destination": "#2f6fed",
    "send_message": "#0c8de0",
    "show_ad": "#e0498b",
    "end": "#64748b",
    "missing": "#dc3d43",
    "exit_rule": "#dc3d43",
    "exit_send": "#2f6fed",
    "exited": "#dc3d43",
    "goal": "#b98900",
}
#: the light tint of each accent, for places where translucency is not to be had
TINTS = {
    "entry": "#e7f6f0",
    "wait_for_condition": "#e5f4f8",
    "delay": "#eef1f4",
    "hold_until": "#fcf2e4",
    "true_false_split": "#f0edff",
    "multi_branch_split": "#f0edff",
    "data_split": "#f0edff",
    "randomized_split": "#f8eefc",
    "send_to_destination": "#e9f0fe",
    "send_message": "#e5f3fd",
    "show_ad": "#fdecf4",
    "end": "#eef1f4",
    "missing": "#fdecec",
    "exit_rule": "#fdecec",
    "exit_send": "#e9f0fe",
    "exited": "#fdecec",
    "goal": "#faf4e0",
}
#: shapes on a grid of 16 by 16, drawn with a round pen
ICONS = {
    "entry": "M3 8h8M8 4.5 11.5 8 8 11.5M13.5 3v10",
    "wait_for_condition": "M1.5 8C3.5 4.8 5.7 3.5 8 3.5S12.5 4.8 14.5 8C12.5 11.2 10.3 12.5 8 12.5S3.5 11.2 1.5 8Z"
    "M10 8A2 2 0 1 1 6 8 2 2 0 1 1 10 8Z",
    "delay": "M14 8A6 6 0 1 1 2 8 6 6 0 1 1 14 8ZM8 4.5V8l2.5 1.5",
    "hold_until": "M4 2.5h8M4 13.5h8M5 2.5c0 3 3 3.8 3 5.5s-3 2.5-3 5.5M11 2.5c0 3-3 3.8-3 5.5s3 2.5 3 5.5",
    "true_false_split": "M8 2v4M8 6 4 10v4M8 6l4 4v4",
    "multi_branch_split": "M8 2v12M8 6 3 10v4M8 6l5 4v4",
    "data_split": "M8 2v3M3 14V9.5C3 7 8 8 8 5c0 3 5 2 5 4.5V14M8 8v6",
    "randomized_split": "M4.5 2.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM5.8 5.8h.01"
    "M10.2 5.8h.01M8 8h.01M5.8 10.2h.01M10.2 10.2h.01",
    "send_to_destination": "M14 2 7 9M14 2 9.5 14 7 9 2 6.5Z",
    "send_message": "M3.5 3.5h9a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 11V5"
    "a1.5 1.5 0 0 1 1.5-1.5ZM2.5 5 8 9l5.5-4",
    "show_ad": "M14 8A6 6 0 1 1 2 8 6 6 0 1 1 14 8ZM11 8A3 3 0 1 1 5 8 3 3 0 1 1 11 8ZM8 8h.01",
    "missing": "M8 3v6M8 12.5h.01",
    "exit_rule": "M7 2.5H4.5a1.5 1.5 0 0 0-1.5 1.5v8a1.5 1.5 0 0 0 1.5 1.5H7M6.5 8h7M11 5l3 3-3 3",
    "exit_send": "M14 2 7 9M14 2 9.5 14 7 9 2 6.5Z",
    "goal": "M4 14V2.5c3-1.5 5 1.5 8.5 0v6.5c-3.5 1.5-5.5-1.5-8.5 0",
}

_LIGHT = {
    "canvas": "#f6f7f9",
    "card": "#ffffff",
    "line": "#e2e6ec",
    "shadow": "#101828",
    "ink": "#1c2430",
    "quiet": "#5d6878",
    "edge": "#a9b3c1",
    "panel": "#eff1f5",
}
_DARK = {
    "canvas": "#11151c",
    "card": "#1b212b",
    "line": "#303948",
    "shadow": "#000000",
    "ink": "#e8ecf2",
    "quiet": "#9ba7b8",
    "edge": "#566275",
    "panel": "#161b24",
}
#: accents that must be lighter on a dark card to be read
_DARK_ACCENTS = {
    "true_false_split": "#9d85ff",
    "multi_branch_split": "#9d85ff",
    "data_split": "#9d85ff",
    "delay": "#94a3b8",
    "end": "#94a3b8",
    "send_to_destination": "#5b8ff9",
    "exit_send": "#5b8ff9",
    "exit_rule": "#f0646a",
    "exited": "#f0646a",
    "missing": "#f0646a",
}
_EDGES = {"timeout": "hold_until", "restart": "randomized_split", "exit": "exit_rule"}

#: known faces first: what `system-ui` is on a bare Linux is wider than the room that is measured for it
_FONT = (
    "Inter,-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans','Liberation Sans',"
    "'DejaVu Sans Condensed',system-ui,sans-serif"
)


def stylesheet(scope: str, theme: str) -> str:
    """The style of a picture: ``light``, ``dark``, or ``auto``, which follows the reader's own setting."""
    if theme == "auto":
        dark = _colours(scope, _DARK, {**ACCENTS, **_DARK_ACCENTS})
        return f"{_shape(scope)}\n{_colours(scope, _LIGHT, ACCENTS)}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"
    if theme == "dark":
        return f"{_shape(scope)}\n{_colours(scope, _DARK, {**ACCENTS, **_DARK_ACCENTS})}"
    if theme == "light":
        return f"{_shape(scope)}\n{_colours(scope, _LIGHT, ACCENTS)}"
    raise ValueError(f"unknown theme {theme!r}: expected auto, light or dark")


def _shape(scope: str) -> str:
    rules = {
        "text": f"font-family:{_FONT};font-size:12px",
        ".heading": "font-size:18px;font-weight:650;letter-spacing:-.2px",
        ".title": "font-size:13px;font-weight:600",
        ".label": "font-size:11px;font-weight:500",
        ".small": "font-size:11px",
        ".tag-text": "font-size:11.5px;font-weight:500",
        ".strong": "font-weight:650",
        ".number": "font-size:11px;font-weight:650;text-anchor:middle",
        ".middle": "text-anchor:middle",
        ".edge": "fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round",
        ".edge.restart,.edge.exit": "stroke-dasharray:5 4",
        ".tag-tint": "fill:none",
        ".icon": "fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round",
        ".dashed": "stroke-dasharray:5 4",
    }
    return "\n".join(_rule(scope, names, style) for names, style in rules.items())


def _colours(scope: str, base: dict[str, str], accents: dict[str, str]) -> str:
    rules = {
        ".canvas": f"fill:{base['canvas']}",
        ".card,.tag": f"fill:{base['card']};stroke:{base['line']}",
        ".shadow": f"fill:{base['shadow']};opacity:.05",
        ".panel": f"fill:{base['panel']};stroke:{base['line']}",
        ".title,.heading,.strong": f"fill:{base['ink']}",
        ".quiet,.label,.tag-text": f"fill:{base['quiet']}",
        ".chip": f"fill:{base['canvas']};stroke:{base['line']}",
        ".edge": f"stroke:{base['edge']}",
        ".head": f"fill:{base['edge']}",
    }
    for kind, accent in accents.items():
        rules[f".{kind} .accent"] = f"fill:{accent}"
        rules[f".{kind} .tint"] = f"fill:{accent};fill-opacity:.13"
        rules[f".{kind} .icon"] = f"stroke:{accent}"
        rules[f".{kind} .number,.{kind} .label"] = f"fill:{accent}"
    for kind in ("restart", "exit"):
        rules[f".edge.{kind}"] = f"stroke:{accents[_EDGES[kind]]}"
        rules[f".head.{kind}"] = f"fill:{accents[_EDGES[kind]]}"
    for kind, like in _EDGES.items():
        rules[f".{kind} .tag-tint"] = f"fill:{accents[like]};fill-opacity:.1;stroke:{accents[like]};stroke-opacity:.45"
        rules[f".{kind} .tag-text"] = f"fill:{accents[like]}"
    rules[".missing .card,.exited .card"] = f"stroke:{accents['missing']}"
    return "\n".join(_rule(scope, names, style) for names, style in rules.items())


def _rule(scope: str, names: str, style: str) -> str:
    return ",".join(f".{scope} {name}" for name in names.split(",")) + "{" + style + "}"
