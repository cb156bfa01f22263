"""Reading input: the connection preface, splitting into frames, dispatch to handlers."""

from __future__ import annotations

from typing import Any, Final

from h2._compiled import COMPILED
from h2._core import (
    flow_control,
    origin,
    priority_update,
    receive,
    receive_continuation,
    receive_headers,
    receive_promise,
    receive_settings,
)
from h2._core.faults import fail, is_enforced, reset_stream, scope_of, terminate
from h2._core.state import Connection, PartialFrame
from h2._frames import layout
from h2._frames.decode import ID_MASK, u24, u31, unpack_header
from h2._frames.describe import LoggedFrame, name_of
from h2._frames.layout import (
    ACK,
    CONTINUATION,
    HEADER_LENGTH,
    KIND_OF,
    PREFACE,
    SETTINGS,
    UNKNOWN_KIND,
)
from h2._frames.protocols import TEXT, protocol_of
from h2._native import i64
from h2._rules import connection_states as states
from h2._rules import registry as rules
from h2._rules.quote import quoted
from h2._rules.registry import STREAM, Violation
from h2.events import Event

#: Smaller pieces of a partial frame are collected in one buffer, so that a peer that sends single
#: octets does not make us keep an object for each.
_SMALL_PIECE: Final = 512

_TERMINATED: Final = states.TERMINATED
_OPEN: Final = states.OPEN

#: By kind. A handler gets (connection, flags, stream identifier, payload).
_HANDLERS: Final = (
    receive.data,
    receive_headers.headers,
    receive.priority,
    receive.rst_stream,
    receive_settings.settings,
    receive_promise.push_promise,
    receive.ping,
    receive.goaway,
    flow_control.window_update,
    receive_continuation.continuation,
    receive.altsvc,
    origin.origin,
    priority_update.priority_update,
)

_ORDINARY_KINDS: Final[list[Any]] = [
    handler if states.CLIENT[_OPEN][kind] == states.SERVER[_OPEN][kind] == _OPEN else None
    for kind, handler in enumerate(_HANDLERS)
]

#: By type on the wire: the handler of a frame that leaves an open connection open, whichever end
#: receives it. Such a frame needs no look-up in the table of connection states.
_ORDINARY: Final = tuple(
    [None if kind == UNKNOWN_KIND else _ORDINARY_KINDS[kind] for kind in KIND_OF]
)


def receive_data(conn: Connection, data: Any) -> list[Event]:
    """Process bytes from the peer, any bytes-like object, and return the events.

    On a connection error the exception has the events of the frames before it. Any other
    exception (from a logger, for example, or KeyboardInterrupt) also ends the connection, because
    frames are lost.
    """
    if type(data) is not bytes:
        data = bytes(memoryview(data))
    begun = conn.begun_frame
    if begun is not None:
        length = len(data)
        missing = begun.payload_missing
        if _SMALL_PIECE <= length < missing:
            # The usual case while a large frame arrives in several reads.
            begun.pieces.append(data)
            begun.payload_missing = missing - length
            return []
    if conn.events is not conn.no_events:
        raise RuntimeError("receive_data must not be called while it is running")
    events: list[Event] = []
    ordinary = conn.ordinary
    if not ordinary and conn.state == _TERMINATED:
        return _refuse_input(conn, data)
    conn.events = events
    conn.now = None
    try:
        if not ordinary and conn.preface_left:
            data = _check_preface(conn, data)
        start = _frames(conn, data, 0 if begun is None else _complete_partial(conn, begun, data))
        if start < len(data):
            _keep_rest(conn, data, start)
    except Violation as violation:
        # A traceback refers to frames that refer to the violation; the cycle would keep the input
        # until the next run of the garbage collector.
        violation.__traceback__ = None
        raise terminate(conn, violation) from None
    except BaseException:
        fail(conn)
        raise
    finally:
        conn.events = conn.no_events
    return events


def _refuse_input(conn: Connection, data: bytes) -> list[Event]:
    """Raise for bytes that arrive after the end of the connection (section 5.4.1)."""
    if not data:
        return []
    error = Violation(rules.CONNECTION_CLOSED, "The connection has ended").exception()
    error.events, conn.unreported = conn.unreported, []
    try:
        raise error
    finally:
        del error  # otherwise the traceback would keep it, and the data with it


def _check_preface(conn: Connection, data: bytes) -> bytes:
    """Remove the client connection preface from the start of the data (section 3.4)."""
    expected = conn.preface_left
    length = min(len(expected), len(data))
    # "Clients and servers MUST treat an invalid connection preface as a connection error"
    if data[:length] != expected[:length]:
        received = PREFACE[: -len(expected)] + data
        what = protocol_of(received) or "something that is not HTTP/2"
        raise Violation(
            rules.PREFACE_INVALID,
            f"The client speaks {what}: it sent {quoted(received)} "
            "instead of the connection preface",
        )
    conn.preface_left = expected[length:]
    return data[length:]


def _complete_partial(conn: Connection, partial: PartialFrame, data: bytes) -> int:
    """Add data to the partial frame; return where in data to continue."""
    start = 0
    header = partial.header
    if len(header) < HEADER_LENGTH:
        start = HEADER_LENGTH - len(header)
        header = partial.header = header + data[:start]
        if len(header) < HEADER_LENGTH:
            return len(data)
        # Only now is it known how long the frame is, and whether it is too large.
        _measure(conn, partial)
    if partial.discarding:
        _discard(conn, partial, len(data) - start)
        return len(data)
    stop = start + partial.payload_missing
    if len(data) < stop:
        _keep(partial, data[start:])
        return len(data)
    partial.pieces.append(data[start:stop])
    payload = b"".join(partial.pieces)
    partial.pieces.clear()
    partial.payload_missing = 0
    partial.header = b""
    conn.begun_frame = None
    _frames(conn, header, 0, payload)
    return stop


def _measure(conn: Connection, partial: PartialFrame) -> None:
    """Read the length of the partial frame, whose header is complete."""
    header = partial.header
    length = header[0] << 16 | header[1] << 8 | header[2]
    if length <= conn.max_inbound_frame_size:
        partial.payload_missing = length
    elif conn.config.strict or (
        conn.state in states.BEFORE_SETTINGS and protocol_of(header) not in (None, TEXT)
    ):
        raise _too_large(conn, header)
    else:
        # h2 4.4.1 raises when all of the frame has arrived, and consumers rely on that.
        partial.discarding = length


def _discard(conn: Connection, partial: PartialFrame, length: int) -> None:
    """Discard octets of a frame that is too large; raise when all of it has arrived."""
    partial.discarding -= length
    if partial.discarding <= 0:
        raise _too_large(conn, partial.header)


def _keep(partial: PartialFrame, piece: bytes) -> None:
    """Keep a piece of the payload of an incomplete frame."""
    partial.payload_missing -= len(piece)
    if len(piece) >= _SMALL_PIECE:
        partial.pieces.append(piece)
        return
    last = partial.pieces[-1] if partial.pieces else None
    if isinstance(last, bytearray):
        last += piece
    else:
        partial.pieces.append(bytearray(piece))


def _keep_rest(conn: Connection, data: bytes, start: int) -> None:
    """Keep what follows the last complete frame: the header separate from the payload."""
    partial = conn.begun_frame = conn.partial_frame
    body = start + HEADER_LENGTH
    partial.header = data[start:body]
    if len(data) >= body:
        _measure(conn, partial)
        if partial.discarding:
            _discard(conn, partial, len(data) - body)
        else:
            _keep(partial, data[body:])


def _too_large(conn: Connection, header: bytes) -> Violation:
    """Return the violation for a frame that is too large, or for a peer that is not HTTP/2."""
    what = protocol_of(header) if conn.state in states.BEFORE_SETTINGS else None
    if what:
        return Violation(
            rules.PREFACE_INVALID,
            f"The peer speaks {what}: it sent {quoted(header)} instead of the connection preface",
        )
    # "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size
    # defined in SETTINGS_MAX_FRAME_SIZE" (section 4.2).
    length = header[0] << 16 | header[1] << 8 | header[2]
    return Violation(
        rules.FRAME_TOO_LARGE,
        f"Received {name_of(header[3])} frame of {length} octets, "
        f"the limit is {conn.max_inbound_frame_size}",
    )


def _frames(conn: Connection, data: bytes, start: i64, only: bytes | None = None) -> i64:
    """Handle every complete frame from ``start`` on; return where the next one begins.

    If ``only`` is given, it is the payload of the only frame and ``data`` is its header: joining
    them would copy every large frame again. This is one long loop because each call in it would
    cost time for every frame.
    """
    end: i64 = len(data) if only is None else HEADER_LENGTH + len(only)
    length: int  # not i64: the limit that it is compared with may be any number
    log = conn.options.log
    while end - start >= HEADER_LENGTH:
        if COMPILED:
            length = u24(data, start)
            type_ = data[start + 3]
            flags = data[start + 4]
            stream_id = u31(data, start + 5)
        else:
            high, low, type_, flags, stream_id = unpack_header(data, start)
            length = high << 8 | low
            stream_id &= ID_MASK
        body = start + HEADER_LENGTH
        stop = body + length
        if stop > end:
            break
        if length > conn.max_inbound_frame_size:
            raise _too_large(conn, data[start:body])
        payload = data[body:stop] if only is None else only
        start = stop
        if log is not None:
            log.debug("Received frame: %s", LoggedFrame(type_, flags, stream_id, payload))
        handler = _ORDINARY[type_]
        if handler is None or not conn.ordinary:
            if conn.state == _TERMINATED:
                return end  # a subclass that handles GOAWAY itself has ended the connection
            _check_connection_state(conn, type_, flags, stream_id)
            if KIND_OF[type_] == UNKNOWN_KIND:
                receive.unknown(conn, type_, flags, stream_id, payload)
                continue
            handler = _HANDLERS[KIND_OF[type_]]
        try:
            if COMPILED:
                _handle(conn, type_, flags, stream_id, payload)
            else:
                handler(conn, flags, stream_id, payload)
        except Violation as violation:
            if scope_of(conn, violation.rule) != STREAM:
                raise
            # It would keep the stack frames, and with them the payload, until the next run of the
            # garbage collector.
            violation.__traceback__ = None
            reset_stream(conn, violation)
    return start


def _handle(conn: Connection, type_: int, flags: int, stream_id: int, payload: bytes) -> None:
    """Call the handler of a frame of a known type, in the way that is fastest when compiled.

    The most frequent ones first.
    """
    if type_ == layout.DATA:
        receive.data(conn, flags, stream_id, payload)
    elif type_ == layout.HEADERS:
        receive_headers.headers(conn, flags, stream_id, payload)
    elif type_ == layout.WINDOW_UPDATE:
        flow_control.window_update(conn, flags, stream_id, payload)
    elif type_ == layout.PING:
        receive.ping(conn, flags, stream_id, payload)
    elif type_ == SETTINGS:
        receive_settings.settings(conn, flags, stream_id, payload)
    elif type_ == layout.RST_STREAM:
        receive.rst_stream(conn, flags, stream_id, payload)
    else:
        _HANDLERS[KIND_OF[type_]](conn, flags, stream_id, payload)


def _check_connection_state(conn: Connection, type_: int, flags: int, stream_id: int) -> None:
    """Check that a frame is allowed now, and enter the connection state that it leads to."""
    if conn.state in states.BEFORE_SETTINGS and (type_ != SETTINGS or flags & ACK):
        # "The server connection preface consists of a potentially empty SETTINGS frame [...] that
        # MUST be the first frame the server sends", and the client sends one after its preface
        # (section 3.4). An acknowledgment does not count.
        if is_enforced(conn, rules.FIRST_FRAME_NOT_SETTINGS):
            raise Violation(
                rules.FIRST_FRAME_NOT_SETTINGS,
                f"The first frame must be SETTINGS, received {name_of(type_)}",
            )
        conn.enter(states.AFTER_SETTINGS[conn.state])
    state = conn.transitions[KIND_OF[type_]]
    if state == states.NOT_FOR_ROLE:
        # "servers MUST treat the receipt of a PUSH_PROMISE frame as a connection error"
        raise Violation(rules.FRAME_NOT_ALLOWED, f"A client must not send {name_of(type_)}")
    block = conn.partial_block
    if block is not None and (type_ != CONTINUATION or stream_id != block.stream_id):
        raise receive_continuation.interrupted(block, type_, stream_id)
    if state != conn.state:
        conn.enter(state)
