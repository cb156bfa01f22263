"""The scheduler compared with a sorted list, its bounds on waiting, and its cost."""

from __future__ import annotations

import platform
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2._core.scheduler import PARKED, READY, Scheduler, Turn

LEVELS = 8


@dataclass
class Seat:
    """The place of a stream in a line of one level, even if it cannot send now."""

    stream_id: int
    urgency: int
    fresh: bool
    number: int


@dataclass
class Member:
    """A stream as the model knows it."""

    stream_id: int
    urgency: int
    incremental: bool
    state: str = "dry"
    unserved: bool = False


@dataclass
class Model:
    """The same rules without data structures: each call sorts everything."""

    members: dict[int, Member] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    number: int = 0
    urgent_in_a_row: int = 0
    last_other: int = -1
    fresh_since_ring: dict[int, list[int]] = field(default_factory=dict)
    last_kind: dict[int, str] = field(default_factory=dict)

    def ready(self, urgency: int | None = None) -> list[Member]:
        return [
            member
            for member in self.members.values()
            if member.state == "ready" and urgency in (None, member.urgency)
        ]

    def levels(self) -> list[int]:
        return sorted({member.urgency for member in self.ready()})

    def seat(self, member: Member) -> Seat | None:
        for seat in self.seats:
            if (seat.stream_id, seat.urgency) == (member.stream_id, member.urgency):
                return seat
        return None

    def take_seat(self, member: Member, fresh: bool) -> None:
        self.number += 1
        self.seats.append(Seat(member.stream_id, member.urgency, fresh, self.number))
        member.unserved = fresh

    def enter(self, stream_id: int, fresh: bool) -> None:
        member = self.members[stream_id]
        member.state = "ready"
        if not member.incremental:
            return
        if self.seat(member):
            member.unserved = False
        else:
            self.take_seat(member, fresh)

    def leave(self, stream_id: int, state: str) -> None:
        self.members[stream_id].state = state
        if len(self.levels()) < 2:
            self.urgent_in_a_row = 0

    def remove(self, stream_id: int) -> None:
        self.leave(stream_id, "gone")
        del self.members[stream_id]
        self.seats = [seat for seat in self.seats if seat.stream_id != stream_id]

    def reprioritize(self, stream_id: int, urgency: int, incremental: bool) -> None:
        member = self.members[stream_id]
        if (member.urgency, member.incremental) == (urgency, incremental):
            return
        fresh = member.unserved and member.incremental
        was_ready = member.state == "ready"
        if was_ready:
            self.leave(stream_id, "dry")
        member.urgency, member.incremental = urgency, incremental
        if was_ready:
            self.enter(stream_id, fresh)

    def next(self) -> int | None:
        levels = self.levels()
        if not levels:
            return None
        urgency = levels[0]
        if len(levels) > 1 and self.urgent_in_a_row >= 31:
            others = levels[1:]
            urgency = min(others, key=lambda level: (level <= self.last_other, level))
        sequential = sorted(m.stream_id for m in self.ready(urgency) if not m.incremental)
        incremental = [m.stream_id for m in self.ready(urgency) if m.incremental]
        if sequential and (not incremental or self.last_kind.get(urgency) != "sequential"):
            return sequential[0]
        return self.first_in_line(urgency, incremental)

    def first_in_line(self, urgency: int, incremental: list[int]) -> int:
        """The first stream in line that can send; removes the marks before it."""
        while True:
            fresh = self.line(urgency, True)
            ring = self.line(urgency, False)
            line = ring if not fresh or (ring and self.ring_is_due(urgency)) else fresh
            if line[0].stream_id in incremental:
                return line[0].stream_id
            self.seats.remove(line[0])

    def ring_is_due(self, urgency: int) -> bool:
        """Whether the ring is due: enough frames of fresh streams were sent since its last one."""
        in_line = self.fresh_since_ring.get(urgency, [])
        return bool(in_line) and len(in_line) >= max(31, in_line[0])

    def line(self, urgency: int, fresh: bool) -> list[Seat]:
        seats = [s for s in self.seats if s.urgency == urgency and s.fresh == fresh]
        return sorted(seats, key=lambda seat: seat.number)

    def end_turn(self, stream_id: int) -> None:
        member = self.members[stream_id]
        seat = self.seat(member)
        assert seat is not None
        if not seat.fresh:
            self.fresh_since_ring[member.urgency] = []
        elif self.line(member.urgency, False):
            in_line = len(self.line(member.urgency, True))
            self.fresh_since_ring.setdefault(member.urgency, []).append(in_line)
        self.seats.remove(seat)
        self.take_seat(member, False)

    def sent(self, stream_id: int, left: bool, ended: bool) -> None:
        member = self.members[stream_id]
        levels = self.levels()
        if member.urgency != levels[0]:
            self.urgent_in_a_row, self.last_other = 0, member.urgency
        elif len(levels) > 1:
            self.urgent_in_a_row += 1
        self.last_kind[member.urgency] = "incremental" if member.incremental else "sequential"
        if member.incremental:
            self.end_turn(stream_id)
        if not left:
            self.leave(stream_id, "dry")
            if ended:
                self.remove(stream_id)

    def park(self, stream_id: int) -> None:
        if self.members[stream_id].incremental:
            self.end_turn(stream_id)
        self.leave(stream_id, "parked")

    def pause(self, stream_id: int) -> None:
        self.leave(stream_id, "parked")


class History(RuleBasedStateMachine):
    """Random histories of streams, played on the scheduler and on the model."""

    @initialize()
    def start(self) -> None:
        self.scheduler = Scheduler()
        self.model = Model()
        self.turns: dict[int, Turn] = {}
        self.last_id = 0

    def in_state(self, state: str) -> list[int]:
        return [m.stream_id for m in self.model.members.values() if m.state == state]

    @rule(urgency=st.integers(0, 7), incremental=st.booleans(), fresh=st.booleans())
    def new(self, urgency: int, incremental: bool, fresh: bool) -> None:
        self.last_id += 1
        turn = Turn(self.last_id, urgency, incremental)
        self.turns[self.last_id] = turn
        self.model.members[self.last_id] = Member(self.last_id, urgency, incremental)
        self.scheduler.add(turn, fresh)
        self.model.enter(self.last_id, fresh)

    @rule(number=st.integers(1, 5), few=st.sampled_from([(3,), (3, 4), (0, 7)]), data=st.data())
    def several(self, number: int, few: tuple[int, ...], data: st.DataObject) -> None:
        """Many streams at few levels, so that there are rounds."""
        for _ in range(number):
            self.new(data.draw(st.sampled_from(few)), data.draw(st.booleans()), True)

    @precondition(lambda self: self.in_state("dry"))
    @rule(data=st.data(), fresh=st.booleans())
    def write_again(self, data: st.DataObject, fresh: bool) -> None:
        stream_id = data.draw(st.sampled_from(self.in_state("dry")))
        self.scheduler.add(self.turns[stream_id], fresh)
        self.model.enter(stream_id, fresh)

    @precondition(lambda self: self.in_state("parked"))
    @rule(data=st.data())
    def wake(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(self.in_state("parked")))
        self.scheduler.wake(self.turns[stream_id])
        self.model.enter(stream_id, False)

    @precondition(lambda self: self.model.members)
    @rule(data=st.data(), urgency=st.integers(0, 7), incremental=st.booleans())
    def reprioritize(self, data: st.DataObject, urgency: int, incremental: bool) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.model.members)))
        self.scheduler.reprioritize(self.turns[stream_id], urgency, incremental)
        self.model.reprioritize(stream_id, urgency, incremental)

    @precondition(lambda self: self.model.members)
    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.model.members)))
        turn = self.turns.pop(stream_id)
        self.scheduler.remove(turn)
        self.model.remove(stream_id)
        assert turn.place is None

    @rule(
        outcomes=st.lists(
            st.sampled_from(["more", "more", "more", "dry", "end", "park", "pause"]), max_size=40
        )
    )
    def pull(self, outcomes: list[str]) -> None:
        for outcome in outcomes:
            turn = self.scheduler.next()
            assert (turn and turn.stream_id) == self.model.next()
            if turn is None:
                return
            self.take_turn(turn, outcome)

    def take_turn(self, turn: Turn, outcome: str) -> None:
        alone = self.scheduler.alone(turn)
        assert alone == self.is_alone(turn)
        if outcome == "park":
            self.scheduler.park(turn)
            self.model.park(turn.stream_id)
            assert turn.place == PARKED
            return
        more = outcome in ("more", "pause")
        turn.ended = outcome == "end"
        self.scheduler.sent(turn, more)
        self.model.sent(turn.stream_id, more, turn.ended)
        assert turn.place == (READY if more else None)
        if outcome == "pause":  # this frame exhausts its window
            self.scheduler.pause(turn)
            self.model.pause(turn.stream_id)
            assert turn.place == PARKED
        elif more and alone:
            assert self.scheduler.next() is turn
        if outcome == "end":
            del self.turns[turn.stream_id]

    def is_alone(self, turn: Turn) -> bool:
        rivals = [m for m in self.model.ready() if m.stream_id != turn.stream_id]
        if turn.incremental:
            return not rivals
        return all(m.urgency == turn.urgency and not m.incremental for m in rivals)

    @invariant()
    def same_answers(self) -> None:
        if not hasattr(self, "model"):
            return
        expected = self.model.next()
        assert bool(self.scheduler) is (expected is not None)
        for _ in range(2):  # a query changes nothing
            turn = self.scheduler.next()
            assert (turn and turn.stream_id) == expected
        for level in self.scheduler._levels.values():
            entries = [*level.fresh, *level.ring]
            assert level.dead == sum(entry.stream_id not in self.turns for entry in entries)


History.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistory = History.TestCase


def test_long_histories_match_the_model() -> None:
    """The same machine at random, with more streams and frames than hypothesis tries."""
    for seed in range(15):
        rng = random.Random(seed)
        machine = History()
        machine.start()
        for _ in range(300):
            step(machine, rng)
            machine.same_answers()


def step(machine: History, rng: random.Random) -> None:
    """One random step of a machine."""
    urgency, incremental = rng.choice((3, 3, 3, 4, 0, 7)), rng.random() < 0.8
    if len(machine.model.members) < rng.choice((3, 40)):
        machine.new(urgency, incremental, rng.random() < 0.9)
    for state, act in (("dry", machine.write_again), ("parked", machine.wake)):
        streams = machine.in_state(state)
        if streams and rng.random() < 0.4:
            chosen = Chosen(rng.choice(streams))
            act(chosen, True) if state == "dry" else act(chosen)
    members = sorted(machine.model.members)
    if members and rng.random() < 0.1:
        machine.reset(Chosen(rng.choice(members)))
    elif members and rng.random() < 0.2:
        machine.reprioritize(Chosen(rng.choice(members)), urgency, incremental)
    outcomes = ["more"] * 12 + ["dry", "end", "park", "pause"]
    machine.pull([rng.choice(outcomes) for _ in range(rng.randrange(40))])


class Chosen(st.DataObject):
    """A value chosen in advance, instead of one that hypothesis draws."""

    def __init__(self, value: int) -> None:
        self.value = value

    def draw(self, strategy: Any, label: Any = None) -> Any:
        return self.value


# Bounds on waiting.


def streams(number: int, urgency: int = 3, incremental: bool = True, first: int = 1) -> list[Turn]:
    """Streams that have something to send."""
    turns = []
    for stream_id in range(first, first + 2 * number, 2):
        turn = Turn(stream_id, urgency, incremental)
        turns.append(turn)
    return turns


def busy(*groups: Iterable[Turn]) -> Scheduler:
    """A scheduler with these streams, all of them new."""
    scheduler = Scheduler()
    for group in groups:
        for turn in group:
            scheduler.add(turn, True)
    return scheduler


def frames(scheduler: Scheduler, number: int) -> list[int]:
    """The streams of the next frames, if all streams stay busy."""
    order = []
    for _ in range(number):
        turn = scheduler.next()
        assert turn is not None
        order.append(turn.stream_id)
        scheduler.sent(turn, True)
    return order


def longest_wait(order: list[int], stream_id: int) -> int:
    """The largest number of frames from one frame of a stream to its next, or to the end."""
    places = [-1, *(place for place, sent in enumerate(order) if sent == stream_id), len(order)]
    return max(after - before for before, after in pairwise(places))


def test_more_urgent_streams_go_first() -> None:
    scheduler = busy(streams(1, 5), streams(1, 0, first=3), streams(1, 3, first=5))
    assert frames(scheduler, 31) == [3] * 31


def test_one_frame_of_32_is_for_the_other_levels_in_rotation() -> None:
    scheduler = busy(streams(1, 0), streams(1, 5, first=3), streams(1, 7, first=5))
    order = frames(scheduler, 1024)
    assert order[31::32] == [3, 5] * 16
    assert Counter(order) == {1: 992, 3: 16, 5: 16}


@pytest.mark.parametrize("urgency", [0, 1, 2])
def test_the_count_begins_anew_when_one_level_was_alone(urgency: int) -> None:
    (other,) = streams(1, 5, first=3)
    scheduler = busy(streams(1, urgency), [other])
    assert frames(scheduler, 20) == [1] * 20
    scheduler.remove(other)
    scheduler.add(streams(1, 5, first=5)[0], True)
    assert frames(scheduler, 32) == [1] * 31 + [5]


def test_a_short_load_never_reaches_the_frame_for_the_others() -> None:
    background = streams(1, 7)
    scheduler = busy(background)
    for first in range(3, 203, 2):
        page = streams(1, 1, first=first)[0]
        scheduler.add(page, True)
        assert frames(scheduler, 20) == [page.stream_id] * 20
        scheduler.remove(page)
        assert frames(scheduler, 1) == [1]


def test_streams_that_are_not_incremental_go_by_identifier() -> None:
    turns = streams(5, incremental=False)
    scheduler = busy(turns[3:], turns[:3])
    order = []
    for _ in range(15):
        turn = scheduler.next()
        assert turn is not None
        order.append(turn.stream_id)
        turn.ended = order.count(turn.stream_id) == 3
        scheduler.sent(turn, not turn.ended)
    assert order == [1, 1, 1, 3, 3, 3, 5, 5, 5, 7, 7, 7, 9, 9, 9]
    assert not scheduler
    assert scheduler.next() is None


def test_a_dry_stream_holds_up_no_other_and_comes_back_in_front() -> None:
    first, second = streams(2, incremental=False)
    scheduler = busy([first, second])
    scheduler.sent(first, False)
    assert frames(scheduler, 2) == [3, 3]
    scheduler.add(first, True)
    assert frames(scheduler, 2) == [1, 1]


def test_both_kinds_share_a_level() -> None:
    scheduler = busy(streams(3, incremental=False), streams(4, first=101))
    order = frames(scheduler, 800)
    assert order[::2] == [1] * 400
    assert Counter(order[1::2]) == {101: 100, 103: 100, 105: 100, 107: 100}


@pytest.mark.parametrize("number", [2, 7, 100])
def test_two_busy_streams_of_the_ring_differ_by_one_frame_at_most(number: int) -> None:
    scheduler = busy(streams(number))
    sent = Counter(dict.fromkeys(range(1, 2 * number, 2), 0))
    for stream_id in frames(scheduler, 5 * number + number // 2):
        sent[stream_id] += 1
        assert max(sent.values()) - min(sent.values()) <= 1


def test_one_that_refills_without_pause_gets_its_share_and_no_more() -> None:
    """Each write is one frame; the next one follows when it has been sent."""
    refilled, *others = streams(10)
    scheduler = busy([refilled], others)
    sent: Counter[int] = Counter()
    for _ in range(1000):
        turn = scheduler.next()
        assert turn is not None
        sent[turn.stream_id] += 1
        if turn is not refilled:
            scheduler.sent(turn, True)
            continue
        scheduler.sent(turn, False)
        scheduler.add(turn, True)
    assert sent[refilled.stream_id] == 100


def test_a_message_of_a_quiet_stream_passes_100_downloads() -> None:
    quiet = streams(1, first=1001)[0]
    scheduler = busy([quiet])
    scheduler.sent(quiet, False)
    downloads = streams(100)
    for turn in downloads:
        scheduler.add(turn, False)
    frames(scheduler, 250)
    scheduler.add(quiet, True)
    assert frames(scheduler, 1) == [1001]


def test_quiet_streams_wait_for_one_frame_of_each_that_came_before() -> None:
    scheduler = busy(())
    for turn in streams(50):
        scheduler.add(turn, False)
    fresh = streams(20, first=1001)
    for turn in fresh:
        scheduler.add(turn, True)
    assert frames(scheduler, 20) == [turn.stream_id for turn in fresh]


def test_new_streams_without_end_do_not_stop_a_download() -> None:
    """A flow of short responses takes 31 of 32 frames."""
    download = streams(1)[0]
    scheduler = busy([download])
    order = frames(scheduler, 1)
    for first in range(3, 2003, 2):
        short = streams(1, first=first)[0]
        short.ended = True
        scheduler.add(short, True)
        turn = scheduler.next()
        assert turn is not None
        order.append(turn.stream_id)
        scheduler.sent(turn, turn is download)
    assert longest_wait(order, 1) <= 32


@pytest.mark.parametrize("number", [1, 5])
def test_no_stream_of_a_ring_waits_longer_than_the_bound(number: int) -> None:
    """32 frames per stream for each other level, doubled if a level has both kinds."""
    groups = [streams(number, level, first=1 + 100 * level) for level in range(LEVELS)]
    groups += [streams(1, level, False, first=51 + 100 * level) for level in range(LEVELS)]
    order = frames(busy(*groups), 32 * LEVELS * 2 * number * 4)
    incremental = [turn for group in groups[:LEVELS] for turn in group]
    worst = max(longest_wait(order, turn.stream_id) for turn in incremental)
    assert 32 * (LEVELS - 1) <= worst <= 32 * (LEVELS - 1) * 2 * number


def test_one_kind_alone_waits_for_32_frames_of_each_level_and_stream() -> None:
    groups = [streams(5, level, first=1 + 100 * level) for level in range(LEVELS)]
    order = frames(busy(*groups), 32 * LEVELS * 5 * 4)
    worst = max(longest_wait(order, turn.stream_id) for group in groups for turn in group)
    assert worst <= 32 * LEVELS * 5


# Keeping a place.


def test_a_parked_stream_keeps_its_place_for_a_round() -> None:
    turns = streams(4)
    scheduler = busy(turns)
    assert frames(scheduler, 4) == [1, 3, 5, 7]
    scheduler.park(turns[0])
    assert frames(scheduler, 1) == [3]
    scheduler.wake(turns[0])
    assert frames(scheduler, 4) == [5, 7, 1, 3]


def test_a_stream_whose_window_ends_keeps_the_place_behind_its_frame() -> None:
    turns = streams(4)
    scheduler = busy(turns)
    assert frames(scheduler, 5) == [1, 3, 5, 7, 1]
    scheduler.pause(turns[0])
    assert frames(scheduler, 2) == [3, 5]
    scheduler.wake(turns[0])
    assert frames(scheduler, 3) == [7, 1, 3]


def test_one_that_is_woken_later_goes_to_the_end_of_the_ring() -> None:
    turns = streams(4)
    scheduler = busy(turns)
    frames(scheduler, 4)
    scheduler.park(turns[0])
    assert frames(scheduler, 5) == [3, 5, 7, 3, 5]
    scheduler.wake(turns[0])
    assert frames(scheduler, 4) == [7, 3, 5, 1]


def test_a_priority_that_changes_back_changes_nothing() -> None:
    turns = streams(4)
    scheduler = busy(turns)
    frames(scheduler, 5)
    scheduler.reprioritize(turns[1], 5, True)
    scheduler.reprioritize(turns[1], 3, True)
    scheduler.reprioritize(turns[2], 3, False)
    scheduler.reprioritize(turns[2], 3, True)
    assert frames(scheduler, 4) == [3, 5, 7, 1]


def test_a_stream_that_has_not_sent_yet_is_still_fresh_at_another_level() -> None:
    ring = streams(3, 5)
    scheduler = busy(ring)
    frames(scheduler, 3)
    newcomer = streams(1, 3, first=101)[0]
    scheduler.add(newcomer, True)
    scheduler.reprioritize(newcomer, 5, True)
    assert frames(scheduler, 4) == [101, 1, 3, 5]


def test_a_stream_that_has_sent_is_not_fresh_at_another_level() -> None:
    ring = streams(2, 5)
    scheduler = busy(ring)
    frames(scheduler, 2)
    served = streams(1, 3, first=101)[0]
    scheduler.add(served, True)
    assert frames(scheduler, 1) == [101]
    scheduler.reprioritize(served, 5, True)
    assert frames(scheduler, 3) == [1, 3, 101]


def test_the_first_to_be_served_keeps_its_place_for_a_round() -> None:
    """It refills within the round, so a stream that was quiet goes before it."""
    first, second, quiet = streams(3)
    scheduler = busy([first, second])
    assert scheduler.next() is first
    scheduler.sent(first, False)
    assert frames(scheduler, 1) == [3]
    scheduler.add(first, True)
    scheduler.add(quiet, True)
    assert frames(scheduler, 3) == [5, 1, 3]


def fresh_or_not(back_and_forth: list[tuple[int, bool]]) -> list[int]:
    """The first frames of a level that one stream has used before another one arrives."""
    ring, other = streams(1, 5, first=101), streams(1, 3, first=201)
    scheduler = busy(ring, other)
    frames(scheduler, 40)
    newcomer = streams(1, 3)[0]
    scheduler.add(newcomer, True)
    for urgency, incremental in back_and_forth:
        scheduler.reprioritize(newcomer, urgency, incremental)
    scheduler.remove(other[0])
    return frames(scheduler, 2)


@pytest.mark.parametrize(
    ("back_and_forth", "expected"),
    [
        ([(4, True), (5, True)], [1, 101]),
        # A place that it had before is not new.
        ([(4, True), (3, True), (5, True)], [101, 1]),
        # One that is not incremental is never fresh.
        ([(3, False), (5, True)], [101, 1]),
    ],
)
def test_who_is_fresh_after_several_changes(
    back_and_forth: list[tuple[int, bool]], expected: list[int]
) -> None:
    assert fresh_or_not(back_and_forth) == expected


@pytest.mark.parametrize("urgency", range(LEVELS))
@pytest.mark.parametrize("parked", [True, False])
def test_a_place_without_a_stream_that_can_send_is_passed_over(urgency: int, parked: bool) -> None:
    turns = streams(3, urgency)
    scheduler = busy(turns)
    frames(scheduler, 3)
    if parked:
        scheduler.park(turns[0])
    else:
        scheduler.sent(turns[0], False)
    assert frames(scheduler, 4) == [3, 5, 3, 5]


def test_a_parked_stream_gets_the_priority_that_it_was_given_meanwhile() -> None:
    turns = streams(2)
    scheduler = busy(turns)
    assert scheduler.next() is turns[0]
    scheduler.park(turns[0])
    scheduler.reprioritize(turns[0], 1, False)
    assert turns[0].place == PARKED
    assert frames(scheduler, 1) == [3]
    scheduler.wake(turns[0])
    assert frames(scheduler, 2) == [1, 1]


# Cost.


def count(work: Callable[[], object]) -> int:
    """The number of bytecode instructions that the work takes."""
    if platform.python_implementation() != "CPython":
        pytest.skip("only CPython counts instructions")
    counted = 0

    def in_frame(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal counted
        counted += event == "opcode"
        return in_frame

    def on_call(frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return in_frame

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted


def frame_cost(number: int, incremental: bool) -> float:
    """Instructions for a frame with this many streams, of which each has had its first turn."""
    scheduler = busy(streams(number, incremental=incremental))
    frames(scheduler, number)
    return count(lambda: frames(scheduler, 500)) / 500


@pytest.mark.parametrize("incremental", [True, False])
def test_a_frame_costs_the_same_with_10_000_streams_as_with_100(incremental: bool) -> None:
    assert frame_cost(10_000, incremental) <= 1.02 * frame_cost(100, incremental)


def turnover_cost(number: int, incremental: bool) -> float:
    """Instructions to park, wake, reprioritize and reset one stream among this many."""
    turns = streams(number, incremental=incremental)
    scheduler = busy(turns)

    def work() -> None:
        for _ in range(40):
            turn = scheduler.next()
            assert turn is not None
            scheduler.park(turn)
            scheduler.wake(turn)
            scheduler.reprioritize(turn, 5, incremental)
            scheduler.reprioritize(turn, 3, incremental)
            scheduler.remove(turn)

    return count(work) / 40


@pytest.mark.parametrize("incremental", [True, False])
def test_changes_cost_the_same_with_10_000_streams_as_with_100(incremental: bool) -> None:
    assert turnover_cost(10_000, incremental) <= 1.1 * turnover_cost(100, incremental)


def test_streams_that_were_reset_leave_nothing() -> None:
    """A peer may reset one stream after the other while its connection window is closed."""
    scheduler = busy(streams(10))
    for first in range(1001, 41001, 2):
        short = streams(1, first=first)[0]
        scheduler.add(short, True)
        scheduler.remove(short)
    level = scheduler._levels[1 << 3]
    assert len(level.fresh) + len(level.ring) <= 40


def test_taking_them_out_costs_the_same_for_each() -> None:
    def cost(number: int) -> float:
        turns = streams(number)
        scheduler = busy(turns)

        def work() -> None:
            for turn in turns:
                scheduler.remove(turn)

        return count(work) / number

    assert cost(10_000) <= 1.1 * cost(1_000)


def test_a_scheduler_that_nobody_uses_holds_nothing() -> None:
    scheduler = Scheduler()
    assert not scheduler
    assert sys.getsizeof(scheduler) + sys.getsizeof(scheduler._levels) <= 160


@pytest.mark.parametrize(("number", "cleared_after"), [(12, 9), (20, 11)])
@pytest.mark.parametrize("served", [True, False])
def test_places_of_streams_that_are_gone_are_cleared_when_they_prevail(
    number: int, cleared_after: int, served: bool
) -> None:
    turns = streams(number)
    scheduler = busy(turns)
    if served:
        frames(scheduler, number)
    level = scheduler._levels[1 << 3]
    for gone, turn in enumerate(turns[:cleared_after], 1):
        scheduler.remove(turn)
        places = len(level.fresh) + len(level.ring)
        cleared = gone == cleared_after
        assert (places, level.dead) == ((number - gone, 0) if cleared else (number, gone))
    assert frames(scheduler, 1) == [turns[cleared_after].stream_id]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_stream_that_ends_leaves_no_place(elsewhere: bool) -> None:
    ending, other = streams(2)
    scheduler = busy([ending, other])
    if elsewhere:
        scheduler.reprioritize(ending, 1, True)
    ending.ended = True
    assert scheduler.next() is ending
    scheduler.sent(ending, False)
    level = scheduler._levels[1 << 3]
    # The scheduler only knows that nobody returns to a place at another level.
    assert level.dead == elsewhere
    assert [*level.fresh, *level.ring] == ([ending, other] if elsewhere else [other])
    assert frames(scheduler, 1) == [3]
    assert level.dead == 0
