"""What a connection remembers of each stream, and of the streams that are gone."""

from __future__ import annotations

from typing import Any, Final

from h2._core.views import StreamStateMachine
from h2._rules.flow_control import ReceiveWindow
from h2._rules.stream_states import CLOSED, CLOSED_BY_US, FIRST_COUNTED, IDLE

# What a stream knows of the method of its request: as much as decides how the response ends.
ORDINARY_METHOD: Final = 0
HEAD_METHOD: Final = 1  #: the response has no content (RFC 9110 section 9.3.2)
CONNECT_METHOD: Final = 2  #: a successful response makes the stream a tunnel (RFC 9113 section 8.5)
UNKNOWN_METHOD: Final = 3  #: the HTTP/1.1 request of an upgrade, whose method nobody told us

#: At most this many gaps in the peer's stream identifiers are remembered; an identifier from
#: a gap that is forgotten counts as closed, which is just as much an error.
_MAX_GAPS: Final = 32


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
        #: Send window, relative to the peer's INITIAL_WINDOW_SIZE: so a change of that setting
        #: costs the same however many streams are open.
        self.send_offset: int = 0
        self.window: ReceiveWindow = ReceiveWindow(window)
        self.authority: bytes | None = None  #: ":authority" of our request, for ALTSVC
        # The framing of the message that is being received (h2._core.framing).
        self.method: int = ORDINARY_METHOD
        self.tunnel: bool = False  #: CONNECT was answered with success
        #: Octets of content that the message announces; None where it announces nothing.
        self.content_length: int | None = None
        #: How many octets may still come; None where any number may.
        self.remaining: int | None = None

    def __repr__(self) -> str:
        return f"<H2Stream id:{self.stream_id} state:{self.state_machine.state!r}>"

    @property
    def state_machine(self) -> StreamStateMachine:
        """The state in the terms that consumers know."""
        return StreamStateMachine(self.state)

    @property
    def open(self) -> bool:
        """Whether the stream is open or half-closed (RFC 9113 section 5.1)."""
        return FIRST_COUNTED <= self.state < CLOSED

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self.state >= CLOSED


class Streams(dict[int, Stream]):
    """The streams that are not closed, by identifier, with counters that are kept, not computed.

    Consumers know it as ``H2Connection.streams``.
    """

    __slots__ = (
        "_forgotten",
        "_gaps",
        "_inbound_parity",
        "_skipped",
        "highest_inbound",
        "highest_outbound",
        "highest_promised",
        "inbound_open",
        "outbound_open",
        "reset",
    )

    def __init__(self, client: bool) -> None:
        # No call of dict.__init__: there is nothing that it could put in.
        self._inbound_parity = 0 if client else 1
        self.highest_inbound = 0
        self.highest_promised = 0  #: by a promise of the server that was taken
        self.highest_outbound = 0
        self.inbound_open = 0
        self.outbound_open = 0
        #: How streams that did not end by END_STREAM were closed, the latest ones.
        self.reset: dict[int, int] = {}
        # The highest identifier, even and odd, of a stream that was reset and is not in there.
        self._forgotten = (0, 0)
        self._gaps: list[tuple[int, int]] = []
        self._skipped = 0  # identifiers that were passed over, those of forgotten gaps too

    def is_inbound(self, stream_id: int) -> bool:
        """Tell whether the peer is the one to open this stream (section 5.1.1)."""
        return stream_id & 1 == self._inbound_parity

    def add(self, stream: Stream) -> None:
        """Take in a stream that was just opened or reserved."""
        stream_id = stream.stream_id
        self[stream_id] = stream
        if stream_id & 1 == self._inbound_parity:
            self.use_inbound(stream_id)
            if stream.state >= FIRST_COUNTED:
                self.inbound_open += 1
        else:
            if stream_id > self.highest_outbound + 2:
                self._note_gap(self.highest_outbound, stream_id)
            self.highest_outbound = stream_id
            if stream.state >= FIRST_COUNTED:
                self.outbound_open += 1

    def use_inbound(self, stream_id: int) -> None:
        """Count an identifier of the peer as used, which is higher than all before."""
        if stream_id > self.highest_inbound + 2:
            self._note_gap(self.highest_inbound, stream_id)
        self.highest_inbound = stream_id

    def _note_gap(self, before: int, after: int) -> None:
        self._gaps.append((before, after))
        self._skipped += (after - before + 1) // 2 - 1
        if len(self._gaps) > _MAX_GAPS:
            del self._gaps[0]

    def move(self, stream: Stream, state: int, max_reset: int) -> None:
        """Put a stream into its next state; one that is closed is forgotten."""
        before = stream.state
        stream.state = state
        if state >= CLOSED:
            stream_id = stream.stream_id
            if _pop(self, stream_id, None) is None:
                return  # an application took it out by itself
            if state > CLOSED:
                self.remember(stream_id, state, max_reset)
            if before >= FIRST_COUNTED:
                if stream_id & 1 == self._inbound_parity:
                    self.inbound_open -= 1
                else:
                    self.outbound_open -= 1
        elif before < FIRST_COUNTED <= state:
            self._count(stream.stream_id, 1)

    def remember(self, stream_id: int, state: int, max_reset: int) -> None:
        """Remember how a stream was closed, and of the earlier ones at most ``max_reset``."""
        reset = self.reset
        reset[stream_id] = state
        while len(reset) > max_reset:
            oldest = next(iter(reset))
            del reset[oldest]
            even, odd = self._forgotten
            self._forgotten = (even, max(odd, oldest)) if oldest & 1 else (max(even, oldest), odd)

    def _count(self, stream_id: int, change: int) -> None:
        if stream_id & 1 == self._inbound_parity:
            self.inbound_open += change
        else:
            self.outbound_open += change

    def is_used(self, stream_id: int) -> bool:
        """Tell whether an identifier is not idle any more (section 5.1.1)."""
        if self.is_inbound(stream_id):
            return 0 < stream_id <= self.highest_inbound
        return 0 < stream_id <= self.highest_outbound

    def state_of(self, stream_id: int) -> int:
        """Return the state of any stream, known or not.

        Below an identifier that was reset and is forgotten, nobody can tell any more how a stream
        was closed. It counts as reset by us then: frames that were in flight are no error.
        """
        stream = self.get(stream_id)
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
        """How many streams there have been, those that were refused or reserved included."""
        return (self.highest_inbound + 1) // 2 + (self.highest_outbound + 1) // 2 - self._skipped

    def was_skipped(self, stream_id: int) -> bool:
        """Tell whether an identifier was passed over by a higher one (section 5.1.1)."""
        parity = stream_id & 1
        return any(
            before < stream_id < after and after & 1 == parity for before, after in self._gaps
        )

    # What some consumers do: a stream that they take out is not counted any more.

    def pop(self, stream_id: int, *default: Any) -> Any:
        """Take a stream out."""
        stream = _pop(self, stream_id, *default)
        if isinstance(stream, Stream) and stream.open:
            self._count(stream_id, -1)
        return stream

    def popitem(self) -> tuple[int, Stream]:
        """Take out the stream that was opened last."""
        stream_id, stream = dict.popitem(self)
        if stream.open:
            self._count(stream_id, -1)
        return stream_id, stream

    def clear(self) -> None:
        """Take out all streams."""
        dict.clear(self)
        self.inbound_open = self.outbound_open = 0

    def __delitem__(self, stream_id: int) -> None:
        self.pop(stream_id)


_pop: Final[Any] = dict.pop
