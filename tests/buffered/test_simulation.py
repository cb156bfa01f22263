"""A short run of the simulation, and its reports of failures."""

from __future__ import annotations

import re

import pytest

from buffered import simulation
from buffered.simulation_text import Broken, History, Step, generate
from buffered.simulation_world import World
from h2._core.outbound import Outbound
from h2.buffered import BufferedH2Connection
from tools import simulation as command

#: Of each hundred seeds the tests play those that end in one of these: about six seconds in all.
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost(part: int) -> None:
    streams = octets = 0
    for seed in range(part, 1_000, PARTS):
        world = simulation.play(generate(seed))
        for end in world.ends:
            streams += len(end.messages)
            octets += sum(message.read for message in end.messages.values())
    assert streams > 1_000
    assert octets > 1_000_000


def test_histories_are_of_all_kinds() -> None:
    """Everything that the simulation should try occurs in the histories of the tests."""
    seen: set[str] = set()
    for seed in range(300):
        lines: list[str] = []
        world = simulation.play(generate(seed), lines.append)
        text = "\n".join(lines)
        seen |= set(re.findall(r"<([A-Za-z]+)", text))
        seen |= set(re.findall(r"(?:client|server)\.([a-z_]+)", text))
        for end in world.ends:
            for message in end.messages.values():
                seen |= {name for name, value in vars(message).items() if value}
    assert seen >= {
        *("StreamWritable", "StreamOpened", "StreamReset", "DataAvailable", "ConnectionDrained"),
        *("TrailersReceived", "InformationalResponseReceived", "PushedStreamReceived"),
        *("PriorityUpdateReceived", "ConnectionTerminated", "KeepaliveTimedOut"),
        *("graceful_shutdown", "discard_data", "read_data", "send_priority_update"),
        *("tunnel", "waited", "hasty", "complete", "lost", "full", "trailers"),
    }


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """StreamWritable is lost."""
    events = BufferedH2Connection.events

    def fewer(self: BufferedH2Connection) -> list[object]:
        return [event for event in events(self) if type(event).__name__ != "StreamWritable"]

    monkeypatch.setattr(BufferedH2Connection, "events", fewer)


def test_a_history_that_breaks_something_is_shortened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--runs", "30", "--first", "7"]) == 0
    assert "30 histories, " in capsys.readouterr().out
    broken(monkeypatch)
    assert command.main(["--runs", "100"]) == 1
    said = capsys.readouterr().out
    assert re.match(r"seed \d+: Broken: (no StreamWritable event|a writer waits)", said)
    history = eval(next(line for line in said.splitlines() if line.startswith("History(")))
    assert isinstance(history, History)
    assert len(history.steps) < 10
    with pytest.raises(Broken, match=r"no StreamWritable event|a writer waits"):
        simulation.play(history)
    monkeypatch.undo()
    simulation.play(history)
    assert command.main(["--show", "--first", "3"]) == 0
    assert "client.send_headers" in capsys.readouterr().out
    broken(monkeypatch)
    assert command.main(["--runs", "100", "--quick"]) == 1
    assert "History(" not in capsys.readouterr().out


def test_a_history_goes_the_same_way_each_time() -> None:
    def told(seed: int) -> list[str]:
        lines: list[str] = []
        simulation.play(generate(seed), lines.append)
        return lines

    assert told(5) == told(5) != told(6)


def test_what_is_held_is_found() -> None:
    history = History(0, (Step("open", 0), Step("carry", 0)))
    world = simulation.play(history)
    end = world.client
    assert list(simulation.held(end.conn._buffers)) == []
    end.conn._sending.queues[7] = Outbound(7, 3, False)
    ((place, what),) = simulation.held(end.conn._buffers)
    assert place == ".sending.queues"
    assert list(what) == [7]
    with pytest.raises(Broken, match="something is held"):
        simulation.check_nothing_left(end)


def test_a_world_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "carry", lambda *arguments: 1)
    with pytest.raises(Broken, match="no end"):
        simulation.settle(World((1 << 159) + 3, simulation.quiet))
