"""What ``--help`` says, and what is said to who mistypes a command."""

from __future__ import annotations

import argparse

import pytest

from journeys.cli import main, parser


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
