"""What of a population cannot come to anything in a space: noughts in its figures that are not meant."""

from __future__ import annotations

from collections.abc import Iterator

from journeys.errors import nearest
from journeys.model.space import Space
from journeys.model.steps import SendMessage, SendToDestination
from journeys.plan.compile import compile_space
from journeys.runtime.analysis.forecast_population import SENT, Population


def notes(space: Space, population: Population) -> list[str]:
    """A line for each behaviour that does nothing here, with the nearest match, and one if nobody does anything.

    A behaviour does nothing if no step of that key sends, or if nothing in the space names its event and no other
    behaviour comes after it. The space must be valid.
    """
    return [*_notes(space, population)]


def _notes(space: Space, population: Population) -> Iterator[str]:
    if population.size and not population.behaviours and not population.traits:
        yield "nobody does anything: the population has neither behaviours nor traits"
    named, followed = sorted(compile_space(space).routes), {each.after for each in population.behaviours}
    sending = (SendToDestination, SendMessage)
    steps = sorted({key for each in space.journeys for key, step in each.steps.items() if isinstance(step, sending)})
    for number, each in enumerate(population.behaviours):
        step = each.after.removeprefix(SENT)
        if each.after.startswith(SENT) and step not in steps:
            yield _note(f"behaviours[{number}] never happens: no step {step!r} sends anything", step, steps)
        if each.event not in named and each.event not in followed:
            why = f"behaviours[{number}] comes to nothing: no live journey names {each.event!r}"
            yield _note(why, each.event, named)


def _note(why: str, word: str, known: list[str]) -> str:
    return f"{why}; {hint}" if (hint := nearest(word, known)) else why
