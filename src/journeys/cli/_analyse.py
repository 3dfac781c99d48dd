"""``explain``, ``figures``, ``forecast``: what happened, to one and to all, and what would happen."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from journeys._time import DAY, format_instant, parse_instant
from journeys.cli._io import (
    Failure,
    Progress,
    call_lines,
    instant,
    journey_argument,
    opened_store,
    read_bytes,
    read_space,
    space_argument,
    store_option,
    stored_space,
)
from journeys.codec.strict_json import parse_json
from journeys.errors import JourneysError
from journeys.model.space import Space
from journeys.runtime._library import says_the_same
from journeys.runtime.analysis.explain import explain_profile
from journeys.runtime.analysis.explain_why import why
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.analysis.forecast import forecast
from journeys.runtime.analysis.forecast_notes import notes
from journeys.runtime.analysis.forecast_population import Population
from journeys.runtime.evaluator import Evaluator


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
    explain = _command(commands, "explain", "why a person is in a journey or not, and what she waits for", run_explain)
    store_option(explain)
    explain.add_argument("profile", metavar="PROFILE", help="a user id; with --anonymous an anonymous id")
    journey_argument(explain)
    explain.add_argument("--anonymous", action="store_true", help="PROFILE is an anonymous id")
    explain.add_argument("--at", metavar="INSTANT", help="as of this instant, if no input comes until then; else now")
    explain.add_argument("--calls", metavar="EVENTS.ndjson", help="calls among which near misses are looked for")
    explain.add_argument("--delivery", metavar="ID", help="why this was sent, instead")
    explain.add_argument("--json", action="store_true", help="as one JSON document")

    figures = _command(commands, "figures", "who entered, waits, completed or left, step by step", run_figures)
    figures.add_argument("trace", metavar="TRACE", nargs="?", help="a trace as NDJSON, - for standard input")
    journey_argument(figures, "the key of a journey; without it, all of them", required=False)
    store_option(figures, required=False, text="what this store keeps of them, instead of TRACE")
    figures.add_argument("--from", metavar="INSTANT", dest="start", help="count what happened from here on")
    figures.add_argument(
        "--to", metavar="INSTANT", dest="end", help="and before here; who waits is said of this instant"
    )
    _figure_options(figures)

    ahead = _command(commands, "forecast", "what a space would do with a described population", run_forecast)
    ahead.add_argument("population", metavar="POPULATION.json", help="the population; - is standard input")
    ahead.add_argument("--seed", metavar="N", type=int, default=0, help="the same seed gives the same figures")
    _figure_options(ahead)


def _command(commands: Any, name: str, text: str, run: Any) -> Any:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    space_argument(command)
    command.set_defaults(run=run)
    return command


def _figure_options(command: Any) -> None:
    command.add_argument("--people", action="store_true", help="count each profile once")
    command.add_argument("--json", action="store_true", help="as one JSON document")


def run_explain(options: argparse.Namespace) -> int:
    """Prints the explanation; nothing is changed or sent."""
    space, at = read_space(options.space), instant(options.at, "--at")
    try:
        with closing(opened_store(options.store)) as store:
            running = stored_space(store)  # and not SPACE.json: an edit must not be published by being asked about
            nowhere = dict.fromkeys(running.destinations, _Nowhere())
            with Evaluator(running, store=store, destinations=nowhere) as evaluator:
                _warn(space, evaluator, options)
                who = {"anonymous_id" if options.anonymous else "user_id": options.profile}
                if options.delivery is not None:
                    print(_why(evaluator, options, who))
                    return 0
                calls = () if options.calls is None else _calls(options.calls)
                said = explain_profile(evaluator, journey=options.journey, at=at, calls=calls, **who)
                mark = store.watermark()
    except KeyError as error:
        raise Failure(str(error.args[0])) from None
    except (ValueError, JourneysError, ImportError, OSError) as error:
        raise Failure(str(error)) from None
    _tell_instant(at, parse_instant(said.at), mark)
    print(json.dumps(said.as_dict(), indent=2, ensure_ascii=False, default=str) if options.json else said.text)
    return 0


def _tell_instant(asked: int | None, answered: int, mark: int) -> None:
    """Says so if the answer is of another instant than was asked for, or long after what the store knows."""
    if asked is not None and asked < answered:
        told = f"--at: she is known up to {format_instant(answered)} already, so that this is as of then"
    elif asked is None and 0 <= mark < answered - DAY:
        told = f"the store has come to {format_instant(mark)}, and this is as of now: --at takes another instant"
    else:
        return
    print(told, file=sys.stderr)


def _warn(space: Space, evaluator: Evaluator, options: argparse.Namespace) -> None:
    """Says so if the file has a journey that the store does not run."""
    given = [each for each in space.journeys if each.key == options.journey]
    known = [each for each in evaluator.journeys if each.key == options.journey]
    if known and any(not any(says_the_same(one, each) for one in known) for each in given):
        print(
            f"{options.space}: its {options.journey!r} is not published; this is about what the store runs",
            file=sys.stderr,
        )


def _why(evaluator: Evaluator, options: argparse.Namespace, who: dict[str, str]) -> str:
    """Why a delivery was sent; the versions of the journey keep the tokens of one instance apart."""
    try:
        found = why(evaluator.trace(journey=options.journey), options.delivery, evaluator.journeys)
    except KeyError:
        if (other := _sent(evaluator, options.delivery)) is None:
            raise
        journey = other.get("journey")
        where = "no journey" if journey is None else f"the journey {journey!r}"
        raise Failure(f"--delivery: {options.delivery} is from {where}, and not from {options.journey!r}") from None
    person = evaluator.profile(**who)
    if found.profile not in (options.profile, *((person.id, *person.linked_ids) if person is not None else ())):
        raise Failure(f"--delivery: {options.delivery} went to {found.profile!r}, and not to {options.profile!r}")
    return found.text


def _sent(evaluator: Evaluator, delivery: str) -> dict[str, Any] | None:
    return next((each for each in evaluator.trace() if each["kind"] == "sent" and each["delivery"] == delivery), None)


def _calls(path: str) -> Iterator[Any]:
    return (call for _, call, problem in call_lines(path) if isinstance(call, dict) and not problem)


class _Nowhere:
    def deliver(self, delivery: Any) -> None:
        raise AssertionError("this command sends nothing")


def run_figures(options: argparse.Namespace) -> int:
    """Prints the figures of a trace."""
    space = read_space(options.space)
    if options.store is not None and options.trace is not None and options.journey is None:
        options.trace, options.journey = None, options.trace
    if (options.store is None) == (options.trace is None):
        raise Failure("give a TRACE or a --store")
    _check_order(space, options)
    start, end = instant(options.start, "--from"), instant(options.end, "--to")
    if start is not None and end is not None and end < start:
        raise Failure(f"--to {options.end} is before --from {options.start}")
    if options.store is not None:
        with closing(opened_store(options.store)) as store:
            figures = Figures.of_store(space, store, start=start, end=end, people=options.people)
    else:
        figures = Figures.of(space, _lines(options.trace), start=start, end=end, people=options.people)
    return _print(figures, options, options.journey)


def _check_order(space: Space, options: argparse.Namespace) -> None:
    """A journey in the place of the trace is a slip, and no file that is missing."""
    if options.trace in {each.key for each in space.journeys} and not Path(options.trace).exists():
        trace = "TRACE.ndjson" if options.journey is None else options.journey
        raise Failure(
            f"{options.trace!r} is a journey, and there is no such file: name a trace before it, as in "
            f"`journeys figures {options.space} {trace} {options.trace}`, or the store with --store"
        )


def run_forecast(options: argparse.Namespace) -> int:
    """Prints the figures of a population that goes through the space."""
    space = read_space(options.space)
    try:
        population = Population.from_json(parse_json(read_bytes(options.population)))
    except (ValueError, JourneysError) as error:
        raise Failure("\n".join(f"{options.population}: {line}" for line in str(error).splitlines())) from None
    for note in notes(space, population):
        print(f"{options.population}: {note}", file=sys.stderr)
    progress = Progress("people")
    figures = forecast(space, population, seed=options.seed, people=options.people, progress=progress.show)
    progress.end()
    return _print(figures, options, None)


def _print(figures: Figures, options: argparse.Namespace, journey: str | None) -> int:
    people = options.people
    try:
        one = None if journey is None else figures.journey(journey, people=people)
    except KeyError as error:
        raise Failure(str(error.args[0])) from None
    if options.json:
        print(json.dumps(figures.as_dict(people=people) if one is None else one.as_dict(), indent=2))
    else:
        print(figures.as_table(people=people) if one is None else one.as_table())
    return 0


def _lines(path: str) -> Iterator[Any]:
    for number, record, problem in call_lines(path):
        if problem:
            raise Failure(f"{path}:{number}: {problem}")
        if record is not None:
            if not isinstance(record, dict) or "kind" not in record or "at" not in record:
                raise Failure(f"{path}:{number}: no record of a trace")
            yield record
