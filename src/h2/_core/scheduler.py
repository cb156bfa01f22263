"""Decides which stream sends content next: RFC 9218 section 10. Knows no frames or windows."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any, Final, Generic, TypeVar

#: The place of a stream: it can send, or it has content but no window. None if it has no content.
READY: Final = 1
PARKED: Final = 2

#: After this many frames in a row that went first, those waiting behind them get one. It keeps them
#: alive and leaves 97 % to what is more urgent.
SHARE: Final = 31

#: Entries of ended streams are removed from a line when there are more of them than this, and more
#: than others. So their cost is constant however often a peer resets streams.
_FEW: Final = 8


class Turn:
    """What the scheduler knows about a stream; a subclass has the content."""

    __slots__ = (
        "_fresh",
        "_line",
        "bit",
        "ended",
        "incremental",
        "marks",
        "place",
        "stream_id",
    )

    def __init__(self, stream_id: int, urgency: int, incremental: bool) -> None:
        self.stream_id: int = stream_id
        self.bit: int = 1 << urgency  #: the bit of its level
        self.incremental: bool = incremental
        self.ended: bool = False  #: nothing follows what is pending
        self.place: int | None = None  #: READY or PARKED
        #: It has not sent since it was added as a quiet stream.
        self._fresh: bool = False
        #: The bit of the level in which it is ready; 0 if there is none.
        self._line: int = 0
        #: The bits of the levels with an entry for it in one of their lines, ready or not.
        self.marks: int = 0

    @property
    def urgency(self) -> int:
        """From 0, the most urgent, to 7."""
        return self.bit.bit_length() - 1


T = TypeVar("T", bound=Turn)

#: A line that was not created yet. It is recognized by its maximum length, which copies also have.
_NOBODY: Final[deque[Any]] = deque(maxlen=0)

_ALL: Final = -1


class _Level(Generic[T]):
    """The streams of one urgency.

    Non-incremental streams are sorted by identifier, and the first one is served. Incremental
    streams send one frame per turn, in the order of two lines: ``fresh``, for streams that were
    quiet, goes first; after its frame a stream moves to ``ring``.

    A stream that has nothing to send, or no window, leaves its entry in the line as a mark. It
    keeps its place until the mark reaches the front. So a stream without a mark was quiet for a
    whole round. This is the deficit round robin of RFC 8290, in frames. An endless supply of new
    streams must not stop the ring: after those that were there first, or 31, it gets a frame.
    """

    __slots__ = (
        "active",
        "bit",
        "dead",
        "fresh",
        "fresh_left",
        "identifiers",
        "ring",
        "sequential",
        "sequential_was_last",
    )

    def __init__(self, bit: int) -> None:
        self.bit: int = bit
        self.identifiers: list[int] = []  #: of the streams in ``sequential``
        self.sequential: list[T] = []
        # A line has at most one entry for a stream. Each is created when it is first needed.
        self.fresh: deque[T] = _NOBODY
        self.ring: deque[T] = _NOBODY
        self.active: int = 0  #: how many entries in the lines are ready
        self.dead: int = 0  #: how many belong to ended streams
        self.sequential_was_last: bool = False
        #: How many fresh streams may still precede one of the ring; _ALL before the first.
        self.fresh_left: int = _ALL

    def front(self) -> T:
        """Return the stream whose turn it is; at least one must be ready."""
        # Both kinds: alternating, because "early non-incremental responses might prevent the
        # serving of incremental responses issued later [...] It is RECOMMENDED that servers avoid
        # such starvation where possible."
        if self.identifiers and not (self.active and self.sequential_was_last):
            return self.sequential[0]
        while True:
            line = self.fresh
            if not line or (self.fresh_left == 0 and self.ring):
                line = self.ring
            turn = line[0]
            if turn._line == self.bit:
                return turn
            self._drop_first(line)

    def _drop_first(self, line: deque[T]) -> None:
        """Remove a mark that has reached the front."""
        turn = line.popleft()
        if turn.marks & self.bit:
            turn.marks ^= self.bit
        else:
            self.dead -= 1

    def enter_sequence(self, turn: T) -> None:
        """Add a non-incremental stream that can send."""
        place = bisect_left(self.identifiers, turn.stream_id)
        self.identifiers.insert(place, turn.stream_id)
        self.sequential.insert(place, turn)

    def leave_sequence(self, turn: T) -> None:
        """Remove a non-incremental stream. The entry of an incremental one stays as a mark."""
        place = bisect_left(self.identifiers, turn.stream_id)
        del self.identifiers[place]
        del self.sequential[place]

    def end_turn(self, turn: T, stays: bool) -> None:
        """Move the entry at the front of a line to the end of the ring, or remove it."""
        ring = self.ring
        if ring and ring[0] is turn:
            self.fresh_left = _ALL
            if stays:
                ring.rotate(-1)
                return
            ring.popleft()
        else:
            if ring:
                if self.fresh_left == _ALL:
                    self.fresh_left = max(SHARE, len(self.fresh))
                self.fresh_left -= 1
            self.fresh.popleft()
            if stays:
                turn._fresh = False
                self.into_ring(turn)
                return
        turn.marks ^= self.bit

    def into_ring(self, turn: T) -> None:
        """Add the entry of a stream at the end of the ring."""
        if self.ring.maxlen == 0:
            self.ring = deque((turn,))
        else:
            self.ring.append(turn)

    def bury(self) -> None:
        """Note that a stream with an entry here has ended."""
        self.dead += 1
        if self.dead > _FEW and 2 * self.dead > len(self.fresh) + len(self.ring):
            self.fresh = deque([turn for turn in self.fresh if turn.marks & self.bit])
            self.ring = deque([turn for turn in self.ring if turn.marks & self.bit])
            self.dead = 0


class Scheduler(Generic[T]):
    """The streams with content to send, in the order in which to send it.

    The most urgent level goes first, except for one frame in 32, which the others get in turn: so
    "every request can make some progress over time" (section 10.1), and urgent content loses 3 %.

    :meth:`next` returns the stream whose turn it is, without a relevant change; :meth:`sent`,
    :meth:`park` or :meth:`remove` of that stream ends its turn.
    """

    __slots__ = ("_last_other", "_levels", "_only", "_passed", "ready")

    def __init__(self) -> None:
        # By bit, which is 1 << urgency; a level is created when it is first needed.
        self._levels: dict[int, _Level[T]] = {}
        #: The bits of the levels in which a stream is ready: 0 if none is.
        self.ready: int = 0
        # The level in which streams are ready, if it is a single one.
        self._only: _Level[T] | None = None
        #: Consecutive frames of the most urgent level while others were ready.
        self._passed: int = 0
        #: The bit of the level that had the last frame for the others.
        self._last_other: int = 0

    def __bool__(self) -> bool:
        """Whether any stream is ready."""
        return self.ready != 0

    def add(self, turn: T, fresh: bool) -> None:
        """Add a stream that had nothing to send and has a window.

        ``fresh`` lets it go first, once, if it is incremental and had nothing for a whole round.
        """
        turn.place = READY
        bit = turn.bit
        level = self._only
        if level is None or level.bit != bit:
            level = self._fill(bit)
        if not turn.incremental:
            level.enter_sequence(turn)
            return
        turn._line = bit
        if not level.active and level.fresh.maxlen == 0:
            level.fresh = deque()
        level.active += 1
        marks = turn.marks
        if marks & bit:
            turn._fresh = False
            return  # its place is at its mark
        turn.marks = marks | bit
        turn._fresh = fresh
        if fresh:
            level.fresh.append(turn)
        else:
            level.into_ring(turn)

    def wake(self, turn: T) -> None:
        """Add a parked stream that has a window again.

        It is never fresh: a download whose client reads slowly must not overtake a quiet stream.
        """
        self.add(turn, False)

    def park(self, turn: T) -> None:
        """Suspend the stream that :meth:`next` returned until it is woken: it has no window."""
        if turn.incremental:
            self._levels[turn.bit].end_turn(turn, True)
        self.pause(turn)

    def pause(self, turn: T) -> None:
        """Skip a ready stream until it is woken; it keeps its place in the line."""
        self._leave(turn)
        turn.place = PARKED

    def remove(self, turn: T) -> None:
        """Remove a stream that has ended or was reset, wherever it is. It must not return."""
        if turn.place == READY:
            self._leave(turn)
        turn.place = None
        if turn.marks:
            self._forget_marks(turn)

    def reprioritize(self, turn: T, urgency: int, incremental: bool) -> None:
        """Change the priority of a stream, wherever it is.

        One that leaves a level and returns to it keeps its place there.
        """
        if turn.urgency == urgency and turn.incremental == incremental:
            return
        ready = turn.place == READY
        fresh = turn._fresh and turn._line != 0
        if ready:
            self._leave(turn)
        turn.bit = 1 << urgency
        turn.incremental = incremental
        if ready:
            self.add(turn, fresh)

    def next(self) -> T | None:
        """Return the stream whose turn it is, None if none is ready."""
        level = self._only
        if level is None:
            if not self.ready:
                return None
            level = self._choose()
        if not level.identifiers and level.fresh_left:
            # The usual case of `front`, without a call.
            line = level.fresh or level.ring
            turn = line[0]
            if turn._line == level.bit:
                return turn
        return level.front()

    def _choose(self) -> _Level[T]:
        """Return the level whose turn it is, out of several in which streams are ready."""
        ready = self.ready
        bit = ready & -ready
        if self._passed == SHARE:
            others = ready ^ bit
            later = others & -(self._last_other << 1)
            bit = later & -later if later else others & -others
        return self._levels[bit]

    def sent(self, turn: T, more: bool) -> None:
        """Note that the stream that :meth:`next` returned has sent, and whether it has more."""
        level = self._only
        if level is None:
            level = self._levels[turn.bit]
            if self.ready & (level.bit - 1):  # a more urgent one is ready
                self._passed = 0
                self._last_other = level.bit
            else:
                self._passed += 1
        if turn.incremental:
            level.sequential_was_last = False
            if more or level.ring or not turn.ended:
                level.end_turn(turn, more or not turn.ended)
                if more:
                    return
            else:
                # The usual case of `end_turn` for a short message, without a call.
                level.fresh.popleft()
                turn.marks ^= level.bit
            level.active -= 1
            turn._line = 0
        else:
            level.sequential_was_last = True
            if more:
                return
            level.leave_sequence(turn)
        turn.place = None
        if not level.active and not level.identifiers:
            self._empty(level.bit)
        if turn.ended and turn.marks:
            self._forget_marks(turn)

    def alone(self, turn: T) -> bool:
        """Return whether no other stream can have a turn before this one is empty or parked."""
        level = self._only
        if level is None:
            return False
        if turn.incremental:
            return level.active == 1 and not level.identifiers
        return not level.active

    def _leave(self, turn: T) -> None:
        bit = turn.bit
        level = self._levels[bit]
        if turn.incremental:
            level.active -= 1
            turn._line = 0
        else:
            level.leave_sequence(turn)
        if not level.active and not level.identifiers:
            self._empty(bit)

    def _fill(self, bit: int) -> _Level[T]:
        """Note that a stream is ready at a level, and return the level."""
        level = self._levels.get(bit)
        if level is None:
            level = self._levels[bit] = _Level(bit)
        self.ready |= bit
        self._only = self._levels.get(self.ready)
        return level

    def _empty(self, bit: int) -> None:
        """Note that nothing is ready at a level."""
        self.ready ^= bit
        self._only = self._levels.get(self.ready)
        if not self.ready & (self.ready - 1):
            self._passed = 0

    def _forget_marks(self, turn: T) -> None:
        marks = turn.marks
        turn.marks = 0
        while marks:
            bit = marks & -marks
            marks ^= bit
            self._levels[bit].bury()
