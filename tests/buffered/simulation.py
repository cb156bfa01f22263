"""A simulation of two buffering connections: nothing is lost, late or refused, and all streams end.

usage: python -m tools.simulation [--runs 100000] [--first 0] [--show]

Each seed makes a history: windows of any size, limits, resets, trailers, padding, promises,
tunnels, reads that end anywhere. At its end, each stream that was not reset has delivered exactly
its octets, END_STREAM and trailers, and neither end holds any state. A history that violates this
is shortened and printed; `--show` prints it step by step.
"""

from __future__ import annotations

import argparse
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from h2.exceptions import H2Error, ProtocolError

from .simulation_end import End, Message
from .simulation_text import Broken, Choices, History, demand, generate
from .simulation_world import World

#: The number of streams of which the end, or that content was dropped, is remembered.
REMEMBERED: Final = {
    ".receiving._ended": 200,
    ".receiving._ignored": 200,
    ".receiving._leftovers._lost": 1_024,
}

#: The maximum of rounds to exchange everything: more means that it never ends.
_ROUNDS: Final = 2_000


def quiet(_: str) -> None:
    """Print nothing."""


def play(history: History, tell: Callable[[str], None] = quiet) -> World:
    """Play a history to its end, and check all invariants."""
    world = World(history.setup, tell)
    for step in history.steps:
        world.step(step)
    ending = Choices(history.steps[-1].number if history.steps else 0).below(25)
    if ending < 22:
        settle(world)
        check_messages(world)
    else:
        end = world.ends[ending % 2]
        (break_off, misbehave, fall_silent)[ending - 22](world, end)
    for end in world.ends:
        check_nothing_left(end)
    return world


# Ends of a history.


def settle(world: World) -> None:
    """Let all programs finish, and deliver everything in flight."""
    for end in world.ends:
        tell_larger_windows(world, end)
    choices = Choices(0)
    for turn in range(_ROUNDS):
        moved = 0
        for end in world.ends:
            end.take(world.told(end, end.conn.events()))
            for message in list(end.messages.values()):
                moved += finish(world, end, message, Choices(message.stream_id + turn))
            for message in list(end.messages.values()):
                moved += world.hand_back_one(end, message)
            moved += world.carry(end, choices.pick((None, 5_000)), 1 << 30)
        if not moved and not any(world.wires.values()):
            return
    raise Broken("no end", f"after {_ROUNDS} rounds")


def tell_larger_windows(world: World, end: End) -> None:
    """Announce windows and limits with which everything can end soon."""
    conn = end.conn
    world.do(end, "update_settings", {4: 50_000, 3: 4})
    if conn.inbound_flow_control_window < 10_000:
        world.do(end, "increment_flow_control_window", 100_000)


def finish(world: World, end: End, message: Message, choices: Choices) -> int:
    """End the program's side of one stream."""
    if message.over:
        return 0
    if not message.begun:
        world.begin(end, message, [(b":status", b"200")])
    if message.may_write:
        world.finish_one(end, message, choices)
        return 1
    return 0


def break_off(world: World, end: End) -> None:
    """A program ends the connection with an error."""
    world.do(end, "close_connection", 2)
    end.ended = True
    demand(end.conn.send_buffer_size() == 0, "content after the end", end)
    world.carry(end, None, 1 << 30)
    check_over(end, told=True)
    other = world.other(end)
    demand(other.goaway_heard, "GOAWAY with an error was not heard", other)
    # Streams that it may have processed continue, until the transport is closed.
    demand(not (other.client and other.conn.waiting_streams), "waits after GOAWAY", other)
    fall_silent(world, other)


def misbehave(world: World, end: End) -> None:
    """A peer violates the protocol: the connection ends accordingly."""
    world.push_out(world.other(end), None)
    world.wires[end] += b"\0\0\3\x08\0\0\0\0\0abc"
    world.tell("WINDOW_UPDATE of three octets is behind it")
    try:
        world.deliver(end, 1 << 30)
    except ProtocolError as error:
        end.ended = True
        end.take(world.told(end, error.events))
    demand(end.ended, "a fault of the peer passes", end)
    check_over(end)
    fall_silent(world, world.other(end))


def fall_silent(world: World, end: End) -> None:
    """Nothing more arrives: pending output is sent, or stays pending."""
    for each in world.ends:
        if not each.ended:
            each.pull(None)
            each.take(each.conn.events())
            each.pull(None)  # the last GOAWAY, if the last stream has just ended
            demand(not each.pull(None), "more than all", each)
            each.ended = True
            world.do(each, "close_connection", 2)
            check_over(each)


def check_over(end: End, told: bool = False) -> None:
    """An ended connection keeps no output, and calls report that it has ended."""
    conn = end.conn
    demand(conn.send_buffer_size() == 0, "content after the end", end)
    demand(conn.waiting_streams == 0, "requests wait after the end", end)
    for stream_id, message in end.messages.items():
        demand(not conn.is_writable(stream_id), "writable after the end", end, stream_id)
        if message.available and conn.readable(stream_id):
            end.reads(stream_id, None)  # content that arrived before can still be read
    data = end.pull(None)
    demand(not end.pull(None), "output without end", end)
    end.take(conn.events())
    told = told or end.goaway_heard or b"\x07\0\0\0\0\0" in data[-40:]
    demand(told, "no GOAWAY", end, data[-40:])
    try:
        conn.send_data(1, b"x")
    except H2Error:
        return
    raise Broken("a call after the end", f"{end}")


# Invariants at the end.


def check_messages(world: World) -> None:
    """Everything sent has arrived, except on streams that were reset."""
    for end in world.ends:
        other = world.other(end)
        for stream_id, message in end.messages.items():
            theirs = other.messages.get(stream_id)
            if message.lost is not None:
                check_reset(end, other, message, theirs)
            elif message.waited and message.reset is None:
                demand(message.opened, "no StreamOpened", end, message)
            if theirs is None:
                over = message.over or is_unwanted(other, message)
                demand(over, "a request that was not received", end, message)
            elif (message.complete and theirs.reset is None) or not (theirs.over or message.over):
                check_whole(end, message, theirs)
        if end.shut_down:
            demand(end.drained == 1, "ConnectionDrained", end, end.drained)
        else:
            demand(end.drained == 0, "ConnectionDrained without a shutdown", end)


def check_reset(end: End, other: End, message: Message, theirs: Message | None) -> None:
    """Every StreamReset has a cause."""
    if theirs is not None:
        reset = theirs.reset
        demand(reset is not None, "StreamReset without RST_STREAM", end, message)
        demand(reset == message.lost, "StreamReset with another code", end, message, theirs)
        return
    demand(message.lost == 7, "lost with another code than REFUSED_STREAM", end, message)
    left = end.closing or end.shut_down
    left = left or is_unwanted(other, message)
    reasons = left or end.goaway_heard or message.hasty
    demand(reasons, "refused without a reason", end, message)


def is_unwanted(other: End, message: Message) -> bool:
    """Return whether the client refuses a promise: it has reset the stream, or wants no more."""
    parent = other.messages.get(message.parent)
    return parent is not None and (parent.reset is not None or other.closing or other.shut_down)


def check_whole(end: End, message: Message, theirs: Message) -> None:
    """The other end has received everything that one end has sent."""
    where = (end, message, theirs)
    demand(theirs.heard == message.begun, "the header section is lost", *where)
    demand(theirs.heard_early == message.early, "1xx is lost", *where)
    whole = theirs.read == message.written or theirs.ignored
    demand(whole, "octets are lost", *where)
    demand(theirs.heard_end == message.ended, "END_STREAM is lost", *where)
    demand(theirs.heard_trailers == message.trailers, "trailers are lost", *where)


def check_nothing_left(end: End) -> None:
    """An idle connection holds no state."""
    conn = end.conn
    demand(conn.events() == [], "an event is left", end)
    demand(conn.data_to_send() == b"", "output is left", end)
    demand(conn.send_buffer_size() == 0, "content is left", end, conn.send_buffer_size())
    demand(conn.waiting_streams == 0, "a request is left", end, conn.waiting_streams)
    for message in end.messages.values():
        waits = message.full and not message.over and not end.ended
        demand(not waits, "a writer waits for ever", end, message)
    if not end.ended:
        demand(not conn.streams, "streams are left", end, list(conn.streams))
        demand(conn.open_outbound_streams == 0, "counted as open", end)
        demand(conn.open_inbound_streams == 0, "counted as open", end)
        window = conn._core.window
        given = window.value + window.handed_back
        demand(given >= window.limit, "a part of the window is lost", end, given, window.limit)
        check_windows(end)
    for place, what in held(conn._buffers):
        bound = REMEMBERED.get(place, 0)
        demand(len(what) <= bound, "something is held", end, place, what)


def check_windows(end: End) -> None:
    """All received content has been acknowledged."""
    for message in end.messages.values():
        demand(message.owed == 0, "an error of the simulation: owed", end, message)


def held(thing: object, place: str = "", seen: set[int] | None = None) -> Iterator[Any]:
    """Find the containers that are not empty, in all parts of the buffers except the core."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, (dict, set, deque, list)):
        parts = list(thing.values()) if isinstance(thing, dict) else list(thing)
        if all(map(_is_part, parts)):
            for number, part in enumerate(parts):
                yield from held(part, f"{place}[{number}]", seen)
        else:
            yield place, thing
    elif hasattr(thing, "dead"):
        # Closed streams may leave a few marks in the queues of a level, which counts them.
        left = [*thing.fresh, *thing.ring]
        if len(left) != thing.dead or thing.active or thing.sequential or thing.identifiers:
            yield place, left
    elif _is_part(thing):
        for name in slots(thing):
            yield from held(getattr(thing, name), f"{place}.{name}", seen)
    elif hasattr(thing, "stream_id"):
        yield place, [thing]


def _is_part(thing: object) -> bool:
    """Return whether this is an object of the package that may hold others."""
    kind = type(thing)
    ours = kind.__module__.startswith("h2._core.") or kind.__module__ == "h2.buffered"
    return ours and kind.__name__ != "Connection" and not hasattr(thing, "stream_id")


#: The types of slots, in the pure build and in the compiled one.
SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def slots(thing: object) -> Iterator[str]:
    """The attributes of an object, in slots or not."""
    yield from getattr(thing, "__dict__", ())
    for kind in type(thing).__mro__:
        for name, descriptor in vars(kind).items():
            if isinstance(descriptor, SLOTS) and name[:2] != "__" and hasattr(thing, name):
                yield name


# The search.


def failure(history: History) -> Exception | None:
    """The failure of a history, if any."""
    try:
        play(history)
    except Exception as error:  # whatever it is, it is wrong
        return error
    return None


def kind_of(error: Exception) -> str:
    """The part of a failure that must not change while a history is shortened."""
    return error.kind if isinstance(error, Broken) else type(error).__name__


def shorten(history: History, error: Exception) -> History:
    """Remove the steps that are not needed for the same failure from a history."""
    wanted = kind_of(error)

    def fails(candidate: History) -> bool:
        found = failure(candidate)
        return found is not None and kind_of(found) == wanted

    size = len(history.steps) // 2
    while size:
        start = 0
        while start < len(history.steps):
            steps = history.steps[:start] + history.steps[start + size :]
            candidate = history._replace(steps=steps)
            if fails(candidate):
                history = candidate
            else:
                start += size
        size //= 2
    if fails(history._replace(setup=0)):
        history = history._replace(setup=0)
    for place, step in enumerate(history.steps):
        steps = (*history.steps[:place], step._replace(number=0), *history.steps[place + 1 :])
        if fails(history._replace(steps=steps)):
            history = history._replace(steps=steps)
    return history


def report(history: History) -> str:
    """The steps of a history, and its failure."""
    lines = [f"{history!r}"]
    try:
        play(history, lines.append)
    except Exception as error:  # the caller reports it
        lines.append(f"{type(error).__name__}: {error}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Play histories; return 1 if one of them fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.simulation",
        description="Simulate two buffered connections.",
        epilog="With --faults, faults are put into the package, and the simulation must find them; "
        "--only chooses those whose names contain a text.",
    )
    parser.add_argument("--runs", type=int, default=100_000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--quick", action="store_true", help="do not shorten what is found")
    parser.add_argument("--show", action="store_true", help="tell what happens in the first one")
    options = parser.parse_args(arguments)
    if options.show:
        print(report(generate(options.first)))
        return 0
    began = time.process_time()
    streams = octets = 0
    for seed in range(options.first, options.first + options.runs):
        history = generate(seed)
        try:
            world = play(history)
        except Exception as error:  # whatever it is, it is wrong
            print(f"seed {seed}: {type(error).__name__}: {error}\n")
            if not options.quick:
                print(report(shorten(history, error)))
            return 1
        for end in world.ends:
            streams += len(end.messages)
            octets += sum(message.read for message in end.messages.values())
    seconds = time.process_time() - began
    print(f"{options.runs:,} histories, {streams // 2:,} streams, {octets:,} octets: nothing wrong")
    print(f"{seconds:.0f} seconds of CPU time")
    return 0
