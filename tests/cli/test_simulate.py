"""``journeys simulate``."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import journeys
from journeys.cli import _simulate, main
from journeys.runtime.simulation import Simulation
from tests.reference.compare import case, difference
from tests.support import (
    Json,
    at,
    branch,
    delay,
    hold,
    identify,
    journey,
    on,
    run,
    send,
    space,
    track,
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(journeys.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "journeys", "simulate"]
WAIT = space(journey({"wait": delay("P3D", "mail"), "mail": send()}))


def written(folder: Path, document: Any, calls: Iterable[Any]) -> tuple[str, str]:
    """The two files; a call that is bytes or text is a line as it is."""
    (folder / "space.json").write_text(
        document if isinstance(document, str) else json.dumps(document), encoding="utf-8"
    )
    with (folder / "events.ndjson").open("wb") as file:
        for call in calls:
            line = call if isinstance(call, (bytes, str)) else json.dumps(call)
            file.write((line.encode() if isinstance(line, str) else line) + b"\n")
    return str(folder / "space.json"), str(folder / "events.ndjson")


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Json], str]:
    code = main(["simulate", *arguments])
    told = capsys.readouterr()
    return code, [json.loads(line) for line in told.out.splitlines()], told.err


# exit codes


def test_the_trace_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Format: exit code 0, NDJSON, nothing on standard error."""
    code, trace, told = simulate(capsys, *written(tmp_path, WAIT, [track("Start"), "", track("Start", "PT1H", "u2")]))
    assert (code, told) == (0, "")
    assert trace == run(WAIT, [track("Start"), track("Start", "PT1H", "u2")]).trace


def test_until(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Format: all lines are applied, also those later than ``--until``."""
    files = written(tmp_path, WAIT, [track("Start"), track("Start", "P9D", "u2")])
    for until, sent in ((at("P3D-1"), 0), (at("P3D"), 1), ("2026-01-04T02:00:00+02:00", 1)):
        code, trace, _ = simulate(capsys, *files, "--until", until)
        assert code == 0
        assert [record["kind"] for record in trace].count("sent") == sent
        assert [record["kind"] for record in trace].count("entered") == 2


@pytest.mark.parametrize("until", ["tomorrow", "2026-01-01", "2026-01-01T00:00:00", "P3D"])
def test_an_until_that_is_no_instant(tmp_path: Path, capsys: pytest.CaptureFixture[str], until: str) -> None:
    code, trace, told = simulate(capsys, *written(tmp_path, WAIT, []), "--until", until)
    assert (code, trace) == (2, []) and "--until" in told


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "no JSON"),
        ("[]", "space"),
        ("{}", "format"),
        (space(journey({"a": delay("PT1H", "nowhere")}), journey({"a": send(to="nobody")}, key="k")), "nowhere"),
        (space(journey({"a": delay("PT0S")})), "duration"),
        ('{"format": "journeys/1", "a": NaN}', "NaN"),
    ],
)
def test_an_invalid_space_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: Any, told: str
) -> None:
    """Format, L1: with its problems on standard error, and before any line is read."""
    (tmp_path / "space.json").write_text(document if isinstance(document, str) else json.dumps(document))
    code, trace, shown = simulate(capsys, str(tmp_path / "space.json"), str(tmp_path / "missing.ndjson"))
    assert (code, trace) == (1, [])
    assert told in shown and "problem" in shown


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path, WAIT, [])
    for arguments in (
        (str(tmp_path / "none"), files[1]),
        (files[0], str(tmp_path / "none")),
        (files[0], str(tmp_path)),
    ):
        code, trace, told = simulate(capsys, *arguments)
        assert (code, trace) == (2, []) and str(tmp_path) in told


BAD = [
    "7",
    "null",
    "{",
    '{"type":"track"}',
    json.dumps({**track("Start"), "userId": ""}),
    json.dumps({**track("Start"), "type": "trak"}),
    json.dumps({**track("Start"), "timestamp": None}),
    '{"type":"track","type":"track"}',
    '{"a":NaN}',
    json.dumps({**track("Start"), "userId": "a\0"}),
    r'{"type":"track","event":"Start","userId":"\ud800","timestamp":"2026-01-01T00:00:00Z"}',
]


def test_lines_that_are_no_valid_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Format, O5: reported with their numbers and skipped; the exit code is 3."""
    calls = [each for bad in BAD for each in (bad, "", track("Start", "0", f"u{BAD.index(bad)}"))]
    files = written(tmp_path, WAIT, calls)
    code, trace, told = simulate(capsys, *files)
    assert code == 3
    assert [record["kind"] for record in trace].count("sent") == len(BAD)
    numbers = [int(line.removeprefix(files[1] + ":").split(":")[0]) for line in told.splitlines()]
    assert numbers == [3 * n + 1 for n in range(len(BAD))]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("store", [False, True])
def test_strict_stops_at_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str, store: bool) -> None:
    """Format: exit code 2, no trace; on a store everything before the line has been applied."""
    files = written(tmp_path, WAIT, [track("Start"), bad, track("Start", "0", "u2")])
    options = ["--store", f"sqlite:///{tmp_path}/a.db"] if store else []
    code, trace, told = simulate(capsys, *files, "--strict", *options)
    assert (code, trace) == (2, [])
    assert told.startswith(f"{files[1]}:2: ") and len(told.splitlines()) == 1
    good = written(tmp_path, WAIT, [track("Start"), "", track("Start", "0", "u2")])
    assert simulate(capsys, *good, "--strict")[0] == 0


def test_wrong_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path, WAIT, [])
    code, _, told = simulate(capsys, *files, "--workers", "2")
    assert code == 2 and "--store" in told
    code, _, told = simulate(capsys, files[0], "-", "--store", f"sqlite:///{tmp_path}/a.db")
    assert code == 2 and "file" in told
    for url in ("nonsense", "sqlite://x", "mysql://x", f"sqlite:///{tmp_path}", f"sqlite:///{tmp_path}/no/where.db"):
        code, trace, told = simulate(capsys, *files, "--store", url)
        assert (code, trace) == (2, []) and told.startswith("--store: ")


def test_paused_journeys_are_published_then_paused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Format, V1: drafts and archived ones are not published."""
    statuses = ["live", "paused", "draft", "archived"]
    document = space(*(journey({"mail": send()}, key=status, status=status) for status in statuses))
    _, trace, _ = simulate(capsys, *written(tmp_path, document, [track("Start")]))
    assert {record["journey"] for record in trace} == {"live"}


@pytest.mark.parametrize("seed", range(6))
def test_random_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    """Through files and JSON, in memory and on a store, the oracle's trace."""
    one = case(seed)
    files = written(tmp_path, one.space, one.calls)
    until = ["--until", one.until] if one.until else []
    code, trace, _ = simulate(capsys, *files, *until)
    assert code == 0 and difference(one.expected(), trace) is None
    for _ in range(2):  # the second time everything has been applied already
        code, trace, _ = simulate(capsys, *files, *until, "--store", f"sqlite:///{tmp_path}/a.db")
        assert code == 0 and difference(one.expected(), trace) is None


# standard input and output


def test_events_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(tmp_path, WAIT, [track("Start"), "{", track("Start", "0", "u2")])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(files[1]).read_bytes())))
    code, trace, told = simulate(capsys, files[0], "-")
    assert code == 3 and told.startswith("-:2: ")
    assert trace == run(WAIT, [track("Start"), track("Start", "0", "u2")]).trace


def test_standard_output_is_closed_early(tmp_path: Path) -> None:
    """As by ``| head``: no traceback."""
    document = space(journey({"mail": send()}))
    files = written(tmp_path, document, (track("Start", f"PT{n}S", f"u{n}") for n in range(3000)))
    with subprocess.Popen(
        [*COMMAND, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["kind"] == "entered"
        process.stdout.close()
        told = process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 0
    assert told == b""


def test_the_trace_is_utf_8_whatever_the_terminal(tmp_path: Path) -> None:
    document = space(journey({"mail": send()}))
    files = written(tmp_path, document, [track("Start", "0", "ü😀\u2028", n="日本")])
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*COMMAND, *files], capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split(b"\n")[0])["profile"] == "ü😀\u2028"


# stores


def test_the_same_command_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """I4: how many lines of this file were applied is kept with each commit; another file is another matter."""
    url = f"sqlite:///{tmp_path}/a.db"
    first = [track("Start", "0", f"u{n}") for n in range(5)]
    files = written(tmp_path, WAIT, first)
    for _ in range(3):
        code, trace, _ = simulate(capsys, *files, "--until", at("PT1H"), "--store", url)
        assert code == 0 and trace == run(WAIT, first, "PT1H").trace
    second = [track("Start", "PT2H", f"v{n}") for n in range(5)]
    files = written(tmp_path, WAIT, second)
    code, trace, _ = simulate(capsys, *files, "--until", at("PT3H"), "--store", url)
    assert code == 0 and len(trace) == 20


def test_lines_skipped_before_are_reported_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Format: the exit code of a resumed run is that of the whole file."""
    files = written(tmp_path, WAIT, [track("Start"), *BAD])
    url = f"sqlite:///{tmp_path}/a.db"
    first = simulate(capsys, *files, "--store", url)
    second = simulate(capsys, *files, "--store", url)
    assert first[0] == second[0] == 3
    assert first[1] == second[1]
    assert sorted(first[2].splitlines()) == sorted(second[2].splitlines())


KILLED = space(
    journey(
        {
            "hold": hold("PT2H", branch("x", "Order", "mail"), branch("again", "Start", restart=True), timeout="mail"),
            "mail": send(),
        },
        entry=on("Start", identifier="cart"),
    ),
    journey(
        {"mail": send("wait"), "wait": delay("PT30M")},
        key="v1",
        entry={"type": "event", "event": "Order", "count": {"at_least": 3}, "within": "PT1H"},
        exit_after="PT1H",
        reentry_after="PT1H",
    ),
)


def many(count: int, seed: int) -> list[Any]:
    """Calls of a few people, now and then linked, some without messageId, a bad line here and there."""
    rng = random.Random(seed)
    calls: list[Any] = []
    for n in range(count):
        user = f"u{rng.randrange(60)}"
        when = f"PT{n * 3}S"
        if rng.random() < 0.01:
            calls.append("{")
        elif rng.random() < 0.05:
            calls.append(identify(when, user, anon=f"a{rng.randrange(80)}", id=f"i{n}", n=n))
        elif rng.random() < 0.2:
            calls.append(track("Order", when, None, anon=f"a{rng.randrange(80)}", id=f"o{n}", cart=f"c{n % 3}"))
        else:
            marked = {} if rng.random() < 0.2 else {"id": f"m{n}"}
            calls.append(track(rng.choice(["Start", "Order", "Nobody"]), when, user, cart=f"c{n % 3}", **marked))
    return calls


def killed_until_it_ends(folder: Path, kills: int, count: int, settings: Json, workers: int = 1) -> None:
    document = {**KILLED, "settings": settings}
    calls = many(count, kills)
    files = written(folder, document, calls)
    expected = run(document, [call for call in calls if not isinstance(call, str)], batch=500)
    base = [*COMMAND, *files, "--workers", str(workers), "--store"]
    begin = time.monotonic()
    whole = subprocess.run([*base, f"sqlite:///{folder}/whole.db"], capture_output=True, env=ENVIRONMENT, timeout=280)
    took = time.monotonic() - begin
    rng = random.Random(kills)
    died = 0
    for _ in range(kills):
        with (
            (folder / "out").open("wb") as out,
            subprocess.Popen(
                [*base, f"sqlite:///{folder}/a.db"],
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                start_new_session=True,
            ) as process,
        ):
            try:
                process.wait(rng.uniform(0.25, 1.0) * took)
            except subprocess.TimeoutExpired:
                died += 1
                os.killpg(process.pid, signal.SIGKILL)
    done = subprocess.run([*base, f"sqlite:///{folder}/a.db"], capture_output=True, env=ENVIRONMENT, timeout=280)
    assert done.returncode == whole.returncode == 3, done.stderr[-500:]
    assert done.stdout == whole.stdout
    assert sorted(done.stderr.splitlines()) == sorted(whole.stderr.splitlines())
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected.trace
    assert died >= min(kills, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9")
@pytest.mark.soak  # how far a process comes before it is killed depends on how busy the machine is
def test_killed_at_random_points(tmp_path: Path) -> None:
    """I4: ``kill -9``, and the same command again until it ends: the same trace."""
    killed_until_it_ends(tmp_path, 5, 4000, {})


@pytest.mark.soak
@pytest.mark.parametrize("settings", [{}, {"allowed_lateness": "PT10M"}], ids=["plain", "late"])
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_points_soak(tmp_path: Path, settings: Json, workers: int) -> None:
    killed_until_it_ends(tmp_path, 100 if workers == 1 else 20, 20_000, settings, workers)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_process_that_outlived_the_killed_one_applies_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """I4, I7: workers live on when their parent is killed; the same command again meets them on the way."""
    monkeypatch.setattr(_simulate, "GROUP", 10)
    url = f"sqlite:///{tmp_path}/a.db"
    calls = [track("Order", f"PT{n}M", f"u{n % 3}") for n in range(60)]
    document = space(journey({"mail": send()}, entry=on("Order", reentry="every_time")))
    files = written(tmp_path, document, calls)
    feed, fed = Simulation.feed, 0

    def meanwhile(self: Simulation, *arguments: Any) -> Any:
        nonlocal fed
        fed += 1
        if fed == turns + 1:
            assert simulate(capsys, *files, "--store", url)[0] == 0
        return feed(self, *arguments)

    monkeypatch.setattr(Simulation, "feed", meanwhile)
    assert main(["simulate", *files, "--store", url]) != 0
    assert "by another process" in capsys.readouterr().err
    code, trace, _ = simulate(capsys, *files, "--store", url)
    assert code == 0
    assert trace == run(document, calls).trace


def test_one_worker_applies_what_may_be_late(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """T8: and says so each time, also where it goes on with what has been done."""
    calls = [track("Order", f"PT{n}M", f"u{n % 3}") for n in range(20)]
    document = space(journey(entry=on("Order")), settings={"allowed_lateness": "PT10M"})
    command = (*written(tmp_path, document, calls), "--workers", "2", "--store", f"sqlite:///{tmp_path}/a.db")
    first, again = simulate(capsys, *command), simulate(capsys, *command)
    assert first == again
    assert first[0] == 0 and "applied by one worker" in first[2]


# large files


def large(path: Path, count: int) -> None:
    """One call in ten is wanted; a few hundred people, whatever the length."""
    line = json.dumps(track("NAME", "0", "USER", id="MARK", cart="c1", text="x" * 50)).replace(at("0"), "WHEN")
    start = 1_767_225_600
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + n))
            name = ("Start", "Order")[n // 10 % 2] if n % 10 == 0 else "Nobody"
            file.write(
                line.replace("NAME", name)
                .replace("USER", f"u{n // 20 % 300}")
                .replace("MARK", f"m{n}")
                .replace("WHEN", when)
            )
            file.write("\n")


def measured(folder: Path, count: int) -> tuple[int, float, int]:
    """Peak memory in kilobytes, process seconds, length of the trace."""
    (folder / "space.json").write_text(json.dumps({**KILLED, "settings": {"dedupe_window": "PT10M"}}))
    large(folder / "events.ndjson", count)
    code = (
        "import resource, sys; from journeys.cli import main;"
        f"code = main(['simulate', {str(folder / 'space.json')!r}, {str(folder / 'events.ndjson')!r}]);"
        "usage = resource.getrusage(resource.RUSAGE_SELF);"
        "print(code, usage.ru_maxrss, usage.ru_utime, file=sys.stderr)"
    )
    with (folder / "trace").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=out, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=280, check=True
        )
    exit_code, memory, seconds = done.stderr.split()
    assert exit_code == b"0"
    with (folder / "trace").open("rb") as trace:
        return int(memory), float(seconds), sum(1 for _ in trace)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted differently elsewhere")
def test_a_large_file_in_bounded_memory(tmp_path: Path) -> None:
    """House: 200,000 lines take little more memory than 20,000."""
    small, _, _ = measured(tmp_path, 20_000)
    big, seconds, records = measured(tmp_path, 200_000)
    assert records > 30_000
    assert big - small < 80_000, (small, big)
    assert seconds < 15


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted differently elsewhere")
def test_a_larger_file_in_bounded_memory(tmp_path: Path) -> None:
    small, _, _ = measured(tmp_path, 500_000)
    big, _, _ = measured(tmp_path, 5_000_000)
    assert big - small < 100_000, (small, big)
