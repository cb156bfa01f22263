"""Attacks on one package, each measured in a separate process; `__main__` starts this.

usage: python -m benchmarks.attacks.probe PACKAGE FRAMES SECONDS MODES ATTACK [ATTACK ...]

Prints a JSON object for each attack and mode as soon as it is done. The processes are forks, in
which the package is imported and warm, but not affected by earlier attacks.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import resource
import signal
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from . import messages, wire
from .attack import Attack
from .catalogue import ATTACKS
from .victim import MODES, Api, Mode, Victim, load

#: A process that wants more memory than this ends with MemoryError.
MOST_MEMORY = 3 << 30

#: A shorter attack counts as this many octets, because the handshakes of TCP and TLS before it cost
#: as much.
SHORTEST = 4096

LARGEST_READ = 65536

#: Seconds of CPU time that an attack may take in addition to its passes.
PATIENCE = 60

#: Reads that arrive after the connection was ended.
AFTERWARDS = 4

ORDINARY = Attack(
    name="ordinary requests",
    victim="server",
    words="what a browser sends",
    frames=messages.ordinary_requests,
    topic="",
    batch=50,
)
ORDINARY_FRAMES = 1000


class Plan(NamedTuple):
    """How much of an attack to send, and to which applications."""

    frames: int
    seconds: float
    modes: tuple[Mode, ...]


class Read(NamedTuple):
    """The argument of one call of `receive_data`, and where frames end in it."""

    octets: bytes
    ends: list[int]


@dataclass
class Outcome:
    """The result of an attack. Times are CPU seconds, sizes octets."""

    attack: str
    mode: Mode
    frames: int = 0
    octets: int = 0
    receiving: float = 0.0
    total: float = 0.0
    #: The same for each octet of ordinary requests, measured just before.
    ordinary_receiving: float = 0.0
    ordinary_total: float = 0.0
    peak: int = 0
    held: int = 0
    #: What the second half of the attack added to the memory.
    late_growth: int = 0
    pending: int = 0
    events: int = 0
    #: The number of the frame that ended the connection, 0 for none, and how.
    refused_at: int = 0
    code: int | None = None
    error: str = ""
    #: An exception that is not an H2Error.
    crash: str = ""
    #: Whether the time expired before all frames were sent.
    cut: bool = False
    hung: bool = False


def reads(attack: Attack, frames: int) -> Iterator[Read]:
    """The first frames of an attack, cut into reads."""
    buffer, ends, count = b"", [], 0
    for piece in attack.frames():
        start = len(buffer)
        buffer += piece
        before = count
        for end in wire.frame_ends(piece):
            ends.append(start + end)
            count += 1
        if attack.batch and count // attack.batch > before // attack.batch:
            yield Read(buffer, ends)
            buffer, ends = b"", []
        while len(buffer) >= LARGEST_READ:
            inside = [end for end in ends if end <= LARGEST_READ]
            yield Read(buffer[:LARGEST_READ], inside)
            buffer = buffer[LARGEST_READ:]
            ends = [end - LARGEST_READ for end in ends[len(inside) :]]
        if count >= frames:
            break
    if buffer:
        yield Read(buffer, ends)


def prepared(api: Api, attack: Attack, mode: Mode) -> Victim:
    """A connection that is ready for the attack."""
    victim = Victim(api, attack, mode)
    victim.prepare()
    return victim


class Memory:
    """The memory that a connection holds since the attack began, without its preparation.

    Measured with `tracemalloc`, or by the pages of the process if that does not see it. Between two
    reads nothing changes except by the read itself, and all are about as large as the first.
    """

    def __init__(self, traced: bool) -> None:
        self.traced = traced
        self.octets = 0
        self.held = 0
        self.peak = 0
        self._base: int | None = None
        self._samples: list[tuple[int, int]] = []

    def during(self, victim: Victim, octets: bytes) -> bool:
        """Count what one read adds; returns whether it raised."""
        if self._base is None:
            self._base, _ = self._now()
        if self.traced:
            tracemalloc.reset_peak()
        # The exception is dropped, as in a program that handles it.
        failed = victim.receive(octets) is not None
        held, peak = self._now()
        self.held = held - self._base
        self.peak = max(self.peak, peak - self._base)
        self.octets += len(octets)
        # Not all of them, because these take memory, too.
        if not self._samples or self.octets > self._samples[-1][0] * 1.02:
            self._samples.append((self.octets, self.held))
        return failed

    def _now(self) -> tuple[int, int]:
        """The current memory, and its maximum."""
        if self.traced:
            return tracemalloc.get_traced_memory()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return (pages * resource.getpagesize(),) * 2

    def late_growth(self) -> int:
        """The memory that the second half of the octets added."""
        middle = (held for octets, held in self._samples if octets * 2 >= self.octets)
        return self.held - next(middle, self.held)


def measure_memory(
    api: Api, attack: Attack, mode: Mode, frames: int, seconds: float, outcome: Outcome
) -> None:
    """Fill in what the attack makes the connection hold."""
    gc.collect()
    if api.traced:
        tracemalloc.start()
    victim = prepared(api, attack, mode)
    memory = Memory(api.traced)
    left = AFTERWARDS
    for read in reads(attack, frames):
        left -= memory.during(victim, read.octets)
        if not left or victim.total > seconds:
            break
    tracemalloc.stop()
    outcome.peak, outcome.held = memory.peak, memory.held
    outcome.late_growth = memory.late_growth()


def measure_time(
    api: Api, attack: Attack, mode: Mode, frames: int, seconds: float, outcome: Outcome
) -> int:
    """Fill in what the attack costs and how it ends; returns the number of reads."""
    victim = prepared(api, attack, mode)
    number = 0
    for number, read in enumerate(reads(attack, frames), 1):  # noqa: B007 - it is returned
        error = victim.receive(read.octets)
        if error is not None:
            outcome.error = getattr(error, "rule", "") or type(error).__name__
            if not isinstance(error, api.error):
                outcome.crash = f"{type(error).__name__}: {error}"[:200]
            break
        outcome.frames += len(read.ends)
        outcome.octets += len(read.octets)
        if victim.total > seconds:
            outcome.cut = True
            break
    outcome.code = victim.finish()
    outcome.receiving, outcome.total = victim.receiving, victim.total
    outcome.pending, outcome.events = victim.pending, victim.events
    return number


def locate(
    api: Api, attack: Attack, mode: Mode, frames: int, number: int, outcome: Outcome
) -> None:
    """Find the frame that ended the connection, by repeating the last read frame by frame.

    The output of the C library is taken with each call, which changes the result; for it, this is
    the last frame of the read.
    """
    victim = prepared(api, attack, mode)
    # Output is only taken after whole reads, as before.
    connection = victim.connection
    for count, read in enumerate(reads(attack, frames), 1):
        if count < number:
            if victim.receive(read.octets) is not None:
                return
            continue
        start = 0
        for end in [*read.ends, len(read.octets)] if api.traced else [len(read.octets)]:
            outcome.frames += 1 if api.traced else len(read.ends)
            outcome.octets += end - start
            try:
                connection.receive_data(read.octets[start:end])
            except Exception:
                break
            start = end
        break
    outcome.refused_at = outcome.frames


def ordinary(api: Api) -> tuple[float, float]:
    """CPU seconds for an octet of ordinary requests: in `receive_data`, and with all calls."""
    found = []
    for _ in range(2):
        victim = prepared(api, ORDINARY, "serves")
        octets = 0
        for read in reads(ORDINARY, ORDINARY_FRAMES):
            if error := victim.receive(read.octets):
                raise RuntimeError("ordinary requests are refused") from error
            octets += len(read.octets)
        found.append((victim.receiving / octets, victim.total / octets))
    return min(found)


def probe(
    api: Api, attack: Attack, mode: Mode, frames: int, seconds: float, usual: tuple[float, float]
) -> Outcome:
    """All figures of one attack in one mode; `usual` is what ordinary requests cost."""
    blank = Outcome(attack.id, mode, ordinary_receiving=usual[0], ordinary_total=usual[1])
    # Memory comes first, while tables of the process that the attack fills are still empty.
    measure_memory(api, attack, mode, frames, 2 * seconds, blank)
    outcome = replace(blank)
    number = measure_time(api, attack, mode, frames, seconds, outcome)
    # Short attacks are measured again; the fastest run counts.
    for _ in range(2 if outcome.total < 0.05 else 0):
        again = replace(blank)
        measure_time(api, attack, mode, frames, seconds, again)
        if again.total < outcome.total and again.error == outcome.error:
            outcome = again
    if outcome.error:
        locate(api, attack, mode, frames, number, outcome)
    return outcome


def times(outcome: Outcome) -> float:
    """How many times more CPU time for each octet than ordinary requests."""
    if not outcome.ordinary_total:
        return 0.0  # it did not finish
    octets = max(outcome.octets, SHORTEST)
    receiving = outcome.receiving / octets / outcome.ordinary_receiving
    if outcome.mode == "ignores":
        return receiving
    return max(receiving, outcome.total / octets / outcome.ordinary_total)


def work(pipe: Connection, api: Api, attack: Attack, plan: Plan) -> None:
    """Measure one attack in all modes, in a separate process."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    # Three passes for each mode, one of them with tracemalloc.
    limit = PATIENCE + int(20 * plan.seconds) * len(plan.modes)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    usual = ordinary(api)
    for mode in plan.modes:
        pipe.send(probe(api, attack, mode, plan.frames, plan.seconds, usual))


def isolated(api: Api, attack: Attack, plan: Plan) -> Iterator[Outcome]:
    """The results of a new process; hanging or crashing are possible outcomes."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(sender, api, attack, plan))
    process.start()
    sender.close()
    left = list(plan.modes)
    with receiver:
        try:
            while True:
                yield receiver.recv()
                left.pop(0)
        except EOFError:
            process.join()
    if left:
        hung = process.exitcode == -signal.SIGXCPU
        yield Outcome(attack.id, left[0], hung=hung, crash=f"exit status {process.exitcode}")


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    package, frames, seconds, modes, *names = arguments
    chosen = tuple(mode for mode in MODES if mode in modes.split(","))
    plan = Plan(int(frames), float(seconds), chosen)
    api = load(package)
    ordinary(api)
    for name in names:
        for outcome in isolated(api, ATTACKS[name], plan):
            print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
