"""The buffered connection: its calls, its events, and invariants of what is pending."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

from h2._rules.connection_states import TERMINATED
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataAvailable, Event, StreamWritable
from h2.exceptions import H2Error

from . import calls as application
from . import grammar, wire
from .check import require, require_same
from .play import Call, Cut, Receive, Run, Scene, Step, Take, check_runs, cut_into
from .scenes import beginning, configuration
from .source import Source

_SIZES: Final = (100, 1, 0, 16_384, 20_000, 70_000, 5, 1_000)
_MUCH: Final = 2**30
_AMOUNTS: Final = (None, 0, 1, 20, 100, 5_000, 16_393, 65_536)


_READING: Final = frozenset(("read_data", "readable", "at_end", "discard_data"))


class _LowMarks(BufferedH2Connection):
    """A connection with low limits."""

    SEND_BUFFER_HIGH = 100
    SEND_BUFFER_LOW = 10
    STREAMS_BEFORE_SETTINGS = 1
    MAX_CLOSED_STREAMS = 2


def _options(number: int) -> dict[str, Any]:
    options: dict[str, Any] = {"clock": lambda: 0.0, "receive_buffering": bool(number & 1)}
    if number & 2:
        options |= {"keepalive": Keepalive(2, 1), "settings_timeout": 3.0, "shutdown_timeout": 4.0}
    if number & 8:
        options |= {"stream_window": 100_000, "connection_window": 200_000}
    return options


@lru_cache(maxsize=1024)
def buffered_scene(number: int, choice: int) -> Scene:
    """Return a scene by number, with a buffered connection in one of sixteen configurations."""
    client = bool(number & 1)
    config: H2Configuration = configuration(number)
    options = _options(choice)
    cls = _LowMarks if choice & 4 else BufferedH2Connection
    return Scene(client, lambda: cls(config, **options), beginning(number))


class BufferedRun(Run):
    """A history of a buffered connection. Its own events are separate from what the peer does."""

    conn: BufferedH2Connection

    def __init__(self, scene: Scene, cut: Cut, left_out: Collection[int] = ()) -> None:
        self.content: dict[int, bytes] = {}  #: what was read, by stream
        self.available: set[int] = set()
        self.buffering = True
        super().__init__(scene, cut, left_out)
        try:
            self.conn.readable(1)
        except RuntimeError:
            self.buffering = False

    def step(self, place: int, step: Step) -> None:
        """Take one step, and process the resulting events."""
        super().step(place, step)
        self._note(self.conn.events())
        self._check_waiting()

    def sends(self) -> bool:
        """Return whether the preface was sent: nothing goes before it."""
        return self.conn._core.initiated

    def take(self, amount: int | None) -> None:
        """Take output: all that windows and limits allow, or at most an amount."""
        super().take(amount)
        if amount is None and self.sends():
            sendable = self._sendable()
            require(sendable is None, "octets and a window, and nothing goes:", sendable)
        self._note(self.conn.events())

    def _note(self, events: Sequence[Event]) -> None:
        # Their number depends on how the input is split.
        self.available |= {event.stream_id for event in events if isinstance(event, DataAvailable)}
        super()._note([event for event in events if not isinstance(event, DataAvailable)])
        for event in events:
            if isinstance(event, StreamWritable):
                size = self.conn.send_buffer_size(event.stream_id)
                require(size <= self.conn.SEND_BUFFER_LOW, "StreamWritable at", size)

    def call(self, place: int, call: Call) -> None:
        """Make a call. Reading is only for connections with receive buffering."""
        if self.buffering or call.method not in _READING:
            super().call(place, call)

    def returned(self, call: Call, value: object) -> None:
        """Note content that was read."""
        if call.method == "read_data" and isinstance(value, bytes):
            stream_id = call.arguments[0]
            stream_id = stream_id(self.conn) if callable(stream_id) else stream_id
            self.content[stream_id] = self.content.get(stream_id, b"") + value

    def read_all(self) -> None:
        """Read everything that has arrived."""
        for stream_id in self.available:
            there = self.conn.readable(stream_id)
            if there:
                data = self.conn.read_data(stream_id)
                require_same(len(data), there, "octets that are readable")
                self.content[stream_id] = self.content.get(stream_id, b"") + data

    def check_same(self, other: Run) -> None:
        """Check states, what is pending, and what has arrived."""
        super().check_same(other)
        assert isinstance(other, BufferedRun)
        if not other.errors:
            require_same(self._waiting(), other._waiting(), "what waits, cut in another way")
        self.read_all()
        other.read_all()
        require_same(self.content, other.content, "content, cut in another way")

    def _waiting(self) -> object:
        conn = self.conn
        each = [
            (stream_id, conn.send_buffer_size(stream_id), conn.is_writable(stream_id))
            for stream_id in conn.streams
        ]
        return conn.waiting_streams, conn.send_buffer_size(), each, conn.get_timer()

    def _check_waiting(self) -> None:
        conn = self.conn
        whole = conn.send_buffer_size()
        each = sum(map(conn.send_buffer_size, conn.streams))
        require(whole >= each, "octets that wait:", whole, each)
        require(whole == each or conn.waiting_streams, "octets that wait for no stream:", whole)

    def _sendable(self) -> int | None:
        core = self.conn._core
        if core.send_windows.connection <= 0:
            return None
        for stream_id, stream in core.streams.items():
            window = core.send_windows.initial + stream.send_offset
            if window > 0 and stream.open and self.conn.send_buffer_size(stream_id):
                return stream_id
        return None


def drain(run: BufferedRun) -> None:
    """Open all windows and limits: then nothing is pending any more."""
    conn = run.conn
    core = conn._core
    if run.errors or not run.readable or not core.initiated or core.preface_left:
        return
    if core.state == TERMINATED or core.partial_frame.header or core.partial_block:
        return
    for _ in range(100):
        frames = [wire.settings((wire.MAX_CONCURRENT_STREAMS, 2**31 - 1))]
        for stream_id, stream in core.streams.items():
            increment = _MUCH - core.send_windows.initial - stream.send_offset
            if conn.send_buffer_size(stream_id) and increment > _MUCH // 2:
                frames.append(wire.window_update(stream_id, increment))
        increment = _MUCH - core.send_windows.connection
        if increment > _MUCH // 2:
            frames.append(wire.window_update(0, increment))
        run.receive(b"".join(frames))
        run.take(None)
        if not (conn.send_buffer_size() or conn.waiting_streams):
            return
    require(False, "waits for ever:", conn.send_buffer_size(), conn.waiting_streams)


def _newest(conn: H2Connection) -> int:
    """Our last stream, open or not."""
    try:
        return conn.get_next_available_stream_id() - 2
    except H2Error:
        return conn.highest_outbound_stream_id


def _next(conn: H2Connection) -> int:
    return conn.get_next_available_stream_id()


def _stream(source: Source) -> Any:
    choice = source.octet()
    if choice < 0xC0:
        return (_newest, application.theirs, lambda conn: _newest(conn) - 2)[choice % 3]
    return grammar.STREAM_IDS[choice % len(grammar.STREAM_IDS)]


def _request(source: Source) -> Call:
    choice = source.octet()
    fields = list(grammar.SECTIONS[choice % 8])
    fields += [(b"priority", b"u=%d, i" % (choice >> 5))] * (choice >> 3 & 1)
    return Call("send_headers", (_next, fields, choice & 1 == 1), {})


def _write(source: Source) -> Call:
    stream_id, choice = _stream(source), source.octet()
    pad = (None, None, None, 255)[choice >> 1 & 3]
    arguments = (stream_id, bytes(_SIZES[choice >> 3 & 7]), choice & 1 == 1)
    return Call("send_data", arguments, {"pad_length": pad})


def _trailers(source: Source) -> Call:
    return Call("send_headers", (_stream(source), grammar.TRAILERS, not source.chance(4)), {})


def _set_priority(source: Source) -> Call:
    stream_id, choice = _stream(source), source.octet()
    urgency = None if choice & 0x10 else choice & 0xF  # 8 and above are out of range
    incremental = (None, True, False)[(choice >> 5) % 3]
    return Call("set_priority", (stream_id, urgency, incremental), {}, misuse=True)


def _send_priority_update(source: Source) -> Call:
    stream_id, choice = _stream(source), source.octet()
    arguments = (stream_id, choice & 7, bool(choice & 8))
    return Call("send_priority_update", arguments, {}, misuse=True)


def _read(source: Source) -> Call:
    amount = source.pick((None, 1, 0, 100, 5_000, -1))
    return Call("read_data", (_stream(source), amount), {}, misuse=amount == -1)


def _ask(source: Source) -> Call:
    method = source.pick(("is_writable", "send_buffer_size", "get_priority", "readable", "at_end"))
    if source.chance(8):
        method = "discard_data"
    return Call(method, (_stream(source),), {})


def _time(source: Source) -> Call:
    return Call("handle_timer", (float(source.octet() & 7),), {})


def _shutdown(source: Source) -> Call:
    return Call("graceful_shutdown", (), {})


def _ordinary(source: Source) -> Call:
    return application.call(source)


_KINDS: Final = (
    *(_request, _request, _write, _write, _write, _write, _trailers, _set_priority),
    *(_send_priority_update, _read, _read, _ask, _time, _shutdown),
    *(_ordinary,) * 10,
)


def buffered(data: bytes) -> None:
    """Calls of the application and frames of the peer in any order; the rest is buffered."""
    source = Source(data)
    number, choice = source.octet(), source.octet()
    begin = buffered_scene(number, choice & 0xF)
    cut = cut_into(1 + source.octet() % 40)
    peer = grammar.Peer(not begin.client)
    steps: list[Step] = []
    if not begin.before and not begin.client:
        steps.append(Receive(wire.PREFACE))
    if choice & 0x10:
        # Most of them wait for the windows of streams.
        small = wire.settings((wire.INITIAL_WINDOW_SIZE, choice >> 5))
        steps.append(Receive(small + wire.window_update(0, 1_000_000)))
    while source.more and len(steps) < 100:
        choice = source.octet()
        if choice < 0x50:
            steps.append(Receive(grammar.frame(source, peer)))
        elif choice < 0xD0:
            steps.append(_KINDS[source.octet() % len(_KINDS)](source))
        else:
            steps.append(Take(source.pick(_AMOUNTS)))
    drain(check_runs(BufferedRun, begin, steps, cut))
