"""The state of each stream, and what is remembered of closed streams."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from typing import Any, Final

from h2._compiled import COMPILED
from h2._core.counts import Counts
from h2._core.open_streams import OpenStreams
from h2._core.views import StreamStateMachine
from h2._native import mypyc_attr
from h2._rules.flow_control import ReceiveWindow
from h2._rules.stream_states import CLOSED, CLOSED_BY_US, FIRST_COUNTED, IDLE

# What a stream remembers of its request method: only what decides how the response ends.
ORDINARY_METHOD: Final = 0
HEAD_METHOD: Final = 1  #: the response has no content (RFC 9110 section 9.3.2)
CONNECT_METHOD: Final = 2  #: a successful response makes the stream a tunnel (RFC 9113 section 8.5)
UNKNOWN_METHOD: Final = 3  #: the HTTP/1.1 request of an upgrade, whose method is unknown

#: At most this many gaps in the peer's stream identifiers are remembered; an identifier from a
#: forgotten gap counts as closed, which is an error as well.
_MAX_GAPS: Final = 32

#: The last place for a stream in ``_slots``: 128 places, for as many concurrent streams as most
#: peers allow.
_LAST_SLOT: Final = 127

# Represent that nothing is remembered; nothing is ever added to them.
_NO_GAPS: Final[list[tuple[int, int]]] = []
_NO_RESETS: Final[dict[int, int]] = {}
_NO_SLOTS: Final[list[Any]] = []


@mypyc_attr(acyclic=True, free_list_len=1)
class Stream:
    """One stream that is not closed.

    Consumers know it as ``h2.stream.H2Stream`` and read ``stream_id``, ``open``, ``closed`` and
    ``state_machine``.
    """

    __slots__ = (
        "authority",
        "content_length",
        "method",
        "remaining",
        "send_offset",
        "state",
        "stream_id",
        "tunnel",
        "window",
    )

    def __init__(self, stream_id: int, state: int, window: int) -> None:
        self.stream_id: int = stream_id
        self.state: int = state  #: one of h2._rules.stream_states
        #: Send window, relative to the peer's INITIAL_WINDOW_SIZE, so a change of that setting
        #: costs the same however many streams are open.
        self.send_offset: int = 0
        self.window: ReceiveWindow = ReceiveWindow(window)
        self.authority: bytes | None = None  #: ":authority" of our request, for ALTSVC
        # The framing of the message that is being received (h2._core.framing).
        self.method: int = ORDINARY_METHOD
        self.tunnel: bool = False  #: CONNECT was answered with success
        #: Octets of content that the message announces; None if it does not.
        self.content_length: int | None = None
        #: How many octets may still arrive; None if any number may.
        self.remaining: int | None = None

    def __repr__(self) -> str:
        return f"<H2Stream id:{self.stream_id} state:{self.state_machine.state!r}>"

    @property
    def state_machine(self) -> StreamStateMachine:
        """The state in terms of the published API."""
        return StreamStateMachine(self.state)

    @property
    def open(self) -> bool:
        """Whether the stream is open or half-closed (RFC 9113 section 5.1)."""
        return FIRST_COUNTED <= self.state < CLOSED

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self.state >= CLOSED


class Streams:
    """The streams that are not closed, and what is remembered about closed ones.

    Counters are kept, not computed. ``table`` has the streams by identifier.
    """

    __slots__ = (
        "_forgotten",
        "_gaps",
        "_inbound_parity",
        "_latest",
        "_seen_by_program",
        "_skipped",
        "_slots",
        "highest_inbound",
        "highest_outbound",
        "highest_promised",
        "open",
        "reset",
        "table",
    )

    def __init__(self, client: bool) -> None:
        self._inbound_parity = 0 if client else 1
        self.open = Counts(self._inbound_parity)
        self.table: dict[int, Stream] = {}
        self._seen_by_program: Any = None  # created when a program asks for it
        # For the compiled build: the stream that was looked up last, and some more once there are
        # several, by their identifiers.
        self._latest: Stream | None = None
        self._slots: list[Stream | None] = _NO_SLOTS
        self.highest_inbound = 0
        self.highest_promised = 0  #: by an accepted promise of the server
        self.highest_outbound = 0
        #: How the latest streams that did not end with END_STREAM were closed.
        self.reset: dict[int, int] = _NO_RESETS
        # The highest identifier, even and odd, of a reset stream that is no longer in there.
        self._forgotten = (0, 0)
        self._gaps: list[tuple[int, int]] = _NO_GAPS
        self._skipped = 0  # skipped identifiers, including those of forgotten gaps

    # The streams that are not closed, as a mapping. Code that runs for each frame uses ``table``,
    # and ``get`` in the compiled build.

    @property
    def seen_by_program(self) -> dict[int, Stream]:
        """The streams in a dict that programs may change."""
        if self._seen_by_program is None:
            self._seen_by_program = OpenStreams(self.table, self.open)
        streams: dict[int, Stream] = self._seen_by_program
        return streams

    def get(self, stream_id: int) -> Stream | None:
        """Return a stream, or None if it is not there."""
        if COMPILED:
            # Successive look-ups are often for the same stream, and a dict needs an object for the
            # number. What programs have added or removed themselves only shows in the dict.
            if self.open.altered:
                return self.table.get(stream_id)
            found = self._latest
            if found is not None and found.stream_id == stream_id:
                return found
            if stream_id > self.highest_outbound and stream_id > self.highest_inbound:
                return None
            slots = self._slots
            if slots:
                found = slots[stream_id >> 1 & _LAST_SLOT]
                if found is not None and found.stream_id == stream_id:
                    self._latest = found
                    return found
            found = self.table.get(stream_id)
            if found is not None:
                self._note(found)
            return found
        return self.table.get(stream_id)

    def _note(self, stream: Stream) -> None:
        """Let ``get`` find a stream quickly."""
        self._latest = stream
        slots = self._slots
        if not slots and len(self.table) > 1:
            slots = self._slots = [None] * (_LAST_SLOT + 1)
        if slots:
            slots[stream.stream_id >> 1 & _LAST_SLOT] = stream

    def _forget(self, stream: Stream) -> None:
        """Undo what ``_note`` does."""
        if self._latest is stream:
            self._latest = None
        slots = self._slots
        if slots:
            place = stream.stream_id >> 1 & _LAST_SLOT
            if slots[place] is stream:
                slots[place] = None

    def __getitem__(self, stream_id: int) -> Stream:
        return self.table[stream_id]

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self.table

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[int]:
        return iter(self.table)

    def values(self) -> ValuesView[Stream]:
        """Return the streams."""
        return self.table.values()

    def items(self) -> ItemsView[int, Stream]:
        """Return the streams with their identifiers."""
        return self.table.items()

    @property
    def inbound_open(self) -> int:
        """How many streams that the peer opened are open or half-closed."""
        return self.open.inbound

    @property
    def outbound_open(self) -> int:
        """How many streams that we opened are open or half-closed."""
        return self.open.outbound

    def is_inbound(self, stream_id: int) -> bool:
        """Return whether a stream with this identifier is opened by the peer (section 5.1.1)."""
        return stream_id & 1 == self._inbound_parity

    def add(self, stream: Stream) -> None:
        """Add a stream that was just opened or reserved."""
        stream_id = stream.stream_id
        self.table[stream_id] = stream
        if COMPILED:
            self._note(stream)
        if stream_id & 1 == self._inbound_parity:
            # use_inbound, without the call.
            if stream_id > self.highest_inbound + 2:
                self._note_gap(self.highest_inbound, stream_id)
            self.highest_inbound = stream_id
            if stream.state >= FIRST_COUNTED:
                self.open.inbound += 1
        else:
            if stream_id > self.highest_outbound + 2:
                self._note_gap(self.highest_outbound, stream_id)
            self.highest_outbound = stream_id
            if stream.state >= FIRST_COUNTED:
                self.open.outbound += 1

    def use_inbound(self, stream_id: int) -> None:
        """Mark an identifier of the peer as used; it is higher than all before."""
        if stream_id > self.highest_inbound + 2:
            self._note_gap(self.highest_inbound, stream_id)
        self.highest_inbound = stream_id

    def _note_gap(self, before: int, after: int) -> None:
        if self._gaps is _NO_GAPS:
            self._gaps = []
        self._gaps.append((before, after))
        self._skipped += (after - before + 1) // 2 - 1
        if len(self._gaps) > _MAX_GAPS:
            del self._gaps[0]

    def move(self, stream: Stream, state: int, max_reset: int) -> None:
        """Set the next state of a stream; a closed one is forgotten."""
        before = stream.state
        stream.state = state
        if state >= CLOSED:
            stream_id = stream.stream_id
            if COMPILED:
                self._forget(stream)
            try:
                del self.table[stream_id]
            except KeyError:
                return  # the application has removed it
            if state > CLOSED:
                self.remember(stream_id, state, max_reset)
            if before >= FIRST_COUNTED:
                if stream_id & 1 == self._inbound_parity:
                    self.open.inbound -= 1
                else:
                    self.open.outbound -= 1
        elif before < FIRST_COUNTED <= state:
            self.open.change(stream.stream_id, 1)

    def remember(self, stream_id: int, state: int, max_reset: int) -> None:
        """Remember how a stream was closed; at most ``max_reset`` are remembered."""
        reset = self.reset
        if reset is _NO_RESETS:
            reset = self.reset = {}
        reset[stream_id] = state
        while len(reset) > max_reset:
            oldest = next(iter(reset))
            del reset[oldest]
            even, odd = self._forgotten
            self._forgotten = (even, max(odd, oldest)) if oldest & 1 else (max(even, oldest), odd)

    def is_used(self, stream_id: int) -> bool:
        """Return whether a stream is no longer idle (section 5.1.1)."""
        if self.is_inbound(stream_id):
            return 0 < stream_id <= self.highest_inbound
        return 0 < stream_id <= self.highest_outbound

    def state_of(self, stream_id: int) -> int:
        """Return the state of any stream, known or not.

        Below the identifier of a forgotten reset stream, it is unknown how a stream was closed. It
        counts as reset by us then, so frames that were in flight are not errors.
        """
        stream = self.table.get(stream_id)
        if stream is not None:
            return stream.state
        if not self.is_used(stream_id):
            return IDLE
        state = self.reset.get(stream_id)
        if state is None:
            return CLOSED if stream_id > self._forgotten[stream_id & 1] else CLOSED_BY_US
        return state

    @property
    def ever_opened(self) -> int:
        """How many streams there have been, including refused and reserved ones."""
        return (self.highest_inbound + 1) // 2 + (self.highest_outbound + 1) // 2 - self._skipped

    def was_skipped(self, stream_id: int) -> bool:
        """Return whether an identifier was skipped by a higher one (section 5.1.1)."""
        parity = stream_id & 1
        return any(
            before < stream_id < after and after & 1 == parity for before, after in self._gaps
        )
