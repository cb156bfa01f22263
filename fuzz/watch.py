"""The view of the other end: every octet of the output is parsed and checked."""

from __future__ import annotations

from collections import deque

from hpack import Decoder, HPACKError

from . import wire
from .check import Broken, require, require_same

_UNLIMITED = 1 << 40


class Watcher:
    """The peer of a connection under test. It reads the output and tracks the windows.

    ``took`` gets what the connection received, ``read`` what it sent. Windows and settings change
    in the order that RFC 9113 specifies.
    """

    def __init__(self, client: bool) -> None:
        self.client = client  #: the connection under test is a client
        self._taken = b""  # the incomplete frame at the end of its input
        self._pending = b""  # of its output
        self._preface_due = client
        self.ended = False  #: GOAWAY with an error was sent
        self.last_code = 0  #: of that GOAWAY
        # What it may send.
        self._decoder = Decoder(max_header_list_size=_UNLIMITED)
        self._block: list[bytes] = []
        self._block_id = 0
        self._unread: deque[list[tuple[int, int]]] = deque()  # our SETTINGS, not acknowledged yet
        self._largest_frame = wire.DEFAULT_FRAME_SIZE
        self._push = True
        self._initial = wire.DEFAULT_WINDOW
        self._window = wire.DEFAULT_WINDOW
        self._offsets: dict[int, int] = {}
        self._highest = [0, 0]  # stream identifiers in use, even and odd
        self._finished: set[int] = set()  # END_STREAM or RST_STREAM was sent
        self._reset: set[int] = set()
        # What it may receive.
        self.receive_window = wire.DEFAULT_WINDOW
        self.settings_unacknowledged = 0  #: SETTINGS that it sent, and that we have to acknowledge
        self.pings_answered = 0

    # What the connection receives.

    def took(self, data: bytes) -> None:
        """Note octets that were passed to the connection, after the preface."""
        data = self._taken + data
        start = 0
        for frame, stop in wire.split(data):
            self._note(frame)
            start = stop
        self._taken = data[start:]

    def _note(self, frame: wire.Frame) -> None:
        type_, flags, stream_id, payload = frame
        if type_ == wire.DATA:
            self.receive_window -= len(payload)
        elif type_ == wire.WINDOW_UPDATE and len(payload) == 4:
            increment = int.from_bytes(payload, "big") & wire.MAX_WINDOW
            if stream_id:
                self._offsets[stream_id] = self._offsets.get(stream_id, 0) + increment
            else:
                self._window += increment
        elif type_ == wire.SETTINGS:
            if flags & wire.ACK:
                self.settings_unacknowledged -= 1
            else:
                self._unread.append(wire.pairs_of(payload))
        elif type_ == wire.HEADERS:
            if stream_id % 2 == (0 if self.client else 1):
                self.use(stream_id)
        elif type_ == wire.PUSH_PROMISE and self.client:
            start = 1 if flags & wire.PADDED else 0
            promised = int.from_bytes(payload[start : start + 4], "big") & wire.MAX_ID
            if promised % 2 == 0:
                self.use(promised)

    def use(self, stream_id: int) -> None:
        """Note that a stream was opened or promised, by either end."""
        parity = stream_id & 1
        self._highest[parity] = max(self._highest[parity], stream_id)

    # What the connection sends.

    def read(self, data: bytes) -> None:
        """Parse output; raise for anything that must not be sent."""
        if not data:
            return
        data = self._pending + data
        start = 0
        if self._preface_due:
            if len(data) < len(wire.PREFACE):
                self._pending = data
                return
            require(data.startswith(wire.PREFACE), "the preface of a client comes first:", data[:9])
            start = len(wire.PREFACE)
            self._preface_due = False
        for frame, stop in wire.split(data, start):
            self._check(frame)
            start = stop
        self._pending = data[start:]

    def finish(self) -> None:
        """All output was read: nothing may be left over."""
        require(not self._pending, "the output ends within a frame:", self._pending[:20])
        require(not self._block, "the output ends within a field block")

    def _check(self, frame: wire.Frame) -> None:
        type_, flags, stream_id, payload = frame
        require(not self.ended or type_ == wire.GOAWAY, "behind GOAWAY with an error:", frame)
        require(type_ in wire.FLAGS, "unknown type of frame:", frame)
        require(not flags & ~wire.FLAGS[type_], "undefined flags:", frame)
        require(len(payload) <= self._largest_frame, "frame too large:", len(payload))
        require(
            (type_ == wire.CONTINUATION and stream_id == self._block_id) or not self._block_id,
            "a field block is interrupted:",
            frame,
        )
        if type_ in _ON_CONNECTION:
            require(not stream_id, "not a frame for a stream:", frame)
        elif type_ not in (wire.WINDOW_UPDATE, wire.ALTSVC):
            require(stream_id, "not a frame for the connection:", frame)
        _CHECKS[type_](self, frame)

    def _used(self, stream_id: int) -> bool:
        return 0 < stream_id <= self._highest[stream_id & 1]

    def _data(self, frame: wire.Frame) -> None:
        stream_id, length = frame.stream_id, len(frame.payload)
        require(wire.content_of(frame) is not None, "padding too large:", frame)
        require(self._used(stream_id), "DATA on an idle stream:", stream_id)
        require(stream_id not in self._finished, "DATA after the end of stream", stream_id)
        self._window -= length
        offset = self._offsets[stream_id] = self._offsets.get(stream_id, 0) - length
        if length:
            require(self._window >= 0, "DATA over the window of the connection:", self._window)
            window = self._initial + offset
            require(window >= 0, "DATA over the window of stream", stream_id, window)
        if frame.flags & wire.END_STREAM:
            self._finished.add(stream_id)

    def _headers(self, frame: wire.Frame) -> None:
        stream_id = frame.stream_id
        if not self._used(stream_id):
            require(self.client and stream_id & 1, "HEADERS must not open stream", stream_id)
            self.use(stream_id)
        require(stream_id not in self._finished, "HEADERS after the end of stream", stream_id)
        if frame.flags & wire.END_STREAM:
            self._finished.add(stream_id)
        fragment = wire.content_of(frame)
        require(fragment is not None, "padding too large:", frame)
        self._fragment(frame, fragment or b"")

    def _push_promise(self, frame: wire.Frame) -> None:
        require(not self.client and self._push, "PUSH_PROMISE is not allowed:", frame)
        require(self._used(frame.stream_id), "promised on an idle stream:", frame)
        require(frame.stream_id not in self._finished, "promised on a stream that ended", frame)
        content = wire.content_of(frame) or b""
        promised = int.from_bytes(content[:4], "big")
        require(promised % 2 == 0 and promised > self._highest[0], "promised", promised)
        self.use(promised)
        self._fragment(frame, content[4:])

    def _continuation(self, frame: wire.Frame) -> None:
        require(self._block_id, "CONTINUATION without a field block:", frame)
        self._fragment(frame, frame.payload)

    def _fragment(self, frame: wire.Frame, fragment: bytes) -> None:
        self._block.append(fragment)
        self._block_id = frame.stream_id
        if frame.flags & wire.END_HEADERS:
            block = b"".join(self._block)
            self._block.clear()
            self._block_id = 0
            try:
                self._decoder.decode(block, raw=True)
            except HPACKError as error:
                raise Broken(f"hpack refuses a field block: {error!r}: {block.hex()}") from None

    def _priority(self, frame: wire.Frame) -> None:
        require_same(len(frame.payload), 5, "octets of PRIORITY")

    def _rst_stream(self, frame: wire.Frame) -> None:
        require_same(len(frame.payload), 4, "octets of RST_STREAM")
        require(self._used(frame.stream_id), "RST_STREAM on an idle stream:", frame)
        self._finished.add(frame.stream_id)
        self._reset.add(frame.stream_id)

    def _settings(self, frame: wire.Frame) -> None:
        if not frame.flags & wire.ACK:
            require_same(len(frame.payload) % 6, 0, "octets of SETTINGS over")
            self.settings_unacknowledged += 1
            return
        require(not frame.payload, "an acknowledgment with content:", frame)
        require(self._unread, "an acknowledgment of SETTINGS that were not sent")
        self._apply(self._unread.popleft())

    def upgrade(self, pairs: list[tuple[int, int]]) -> None:
        """Note that the connection was upgraded from HTTP/1.1 (RFC 7540 section 3.2).

        The settings of the upgrade are not acknowledged.
        """
        self.use(1)
        self._apply(pairs)

    def _apply(self, pairs: list[tuple[int, int]]) -> None:
        for code, value in pairs:
            if code == wire.HEADER_TABLE_SIZE:
                self._decoder.max_allowed_table_size = value
            elif code == wire.ENABLE_PUSH:
                self._push = bool(value)
            elif code == wire.INITIAL_WINDOW_SIZE:
                self._initial = value
            elif code == wire.MAX_FRAME_SIZE:
                self._largest_frame = value

    def _ping(self, frame: wire.Frame) -> None:
        require_same(len(frame.payload), 8, "octets of PING")
        self.pings_answered += frame.flags & wire.ACK

    def _goaway(self, frame: wire.Frame) -> None:
        require(len(frame.payload) >= 8, "GOAWAY too short:", frame)
        code = int.from_bytes(frame.payload[4:8], "big")
        if not self.ended:
            self.last_code = code
        self.ended = self.ended or code != 0

    def _window_update(self, frame: wire.Frame) -> None:
        require_same(len(frame.payload), 4, "octets of WINDOW_UPDATE")
        increment = int.from_bytes(frame.payload, "big")
        require(0 < increment <= wire.MAX_WINDOW, "increment", increment)
        if frame.stream_id:
            require(self._used(frame.stream_id), "WINDOW_UPDATE on an idle stream:", frame)
            require(frame.stream_id not in self._reset, "WINDOW_UPDATE after RST_STREAM:", frame)
        else:
            self.receive_window += increment
            require(self.receive_window <= wire.MAX_WINDOW, "window", self.receive_window)

    def _altsvc(self, frame: wire.Frame) -> None:
        require(not self.client, "a client must not send ALTSVC:", frame)
        length = int.from_bytes(frame.payload[:2], "big")
        require(len(frame.payload) >= 2 + length, "ALTSVC too short:", frame)

    def _origin(self, frame: wire.Frame) -> None:
        require(not self.client, "a client must not send ORIGIN:", frame)

    def _priority_update(self, frame: wire.Frame) -> None:
        require(self.client, "a server must not send PRIORITY_UPDATE:", frame)
        prioritized = int.from_bytes(frame.payload[:4], "big")
        require(0 < prioritized <= wire.MAX_ID, "PRIORITY_UPDATE for no stream:", frame)


_ON_CONNECTION = frozenset(
    (wire.SETTINGS, wire.PING, wire.GOAWAY, wire.ORIGIN, wire.PRIORITY_UPDATE)
)

_CHECKS = {
    wire.DATA: Watcher._data,
    wire.HEADERS: Watcher._headers,
    wire.PRIORITY: Watcher._priority,
    wire.RST_STREAM: Watcher._rst_stream,
    wire.SETTINGS: Watcher._settings,
    wire.PUSH_PROMISE: Watcher._push_promise,
    wire.PING: Watcher._ping,
    wire.GOAWAY: Watcher._goaway,
    wire.WINDOW_UPDATE: Watcher._window_update,
    wire.CONTINUATION: Watcher._continuation,
    wire.ALTSVC: Watcher._altsvc,
    wire.ORIGIN: Watcher._origin,
    wire.PRIORITY_UPDATE: Watcher._priority_update,
}
