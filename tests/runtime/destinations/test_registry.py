from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

import journeys.destinations as public
from journeys.destinations import (
    HTTP,
    SECRET,
    Adapter,
    CSVFile,
    Function,
    Network,
    Record,
    Request,
    Secret,
    SQLTable,
    Webhook,
    build_destination,
    build_destinations,
    check_destinations,
    json_request,
    own_variables,
    secret,
)
from journeys.errors import InvalidDefinition, Problem
from journeys.model.space import DestinationDefinition
from journeys.ports import AsyncDestination, Delivery, Destination, ListDestination
from journeys.runtime.destinations.registry import TYPES, types_known
from tests.runtime.destinations.support import TRACK, delivery, listed

ENVIRON = {"KEY": "key-taint", "WHSEC": "whsec_" + "A" * 40, "MC": "0123-us6", "URL": "https://hooks.slack.example/x"}
ENV = {"env": "KEY"}
EXAMPLES: dict[str, dict[str, Any]] = {
    "amplitude": {"api_key": ENV, "region": "eu"},
    "braze": {"api_key": ENV, "endpoint": "rest.fra-01.braze.eu", "app_id": "app"},
    "csv": {"path": "lists/vip.csv", "columns": ["email"]},
    "customer_io": {"site_id": "site", "api_key": ENV},
    "http": {
        "url": "https://api.vendor.example/{{ delivery.user_id }}", "method": "PUT", "token": ENV, "retry": [409],
        "query": {"apikey": ENV, "x": "1"}, "headers": {"x-key": ENV, "x-shop": "eu"},
        "body": {"a": ["{{ event }}", 1, None]},
    },
    "hubspot": {"access_token": ENV, "hub_id": 123, "events": {"Cart": "pe123_cart"}},
    "iterable": {"api_key": ENV, "prefer_user_id": False},
    "mailchimp": {"api_key": {"env": "MC"}, "list_id": "abc", "merge_fields": {"FNAME": "first_name"}},
    "mixpanel": {"token": ENV, "region": "in"},
    "record": {},
    "segment": {"write_key": ENV, "integrations": {"All": False, "Braze": {"x": 1}}},
    "sendgrid": {"api_key": ENV, "sender": "a@b.example", "subject": "s", "text": "t"},
    "slack": {"url": {"env": "URL"}, "text": "{{ event }}"},
    "smtp": {"host": "mail.example", "sender": "a@b.example", "username": "u", "password": ENV, "port": 2525},
    "sql": {"database": "lists.db", "table": "vip", "columns": {"mail": "email"}},
    "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": ENV, "sender": "+491"},
    "webhook": {"url": "https://hooks.example/email", "secret": [{"env": "WHSEC"}, {"env": "WHSEC"}]},
}  # fmt: skip
LISTS = {"csv", "mailchimp", "sql"}


def define(tag: str, options: Any = None, *, is_list: bool | None = None) -> DestinationDefinition:
    wanted = EXAMPLES.get(tag, {}) if options is None else options
    return DestinationDefinition(tag, list=tag in LISTS if is_list is None else is_list, options=wanted)


def problems(tag: str, options: Any = None, *, is_list: bool | None = None, **given: Any) -> list[Problem]:
    with pytest.raises(InvalidDefinition) as told:
        build_destination("email", define(tag, options, is_list=is_list), **{"environ": ENVIRON, **given})
    assert "taint" not in str(told.value)
    return [*told.value.problems]


def test_every_type_has_an_example() -> None:
    assert EXAMPLES.keys() | {"function"} == TYPES.keys() <= set(types_known())


@pytest.mark.parametrize("tag", EXAMPLES)
def test_examples(tag: str, tmp_path: Path) -> None:
    found = build_destination("email", define(tag), environ=ENVIRON, directory=tmp_path)
    assert type(found) is TYPES[tag]
    assert isinstance(found, Destination)
    assert isinstance(found, AsyncDestination)
    assert isinstance(found, ListDestination) == (tag in LISTS)
    assert "taint" not in repr(found)


@pytest.mark.parametrize("tag", [tag for tag in EXAMPLES if tag != "record"])
def test_unknown_options_name_the_nearest(tag: str, tmp_path: Path) -> None:
    for name in EXAMPLES[tag]:
        found = problems(tag, EXAMPLES[tag] | {name + "z": 1}, directory=tmp_path)
        assert [(each.code, each.path) for each in found] == [("unknown_field", f"$.destinations.email.{name}z")]
        assert name in found[0].hint


@pytest.mark.parametrize("tag", EXAMPLES)
def test_what_only_an_application_decides(tag: str, tmp_path: Path) -> None:
    for name in ("network", "transport", "base_url", "_own", "own", "list", "paramstyle", "connect"):
        found = problems(tag, EXAMPLES[tag] | {name: "x"}, directory=tmp_path)
        assert found[0].code == "unknown_field"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (tag, name)
        for tag in EXAMPLES
        for name in EXAMPLES[tag]
        if "env" in str(EXAMPLES[tag][name]) and name not in ("headers", "query")
    ],
)
@pytest.mark.parametrize(
    "literal", ["taint", {"env": "x y"}, {"env": "KEY", "x": 1}, {"value": "taint"}, ["taint"], 5, None, {"env": ""}]
)
def test_secrets_are_named(tag: str, name: str, literal: Any, tmp_path: Path) -> None:
    found = problems(tag, EXAMPLES[tag] | {name: literal}, directory=tmp_path)
    assert {each.code for each in found} == {"literal_secret"}
    assert found[0].path.startswith(f"$.destinations.email.{name}")
    assert 'use {"env": "NAME"}' in found[0].hint


def test_headers_that_carry_secrets() -> None:
    for name in ("Authorization", "X-Api-Key", "x-auth-token", "Cookie"):
        found = problems("http", {"url": "https://a.example", "headers": {name: "taint"}})
        assert found[0].code == "literal_secret"
    built: Any = build_destination("email", define("http"), environ=ENVIRON)
    assert built.headers["x-key"].reveal() == "key-taint"


def test_headers_that_only_sound_like_it() -> None:
    options = {"url": "https://a.example", "headers": {"Idempotency-Key": "{{ delivery.id }}", "x-shop": "eu"}}
    assert build_destination("email", define("http", options), environ={})


def test_secrets_that_are_not_there() -> None:
    found = problems("segment", {"write_key": {"env": "NOPE"}})
    assert [(each.code, each.message) for each in found] == [("missing_secret", "there is no secret NOPE")]


def test_without_an_environ_only_our_own_variables(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "taint")
    monkeypatch.setenv("JOURNEYS_KEY", "fine")
    found = problems("segment", {"write_key": {"env": "AWS_SECRET_ACCESS_KEY"}}, environ=None)
    assert found[0].code == "missing_secret"
    assert "JOURNEYS_" in found[0].hint
    built: Any = build_destination("email", define("segment", {"write_key": {"env": "JOURNEYS_KEY"}}))
    monkeypatch.setenv("JOURNEYS_KEY", "rotated")
    assert built.write_key.reveal() == "rotated"


@pytest.mark.parametrize(
    ("tag", "options", "code", "where"),
    [
        ("segment", {}, "missing_field", ".write_key"),
        ("segment", {"write_key": ENV, "region": "mars"}, "wrong_value", ".region"),
        ("segment", {"write_key": ENV, "region": 5}, "wrong_type", ".region"),
        ("segment", {"write_key": ENV, "integrations": []}, "wrong_type", ".integrations"),
        ("webhook", {"url": "http://hooks.example/"}, "wrong_value", ".url"),
        ("webhook", {"url": "https://127.0.0.1/"}, "wrong_value", ".url"),
        ("webhook", {"url": "https://u:p@hooks.example/"}, "wrong_value", ".url"),
        ("webhook", {"url": 5}, "wrong_type", ".url"),
        ("webhook", {"url": "https://hooks.example/", "headers": []}, "wrong_type", ".headers"),
        ("webhook", {"url": "https://hooks.example/", "headers": {"a": 1}}, "wrong_type", ".headers.a"),
        ("webhook", {"url": "https://hooks.example/", "headers": {"host": "x"}}, "wrong_value", ".headers"),
        ("http", {"url": "https://a.example", "retry": "x"}, "wrong_type", ".retry"),
        ("http", {"url": "https://a.example", "retry": [True]}, "wrong_type", ".retry"),
        ("http", {"url": "https://a.example", "form": 1}, "wrong_type", ".form"),
        ("http", {"url": "https://a.example", "body": "{{ a | up }}"}, "wrong_value", ".body"),
        ("hubspot", {"access_token": ENV, "hub_id": 1.0}, "wrong_type", ".hub_id"),
        ("hubspot", {"access_token": ENV, "hub_id": True}, "wrong_type", ".hub_id"),
        ("braze", {"api_key": ENV, "endpoint": "evil.example"}, "wrong_value", ".endpoint"),
        ("smtp", {"host": "127.0.0.1", "sender": "a@b.example"}, "wrong_value", ".host"),
        ("smtp", {"host": "mail.example", "sender": "a@b.example", "security": "none"}, "wrong_value", ".security"),
        ("twilio", {"account_sid": "x", "auth_token": ENV, "sender": "+491"}, "wrong_value", ".account_sid"),
        ("record", {"x": 1}, "unknown_field", ".x"),
        ("function", {}, "needs_application", ".type"),
        ("csv", {"path": "vip.csv"}, "needs_application", ".path"),
        ("sql", {"database": "x.db", "table": "vip"}, "needs_application", ".database"),
        ("webhok", {}, "unknown_type", ".type"),
    ],
)
def test_problems(tag: str, options: Any, code: str, where: str) -> None:
    found = problems(tag, options)
    assert [(each.code, each.path) for each in found] == [(code, f"$.destinations.email{where}")]


def test_hints() -> None:
    assert problems("webhok", {})[0].hint == "did you mean 'webhook'?"
    assert problems("segment", {"write_key": ENV, "region": "euu"})[0].hint == "did you mean 'eu'?"
    assert "functions={'email': …}" in problems("function", {})[0].hint


def test_lists_are_told_on_both_sides(tmp_path: Path) -> None:
    for tag in ("csv", "sql", "mailchimp"):
        assert problems(tag, is_list=False, directory=tmp_path)[0].path == "$.destinations.email.list"
    for tag in ("segment", "slack", "smtp", "braze"):
        assert problems(tag, is_list=True)[0].message == f"the type {tag!r} keeps no list"
    for tag in ("record", "webhook", "http"):
        built = build_destination("ads", define(tag, is_list=True), environ=ENVIRON)
        assert isinstance(built, ListDestination)
    function = build_destination("ads", define("function", is_list=True), environ={}, functions={"ads": print})
    assert isinstance(function, ListDestination)


@pytest.mark.parametrize("name", ["../vip.csv", "/etc/passwd", "", ".", "a/../..", "a\0b", 5, None, "link/vip.csv"])
def test_files_stay_in_the_directory(name: Any, tmp_path: Path) -> None:
    inside = tmp_path / "lists"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    for tag, key in (("csv", "path"), ("sql", "database")):
        found = problems(tag, EXAMPLES[tag] | {key: name}, directory=inside)
        assert found[0].path == f"$.destinations.email.{key}"


def test_built_lists_work(tmp_path: Path) -> None:
    built: Any = build_destinations({"a": define("csv"), "b": define("sql")}, environ={}, directory=tmp_path)
    for each in built.values():
        each.deliver_batch([listed("add", "u1", email="a@x.example")])
    assert isinstance(built["a"], CSVFile)
    assert isinstance(built["b"], SQLTable)
    assert (tmp_path / "lists" / "vip.csv").read_text() == "profile,email\nu1,a@x.example\n"


def test_functions_come_from_the_application() -> None:
    got: list[Delivery] = []
    function = build_destination("email", define("function", {}), environ={}, functions={"email": got.append})
    assert isinstance(function, Function)
    function.deliver(delivery())
    assert got == [delivery()]


def test_all_problems_at_once() -> None:
    with pytest.raises(InvalidDefinition) as told:
        build_destinations(
            {
                "a": define("webhok", {}),
                "b-c": define("segment", {"write_key": "taint", "regoin": "eu"}),
                "fine": define("record"),
            },
            environ={},
        )
    assert [each.path for each in told.value.problems] == [
        "$.destinations.a.type",
        '$.destinations["b-c"].regoin',
        '$.destinations["b-c"].write_key',
    ]


def test_the_application_s_network_is_used() -> None:
    built = build_destination(
        "email", define("webhook", {"url": "http://127.0.0.1/"}), environ={}, network=Network(http=True, private=True)
    )
    assert isinstance(built, Webhook)
    assert built.network.private


# ------------------------------------------------------------------------------------------ checked, and not built


@pytest.mark.parametrize("tag", TYPES)
def test_a_definition_that_is_fine_needs_nothing_to_be_checked(tag: str) -> None:
    """No secret, no file, no function: what the application gives is not the definition's fault."""
    assert check_destinations({"email": define(tag)}) == []


def test_a_check_says_what_building_would_say() -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("segment", {}), ("segment", {"write_key": ENV, "region": "euu"}), ("webhook", {"ulr": "https://a.example"}),
        ("webhook", {"url": "http://10.0.0.5/"}), ("slack", {"url": "https://hooks.slack.example/taint"}),
        ("hubspot", {"access_token": ENV, "hub_id": "1"}), ("webhok", {}),
        ("http", {"url": "https://a.example", "headers": {"x": "{{ a | b }}"}}),
        ("http", {"url": "https://a.example", "retry": [200]}),
        ("smtp", {"host": "mail.example", "sender": "nobody"}), ("sql", {"database": "x.db", "table": "a b"}),
        ("csv", {"path": "x.csv", "columns": ["profile"]}), ("csv", {}),
        ("mailchimp", {"api_key": {"env": "MC"}, "list_id": "a/b"}),
    ]  # fmt: skip
    for tag, options in wrong:
        checked = check_destinations({"email": define(tag, options)})
        assert checked and checked == problems(tag, options, directory=".")
        assert all(each.path.startswith("$.destinations.email.") for each in checked)


def test_a_check_with_secrets_says_which_are_not_there(monkeypatch) -> None:
    definitions = {"email": define("webhook", {"url": "https://a.example", "secret": {"env": "JOURNEYS_HOOK"}})}
    monkeypatch.delenv("JOURNEYS_HOOK", raising=False)
    assert check_destinations(definitions) == []
    monkeypatch.setenv("JOURNEYS_HOOKS", "whsec_" + "A" * 40)
    [problem] = check_destinations(definitions, environ=own_variables())
    assert (problem.code, problem.path) == ("missing_secret", "$.destinations.email.secret")
    assert problem.hint == "did you mean 'JOURNEYS_HOOKS'?"
    monkeypatch.setenv("JOURNEYS_HOOK", "taint")
    [problem] = check_destinations(definitions, environ=own_variables())
    assert (problem.code, problem.path) == ("wrong_value", "$.destinations.email.secret")
    assert "taint" not in str(problem)


def test_the_variables_of_the_command_line_are_no_secrets_of_definitions(monkeypatch) -> None:
    monkeypatch.setenv("JOURNEYS_READ_TOKEN", "taint")
    monkeypatch.setenv("JOURNEYS_WRITE_KEYS", "taint")
    for name in ("JOURNEYS_READ_TOKEN", "JOURNEYS_WRITE_KEYS"):
        assert name not in own_variables()
        assert [each.code for each in problems("segment", {"write_key": {"env": name}}, environ=None)] == [
            "missing_secret"
        ]


# --------------------------------------------------------------------------------------------------------- plug-ins


@attrs.frozen(eq=False, slots=False)
class Pigeon(Adapter):
    """Somebody else's vendor."""

    key: Secret = attrs.field(converter=secret, metadata=SECRET)
    loft: str = attrs.field(default="north", kw_only=True)

    def request(self, delivery: Delivery) -> Request:
        return json_request("POST", f"https://{self.loft}.pigeons.example/", delivery.payload, {"x-key": self.key})


def owl(options: Any, environ: Any) -> Record:
    if options:
        raise InvalidDefinition([Problem("owl", "$", "owls take nothing")])
    return Record()


def moody(options: Any, environ: Any) -> Record:
    raise KeyError(environ["KEY"])


@pytest.fixture
def plugged(monkeypatch) -> None:
    points = [
        importlib.metadata.EntryPoint("pigeon", f"{__name__}:Pigeon", "journeys.destinations"),
        importlib.metadata.EntryPoint("owl", f"{__name__}:owl", "journeys.destinations"),
        importlib.metadata.EntryPoint("record", f"{__name__}:Pigeon", "journeys.destinations"),
        importlib.metadata.EntryPoint("moody", f"{__name__}:moody", "journeys.destinations"),
        importlib.metadata.EntryPoint("broken", "no.such.module:X", "journeys.destinations"),
    ]

    def entry_points(*, group: str, name: str | None = None) -> list[Any]:
        assert group == "journeys.destinations"
        return [each for each in points if name in (None, each.name)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.usefixtures("plugged")
def test_plug_ins() -> None:
    built: Any = build_destination("email", define("pigeon", {"key": ENV, "loft": "south"}), environ=ENVIRON)
    trial = built.test(delivery())
    assert (trial.requests[0].url, trial.requests[0].headers["x-key"]) == ("https://south.pigeons.example/", "[secret]")
    assert problems("pigeon", {"key": "taint"})[0].code == "literal_secret"
    assert problems("pigeom", {})[0].hint == "did you mean 'pigeon'?"
    assert isinstance(build_destination("email", define("owl", {}), environ={}), Record)
    assert problems("owl", {"x": 1})[0].code == "owl"
    assert problems("broken", {})[0].code == "plugin_failed"
    assert [(each.code, each.path) for each in problems("moody", {})] == [("plugin_failed", "$.destinations.email")]
    assert check_destinations({"a": define("owl", {}), "b": define("pigeon", {"key": ENV})}) == []
    assert [each.path for each in check_destinations({"a": define("pigeon", {"loft": 1})})] == [
        "$.destinations.a.key", "$.destinations.a.loft"
    ]  # fmt: skip
    assert isinstance(build_destination("email", define("record"), environ={}), Record)  # built-in types come first


# ----------------------------------------------------------------------------------------------------------- façade


def test_the_facade_only_re_exports() -> None:
    assert sorted(public.__all__) == sorted(set(public.__all__))
    assert {kind.__name__ for kind in TYPES.values()} <= set(public.__all__)
    assert all(hasattr(public, name) for name in public.__all__)


def test_the_reference_page_names_every_option() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "destinations.md"
    sections = re.split(r"^### ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]
    told = {}
    for section in sections:
        rows = re.findall(r"^\| (\*{0,2}`.*?) \|", section, re.MULTILINE)
        names = [name for row in rows for name in re.findall(r"(\*{0,2})`(\w+)`", row)]
        told[section.split("`")[1]] = {name: bool(bold) for bold, name in names}
    known = {}
    for tag, kind in TYPES.items():
        fields = attrs.fields(kind) if attrs.has(kind) else ()
        own = [each for each in fields if each.init and not each.metadata.get("python") and each.name != "list"]
        names = {"connect": "database"}
        known[tag] = {names.get(each.name, each.name): each.default is attrs.NOTHING for each in own}
    assert told == known


def test_every_vendor_cites_its_reference() -> None:
    import sys

    for kind in TYPES.values():
        module = sys.modules[kind.__module__]
        if issubclass(kind, Adapter) and kind is not HTTP:
            assert "http" in (module.__doc__ or "") or "RFC" in (module.__doc__ or ""), module.__name__
        assert kind.__doc__


def test_a_track_payload_is_what_the_format_says() -> None:
    assert TRACK.keys() == {
        "type",
        "event",
        "userId",
        "messageId",
        "timestamp",
        "context",
        "integrations",
        "properties",
    }
