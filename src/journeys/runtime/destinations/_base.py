"""What an adapter is: an attrs class whose fields are its settings, a ``request`` and a ``verdict``.

Everything else is here and written once: sending in a thread or in an event loop, limits, deadlines, what is tried
again, what errors may show, and ``test``.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import attrs
import httpcore
import httpx

from journeys import errors
from journeys.ports import Delivery
from journeys.runtime.destinations._http import (
    Answer,
    AsyncLine,
    GuardedTransport,
    Line,
    Request,
    Steps,
    exchange,
    run,
    run_async,
)
from journeys.runtime.destinations._safety import PUBLIC, Network
from journeys.runtime.destinations._secrets import MASK, Secret, masked, secrets_in

#: a field with this is for the application alone: no definition may set it
PYTHON = {"python": True}
#: a field with this holds secrets: a definition names them, it does not contain them
SECRET = {"secret": True}
_RETRIED = frozenset((408, 425, 429))
_FAILURES = (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)
#: members of a payload that say what it is, not whom or what it is about
_TELLING = frozenset(("type", "event", "call", "channel", "list"))
_SHOWN = 200


class WrongSetting(ValueError):
    """A setting that cannot be used; ``name`` says which."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


@contextlib.contextmanager
def setting(name: str) -> Iterator[None]:
    """What is wrong in this block is wrong with this setting."""
    try:
        yield
    except (ValueError, TypeError) as problem:
        raise WrongSetting(name, str(problem)) from None


@attrs.frozen
class Shown:
    """A request or a message as ``test`` shows it: without its secrets."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str

    def __str__(self) -> str:
        head = [f"{self.method} {self.url}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join(head) + (f"\n\n{self.body}" if self.body else "")


@attrs.frozen
class Trial:
    """What ``test`` found: the requests, the answers if it sent them, and what would become of the delivery.

    ``outcome`` is ``not sent``, ``done``, ``retry`` or ``rejected``.
    """

    requests: tuple[Shown, ...] = ()
    answers: tuple[Shown, ...] = ()
    outcome: str = "not sent"
    reason: str = ""

    def __str__(self) -> str:
        parts = []
        for index, request in enumerate(self.requests):
            parts.append(str(request))
            if index < len(self.answers):
                parts.append(str(self.answers[index]))
        return "\n\n".join((*parts, f"{self.outcome}{f': {self.reason}' if self.reason else ''}"))


class _Log:
    """What a trial saw."""

    def __init__(self) -> None:
        self.requests: list[Shown] = []
        self.answers: list[Shown] = []

    def trial(self, outcome: str, reason: str = "") -> Trial:
        return Trial(tuple(self.requests), tuple(self.answers), outcome, reason)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Adapter:
    """A vendor behind HTTP. A subclass says what to send and how to read the answer."""

    network: Network = attrs.field(default=PUBLIC, repr=False, metadata=PYTHON)
    #: an httpx transport to use instead of the guarded one: a test's ``httpx.MockTransport``, a proxy of one's own
    transport: Any = attrs.field(default=None, repr=False, metadata=PYTHON)
    _own: Any = attrs.field(init=False, repr=False, default=attrs.Factory(lambda self: self._transport(), True))

    #: calls that can be delivered; the rest is rejected
    calls = frozenset(("track", "identify", "mapped"))
    #: where a vendor says at which second since 1970 it counts anew, for want of ``Retry-After``
    reset_header = ""

    def request(self, delivery: Delivery) -> Request:
        """What is sent for a delivery."""
        raise NotImplementedError  # the base: each kind has its own

    def requests(self, deliveries: Sequence[Delivery]) -> Iterable[Request]:
        """What is sent for deliveries that come together."""
        return map(self.request, deliveries)

    def verdict(self, answer: Answer) -> None:
        """Returns if the answer says that the delivery was taken; else raises Retry or Rejected."""
        self.judge(answer)

    # ------------------------------------------------------------------------------------------------- delivering

    def deliver(self, delivery: Delivery) -> None:
        """Hands over one delivery."""
        run(self._steps((delivery,)), self._line())

    async def deliver_async(self, delivery: Delivery) -> None:
        """Hands over one delivery, awaiting."""
        await run_async(self._steps((delivery,)), self._async_line())

    def test(self, delivery: Delivery, *, send: bool = False) -> Trial:
        """Shows the requests for a delivery; with ``send=True`` sends them and shows the answers too."""
        return run(self._trial(delivery, send), self._line())

    async def test_async(self, delivery: Delivery, *, send: bool = False) -> Trial:
        """The same, awaiting."""
        return await run_async(self._trial(delivery, send), self._async_line())

    def _deliver_batch(self, deliveries: Sequence[Delivery]) -> None:
        run(self._steps(deliveries), self._line())

    async def _deliver_batch_async(self, deliveries: Sequence[Delivery]) -> None:
        await run_async(self._steps(deliveries), self._async_line())

    def _becomes_a_list(self) -> None:
        # `ListDestination` is told by the method, so only what keeps a list has it
        object.__setattr__(self, "deliver_batch", self._deliver_batch)
        object.__setattr__(self, "deliver_batch_async", self._deliver_batch_async)

    def _checked(self, deliveries: Sequence[Delivery]) -> Iterator[Request]:
        for delivery in deliveries:
            check_size(delivery, self.network)
            if delivery.call not in self.calls:
                known = ", ".join(sorted(self.calls))
                raise errors.Rejected(f"{type(self).__name__} takes {known}, not {delivery.call}")
        try:
            yield from self.requests(deliveries)
        except UnicodeError:
            raise errors.Rejected("a text of the payload cannot be written in UTF-8") from None

    def _steps(self, deliveries: Sequence[Delivery], log: _Log | None = None) -> Steps[None]:
        for request in self._checked(deliveries):
            hidden = [*self._secrets(), *secrets_in(request.headers)]
            if log is not None:
                log.requests.append(_shown_request(request, hidden))
            try:
                answer = yield from exchange(request, self.network)
            except _FAILURES as error:
                reason = masked(f"{type(error).__name__}: {error}", hidden)
                raise errors.Retry(_cut(f"no answer: {reason}")) from None
            if log is not None:
                log.answers.append(_shown_answer(answer, hidden))
            try:
                self.verdict(answer)
            except (errors.Retry, errors.Rejected) as error:
                raise told(error, hidden, deliveries) from None

    def _trial(self, delivery: Delivery, send: bool) -> Steps[Trial]:
        log = _Log()
        try:
            if not send:
                for request in self._checked((delivery,)):
                    log.requests.append(_shown_request(request, [*self._secrets(), *secrets_in(request.headers)]))
                return log.trial("not sent")
            yield from self._steps((delivery,), log)
        except errors.Retry as error:
            return log.trial("retry", error.reason)
        except errors.Rejected as error:
            return log.trial("rejected", error.reason)
        return log.trial("done")

    # --------------------------------------------------------------------------------------------------- judging

    def judge(self, answer: Answer, *, also_retry: Iterable[int] = (), also_done: Iterable[int] = ()) -> None:
        """The usual verdict: 2xx is done; 408, 425, 429 and 5xx are tried again; the rest is final (D2)."""
        if 200 <= answer.status < 300 or answer.status in also_done:
            return
        reason = f"status {answer.status}" + (f": {answer.text}" if answer.text.strip() else "")
        if answer.status in _RETRIED or answer.status >= 500 or answer.status in also_retry:
            raise errors.Retry(reason, after=self.retry_after(answer))
        if 300 <= answer.status < 400:
            reason = f"status {answer.status}: redirects are not followed, give the final URL"
        raise errors.Rejected(reason)

    def retry_after(self, answer: Answer) -> float | None:
        """The seconds that the answer asks to wait, cut to what is bearable."""
        text = answer.headers.get("retry-after", "").strip()
        seconds: float | None = None
        if text.isascii() and text.isdigit() and len(text) < 10:
            seconds = float(text)
        elif text:
            try:
                seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                return None
        elif self.reset_header and (at := answer.headers.get(self.reset_header, "")).isdigit() and at.isascii():
            seconds = int(at[:12]) - time.time()
        return None if seconds is None else min(max(seconds, 0.0), self.network.longest_wait)

    # ---------------------------------------------------------------------------------------------------- the rest

    def _secrets(self) -> list[Secret]:
        return [found for field in attrs.fields(type(self)) for found in secrets_in(getattr(self, field.name))]

    def _transport(self) -> Any:
        return self.transport if self.transport is not None else GuardedTransport(self.network)

    def _line(self) -> Line:
        return Line(self._own, self.network)

    def _async_line(self) -> AsyncLine:
        return AsyncLine(self._own, self.network)

    def close(self) -> None:
        """Ends kept connections; a later delivery opens new ones."""
        self._own.close()

    async def aclose(self) -> None:
        """Ends the kept connections of the event loop."""
        await self._own.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self._own.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


def check_size(delivery: Delivery, network: Network = PUBLIC) -> None:
    """Rejects a payload that is too large."""
    if len(delivery.body) > network.payload_bytes:
        raise errors.Rejected(f"the payload of {len(delivery.body):,} bytes is over {network.payload_bytes:,}")


def refused(reason: str, answer: Answer | None = None) -> errors.Rejected:
    """The error for what will never be taken."""
    return errors.Rejected(reason if answer is None else f"{reason}: {answer.text}")


def told(
    error: errors.Retry | errors.Rejected, hidden: Iterable[Secret], deliveries: Iterable[Delivery]
) -> errors.JourneysError:
    """The error without secrets, and without what the payload says of a person, which vendors like to repeat."""
    reason = masked(error.reason, hidden)
    values: set[str] = set()
    for delivery in deliveries:
        values |= {value for value in (delivery.user_id, delivery.anonymous_id, delivery.profile) if value}
        with contextlib.suppress(ValueError):
            _collect(delivery.payload, values)
    for value in sorted(values, key=len, reverse=True):
        if len(value) > 2:
            reason = reason.replace(value, "[…]")
    if isinstance(error, errors.Retry):
        return errors.Retry(_cut(reason), after=error.after)
    return errors.Rejected(_cut(reason))


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found |= {value, json.dumps(value)[1:-1]}
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in _TELLING:
                _collect(each, found)
    elif isinstance(value, list):
        for each in value:
            _collect(each, found)
    elif type(value) in (int, float):
        text = str(value)
        if len(text) > 3:
            found.add(text)


def _cut(text: str) -> str:
    line = " ".join("".join(each if each.isprintable() else " " for each in text[: 20 * _SHOWN]).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _shown_request(request: Request, hidden: Iterable[Secret]) -> Shown:
    headers = {
        name: MASK if isinstance(value, Secret) else masked(value, hidden) for name, value in request.headers.items()
    }
    body = masked(request.body.decode("utf-8", "replace"), hidden)
    return Shown(request.method, masked(request.url, hidden), headers, body)


def _shown_answer(answer: Answer, hidden: Iterable[Secret]) -> Shown:
    headers = {name: masked(value, hidden) for name, value in answer.headers.items()}
    return Shown("HTTP", str(answer.status), headers, masked(answer.text, hidden))
