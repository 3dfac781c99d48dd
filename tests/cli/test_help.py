"""What ``--help`` says, and what is said to who mistypes a command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from journeys.cli import main, parser
from tests.support import journey, space


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_every_option_says_what_it_is(name: str) -> None:
    command = commands()[name]
    assert command.description and command.description.endswith(".")
    assert [each.metavar or each.dest for each in command._actions if not each.help] == []


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    for name, remedy in (("vlidate", "did you mean 'validate'?"), ("xyzzy", "see journeys --help")):
        with pytest.raises(SystemExit) as ended:
            main([name])
        assert ended.value.code == 2
        assert f"there is no command {name!r}; {remedy}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--nonsense"], ["a", "b", "c", "d", "e"], []])
@pytest.mark.parametrize("name", ["figures", "publish", "check"])
def test_wrong_arguments_are_answered_with_the_usage_of_the_command(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"usage: journeys {name} [-h] ")


def test_a_journey_is_given_by_place_or_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every command that is about one, before or after the options."""
    file = str(tmp_path / "space.json")
    Path(file).write_text(json.dumps(space(journey(key="a"), journey(key="b"))))
    store = ["--store", f"sqlite:///{tmp_path}/s.db"]
    assert main(["publish", file, *store, "a"]) == main(["publish", file, *store, "--journey", "a"]) == 0

    def told(*arguments: str) -> str:
        capsys.readouterr()
        main([*arguments])
        out, err = capsys.readouterr()
        assert "one of" not in err
        return str(out)

    for name, *rest in (
        ["draw"],
        ["check"],
        ["paths"],
        ["figures", *store],
        ["explain", "u1", *store, "--at", "2030-01-01"],
        ["diff", file],
    ):
        command = [name, file, *rest]
        assert told(*command, "a") == told(*command, "--journey", "a") == told(name, "--journey", "a", file, *rest)
    with pytest.raises(SystemExit):
        main(["check", file, "a", "--journey", "b"])
    assert "one journey is expected: JOURNEY or --journey, got " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["explain", file, "u1", *store])
    assert "the following arguments are required: JOURNEY" in capsys.readouterr().err
