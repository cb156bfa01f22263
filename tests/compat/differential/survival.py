"""Give this package histories of received frames that the published one survives.

A history is a program for the driver with one side. It does not depend on what this side sends, so
both packages receive the same octets, whatever they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from . import compare, situations
from .messages import messages, requests, responses
from .runner import Runner
from .situations import (
    GET,
    PING,
    POST,
    RESPONSE,
    SETTINGS_ACK,
    SITUATIONS,
    TRAILERS,
    announces,
    headers,
    promise,
    pushes,
    resets,
    sends,
)
from .vocabulary import INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, call, inject

Json = Any

SIDES = ("server", "client")

#: Situations in which other streams are tried, too.
OTHERS = {"server": "skipped", "client": "open"}


def history(side: str, name: str, steps: Iterable[Json], *, settled: bool = True) -> Json:
    """A program."""
    whole = [*situations.start(side, settled=settled), *steps]
    return {"seed": name, "profile": side, "sides": [side], "look": False, "steps": whole}


def catalogue() -> Iterator[Json]:
    """Every frame in every situation, and every unusual header section in every kind of message."""
    for side in SIDES:
        found = list(messages(side))
        for name, (streams, _) in SITUATIONS[side].items():
            found += [(name, more) for sid in streams for more in stream_frames(sid)]
        for sid in (0, 1, 2, 7, 8):
            found += [(OTHERS[side], more) for more in stream_frames(sid)]
        for name in ("nothing", "open", "ended"):
            found += [(name, more) for more in connection_frames()]
            found += [(name, more) for more in situations.lengths(1)]
        for name, more in found:
            yield history(side, name, [*SITUATIONS[side][name][1], receives(side, more)])
        for more in (*connection_frames(), *stream_frames(1)):
            yield history(side, "before SETTINGS", [receives(side, more)], settled=False)


def receives(side: str, frames: Iterable[Json]) -> Json:
    """A read that ends with PING: a frame left incomplete before it does not count as survival."""
    return inject(side, *frames, PING)


@cache
def stream_frames(stream: int) -> list[list[Json]]:
    """Frames on a stream."""
    return list(situations.on_stream(stream))


@cache
def connection_frames() -> list[list[Json]]:
    """Frames on the connection."""
    return list(situations.on_connection())


@cache
def blocks(side: str) -> list[Json]:
    """Header sections that ``side`` may receive."""
    return list(requests() if side == "server" else responses())


class Walk:
    """A long history: a situation, and frames and calls at random after it."""

    LENGTH = (5, 25)

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.side = SIDES[seed % 2]
        self.new = 5

    def write(self) -> Json:
        """The program."""
        name = self.random.choice(list(SITUATIONS[self.side]))
        steps = list(SITUATIONS[self.side][name][1])
        moves = (self._on_stream, self._on_connection, self._message, self._promise, self._call)
        for _ in range(self.random.randint(*self.LENGTH)):
            steps += self.random.choices(moves, (6, 1, 3, 1, 4))[0]()
        settled = self.random.random() < 0.8
        program = history(self.side, f"{name}, at random", steps, settled=settled)
        if self.random.random() < 0.2:
            program["attributes"] = {"MAX_CLOSED_STREAMS": 1}
        if self.random.random() < 0.2:
            program["config"] = {self.side: {"validate_inbound_headers": False}}
        return {**program, "undo": True}

    def _stream(self) -> int:
        recent = [self.new - 4, self.new - 2, self.new - 2, self.new]
        return self.random.choice([1, 1, 2, 2, 4, *recent])

    def _on_stream(self) -> list[Json]:
        return self._received(self.random.choice(stream_frames(self._stream())))

    def _on_connection(self) -> list[Json]:
        # Except octets that look like the beginning of a frame: they would swallow all others.
        whole = [frames for frames in connection_frames() if "raw" not in frames[0]]
        return self._received(self.random.choice(whole))

    def _message(self) -> list[Json]:
        """A new exchange."""
        sid, self.new = self.new, self.new + self.random.choice([2, 2, 2, 4])
        usual = RESPONSE if self.side == "client" else GET
        block = self.random.choice([usual, self.random.choice(blocks(self.side))])
        frame = headers(sid, block, end=self.random.random() < 0.5)
        # Sometimes another field, which is added to the table of the decoder or taken from it.
        frame["payload"] += self.random.choice([[], [], ["4001780179"], ["be"]])
        asked = sends("client", sid, POST, end=self.random.random() < 0.5)
        return [*([asked] if self.side == "client" else []), *self._received([frame])]

    def _promise(self) -> list[Json]:
        """A promise, even to a server."""
        block = self.random.choice([GET, self.random.choice(blocks("server"))])
        return self._received([promise(self._stream(), self.new + 1, block)])

    def _received(self, frames: Sequence[Json]) -> list[Json]:
        step = receives(self.side, frames)
        if self.random.random() < 0.1:
            step["chunk"] = self.random.choice([1, 7, 100])
        return [step]

    def _call(self) -> list[Json]:
        """A call by this side."""
        side, sid, end = self.side, self._stream(), self.random.random() < 0.5
        where = {"stream_id": sid}
        choices = [
            sends(side, sid, TRAILERS, end=True),
            call(side, "send_data", where | {"data": {"fill": 5}, "end_stream": end}),
            call(side, "end_stream", where),
            resets(side, sid),
            resets(side, sid),
            call(side, "acknowledge_received_data", where | {"acknowledged_size": 1}),
            call(side, "increment_flow_control_window", where | {"increment": 1000}),
            announces(side, MAX_CONCURRENT_STREAMS, self.random.choice([1, 3])),
            announces(side, INITIAL_WINDOW_SIZE, self.random.choice([0, 10, 100_000])),
            inject(side, SETTINGS_ACK),
        ]
        if side == "server":
            choices += [sends(side, sid, RESPONSE, end=end), pushes(sid, self.new + 1)]
        return [self.random.choice(choices)]


# Results ---------------------------------------------------------------------------------------


def survived(published: Runner, programs: list[Json]) -> list[Json]:
    """The histories without the steps that the published package rejects.

    A history of the catalogue ends at a rejection; in a random one, the rejected step is removed.
    """
    traces = published.run(programs)
    return [_accepted(*pair) for pair in zip(programs, traces, strict=True)]


def _accepted(program: Json, trace: list[Json]) -> Json:
    refused = [index for index, entry in enumerate(trace) if "raised" in entry]
    return {**compare.without(program, refused), "undo": False}


@dataclass(frozen=True)
class End:
    """A step at which this package ends the connection but the published one does not."""

    program: Json
    trace: list[Json]
    index: int

    @property
    def rule(self) -> str:
        """The rule that was broken."""
        raised = self.trace[self.index].get("raised", {"rule": "no sign of life"})
        return str(raised.get("rule", raised.get("type")))

    def explain(self) -> str:
        """The history, for people."""
        message = self.trace[self.index].get("raised", {}).get("message", "")
        lines = [f"{self.program['profile']}, {self.program['seed']}: {self.rule}: {message}"]
        program = self.program
        for step, entry in zip(program["steps"][: self.index + 1], self.trace, strict=False):
            shown = {**entry, "injected": step["frames"]} if "frames" in step else entry
            lines.append("  " + compare.summary(shown))
        return "\n".join(lines)


def ends(ours: Runner, programs: list[Json]) -> Iterator[End]:
    """The step at which this package ends the connection."""
    for program, trace in zip(programs, ours.run(programs), strict=True):
        for index, (step, entry) in enumerate(zip(program["steps"], trace, strict=True)):
            if entry["do"] == "call":
                # A call for a stream that this package has reset may raise.
                if "raised" in entry and entry["raised"]["type"] != "StreamClosedError":
                    break
            elif "raised" in entry or _is_silent(step, entry):
                yield End(program, trace, index)
                break


def _is_silent(step: Json, entry: Json) -> bool:
    """Whether a PING frame (not one inside another frame's payload) was not answered."""
    last = step["frames"][-1]
    asked = last == PING and not any("raw" in frame for frame in step["frames"])
    return asked and not any(event["event"] == "PingReceived" for event in entry["events"])
