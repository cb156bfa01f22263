"""Assertions about a connection's reaction to input, used by every conformance test."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

import pytest

from h2.connection import H2Connection
from h2.events import Event, PingReceived, StreamReset
from h2.exceptions import ProtocolError
from h2.stream import StreamState
from support import wire
from support.rules import watched_violations
from support.wire import Code, Flag, Frame, Type

E = TypeVar("E", bound=Event)
X = TypeVar("X", bound=ProtocolError)

DEFINED_FLAGS = {
    Type.DATA: Flag.END_STREAM | Flag.PADDED,
    Type.HEADERS: Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY,
    Type.SETTINGS: Flag.ACK,
    Type.PUSH_PROMISE: Flag.END_HEADERS | Flag.PADDED,
    Type.PING: Flag.ACK,
    Type.CONTINUATION: Flag.END_HEADERS,
}


def same(got: object, expected: object) -> None:
    """Assert equality and show both values: pytest explains plain asserts in test files only."""
    assert got == expected, f"got {got}, expected {expected}"


def kinds(events: Iterable[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def only(events: Sequence[Event], kind: type[E]) -> E:
    """The one event of that kind."""
    found = [event for event in events if type(event) is kind]
    assert len(found) == 1, f"expected one {kind.__name__} in {events}"
    return found[0]


def sent(conn: H2Connection) -> list[Frame]:
    """All pending frames; none may have unused flags or the reserved bit set (4.1)."""
    frames = wire.parse(conn.data_to_send())
    for out in frames:
        assert not out.reserved, f"reserved bit set in {out}"
        unused = out.flags & ~DEFINED_FLAGS.get(Type(out.type), 0)
        assert unused == 0, f"unused flags set in {out}"
    return frames


def assert_alive(conn: H2Connection) -> None:
    """The connection still answers a PING, and nothing else is pending."""
    same(sent(conn), [])
    same(kinds(wire.feed(conn, wire.ping(b"are you?"))), [PingReceived])
    same(conn.data_to_send(), wire.ping(b"are you?", ack=True))


def assert_ignored(conn: H2Connection, *frames: bytes) -> None:
    """No event, no output, and the connection continues."""
    same(wire.feed(conn, *frames), [])
    assert_alive(conn)


def assert_dead(conn: H2Connection) -> None:
    """After a connection error, input is rejected, and nothing can be sent."""
    with pytest.raises(ProtocolError) as caught:
        conn.receive_data(wire.ping())
    same(list(caught.value.events), [])
    same(conn.receive_data(b""), [])
    same(conn.data_to_send(), b"")
    with pytest.raises(ProtocolError):
        conn.ping(b"12345678")
    same(conn.data_to_send(), b"")


def assert_connection_error(
    conn: H2Connection,
    *frames: bytes,
    code: int | Collection[int],
    error: type[X] = ProtocolError,  # type: ignore[assignment]  # the default of a type variable
    last_stream_id: int = 0,
    events: Sequence[type[Event]] = (),
    probe: bool = True,
) -> X:
    """``frames`` end in a connection error (section 5.4.1).

    A PING before them, in the same call, must be answered and reported: no frame that was
    complete before the error may be lost. ``events`` are the kinds of event that the frames
    themselves cause before the error. ``probe`` is False if no PING may precede it.
    """
    conn.clear_outbound_data_buffer()
    codes = code if isinstance(code, Collection) else {code}
    first = wire.ping(b"in front") if probe else b""
    with pytest.raises(error) as caught:
        wire.feed(conn, first, *frames)
    assert caught.value.error_code in codes, f"{caught.value!r} has code {caught.value.error_code}"
    expected = [PingReceived, *events] if probe else list(events)
    same(kinds(caught.value.events), expected)
    out = sent(conn)
    same([f.type for f in out].count(Type.GOAWAY), 1)
    last = out[-1]
    same((last.type, last.stream_id), (Type.GOAWAY, 0))
    same(last.error_code, caught.value.error_code)
    same(last.last_stream_id, last_stream_id)
    if probe:
        same(out[0], wire.parse(wire.ping(b"in front", ack=True))[0])
    assert_dead(conn)
    return caught.value


def assert_stream_error(
    conn: H2Connection,
    *frames: bytes,
    stream_id: int,
    code: int,
    events: Sequence[type[Event]] = (),
) -> list[Event]:
    """``frames`` end in a stream error (section 5.4.2); the connection stays open."""
    conn.clear_outbound_data_buffer()
    got = wire.feed(conn, *frames)
    same(kinds(got), [*events, StreamReset])
    reset = only(got, StreamReset)
    same((reset.stream_id, reset.error_code, reset.remote_reset), (stream_id, code, False))
    out = [f for f in sent(conn) if f.type != Type.WINDOW_UPDATE]
    same(out, wire.parse(wire.rst_stream(stream_id, code)))
    assert_alive(conn)
    return got


def assert_answered_with_reset(
    conn: H2Connection, *frames: bytes, stream_id: int, code: int
) -> None:
    """``frames`` are answered with one RST_STREAM, without an event.

    This is how a stream error is handled if the application does not know the stream, or knows
    that it is closed. With ``strict=True`` there is an event if the frames would have opened it.
    """
    conn.clear_outbound_data_buffer()
    opens = conn.stream_state(stream_id) == StreamState.IDLE
    told = [StreamReset] if opens and conn.config.strict else []
    same(kinds(wire.feed(conn, *frames)), told)
    out = [f for f in sent(conn) if f.type != Type.WINDOW_UPDATE]
    same(out, wire.parse(wire.rst_stream(stream_id, code)))
    assert_alive(conn)


def assert_malformed(
    conn: H2Connection,
    *frames: bytes,
    last_stream_id: int | None = None,
    events: Sequence[type[Event]] = (),
    known: bool = True,
) -> ProtocolError:
    """``frames`` form a malformed message, which is a stream error (section 8.1.1).

    By default those that h2 4.4.1 rejects (``known``) end the connection, as they do there.
    """
    conn.clear_outbound_data_buffer()
    server, strict = not conn.config.client_side, conn.config.strict
    if known and not strict:
        if last_stream_id is None:
            # Even a malformed request counts as received.
            sent_by_peer = b"".join(frames)
            opened = [f.stream_id for f in wire.parse(sent_by_peer) if f.type == Type.HEADERS]
            last_stream_id = max(conn.highest_inbound_stream_id, *(opened if server else ()), 0)
        return assert_connection_error(
            conn,
            *frames,
            code=Code.PROTOCOL_ERROR,
            last_stream_id=last_stream_id,
            events=events,
        )
    with watched_violations() as found:
        got = wire.feed(conn, wire.ping(b"in front"), *frames)
    violation = found[-1]
    same(violation.rule.strict_code, Code.PROTOCOL_ERROR)
    stream_id = violation.stream_id
    told = [StreamReset] if got and type(got[-1]) is StreamReset else []
    same(kinds(got), [PingReceived, *events, *told])
    if told:
        reset = only(got, StreamReset)
        same(
            (reset.stream_id, reset.error_code, reset.remote_reset),
            (stream_id, Code.PROTOCOL_ERROR, False),
        )
    assert told or not strict, "there is no event for it"
    ack, *out = [f for f in sent(conn) if f.type != Type.WINDOW_UPDATE]
    same(ack, wire.parse(wire.ping(b"in front", ack=True))[0])
    if server and strict and len(out) > 1:
        response = out.pop(0)
        same((response.type, response.stream_id), (Type.HEADERS, stream_id))
        same(response.flags, Flag.END_HEADERS | Flag.END_STREAM)
        same(wire.decode(response.fragment), [(b":status", b"400")])
    same(out, wire.parse(wire.rst_stream(stream_id, Code.PROTOCOL_ERROR)))
    assert_alive(conn)
    error = violation.exception()
    assert isinstance(error, ProtocolError)
    return error


def assert_resets_if_strict(
    conn: H2Connection,
    *frames: bytes,
    stream_id: int,
    code: int,
    strict_code: int | None = None,
    error: type[ProtocolError] = ProtocolError,
    last_stream_id: int = 0,
    status: bytes = b"",
) -> None:
    """``frames`` end in a connection error by default, and reset their stream with ``strict=True``.

    ``status`` is the status code with which a server answers before the reset.
    """
    if not conn.config.strict:
        assert_connection_error(
            conn, *frames, code=code, error=error, last_stream_id=last_stream_id
        )
        return
    conn.clear_outbound_data_buffer()
    reset = only(wire.feed(conn, *frames), StreamReset)
    code = code if strict_code is None else strict_code
    same((reset.stream_id, reset.error_code, reset.remote_reset), (stream_id, code, False))
    out = [f for f in sent(conn) if f.type != Type.WINDOW_UPDATE]
    if status:
        response = out.pop(0)
        same((response.type, response.stream_id), (Type.HEADERS, stream_id))
        same(response.flags, Flag.END_HEADERS | Flag.END_STREAM)
        same(wire.decode(response.fragment), [(b":status", status)])
    same(out, wire.parse(wire.rst_stream(stream_id, code)))
    assert_alive(conn)


def assert_refused(conn: H2Connection, call: str, *args: object, **kwargs: object) -> Exception:
    """A local call raises ProtocolError or ValueError, and sends nothing."""
    conn.clear_outbound_data_buffer()
    with pytest.raises((ProtocolError, ValueError, TypeError)) as caught:
        getattr(conn, call)(*args, **kwargs)
    same(conn.data_to_send(), b"")
    return caught.value
