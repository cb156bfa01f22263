"""RFC 7838 section 4: ALTSVC frames."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import AlternativeServiceAvailable
from h2.exceptions import FrameTooLargeError
from support import wire
from support.outcome import assert_connection_error, assert_ignored, assert_refused, only, sent
from support.wire import Code, Type, requesting_client

ORIGIN = b"https://example.com"
VALUE = b'h2="alt.example.com:8000", h2=":443"; ma=3600'


def test_altsvc_on_stream_zero() -> None:
    """On stream 0 the origin is the one in the frame."""
    event = only(
        wire.feed(wire.client(), wire.altsvc(0, ORIGIN, VALUE)), AlternativeServiceAvailable
    )
    assert (event.origin, event.field_value) == (ORIGIN, VALUE)


def test_altsvc_on_a_stream() -> None:
    """On a stream the origin is that of its request: its :authority."""
    event = only(
        wire.feed(requesting_client(), wire.altsvc(1, b"", VALUE)), AlternativeServiceAvailable
    )
    assert (event.origin, event.field_value) == (b"example.com", VALUE)


def test_empty_field_value() -> None:
    """The field value is reported unchanged, even if it is empty."""
    event = only(wire.feed(wire.client(), wire.altsvc(0, ORIGIN, b"")), AlternativeServiceAvailable)
    assert event.field_value == b""


IGNORED: dict[str, Callable[[], tuple[H2Connection, bytes]]] = {
    "stream 0 without origin": lambda: (wire.client(), wire.altsvc(0, b"", VALUE)),
    "stream with origin": lambda: (requesting_client(), wire.altsvc(1, ORIGIN, VALUE)),
    "server, stream 0": lambda: (wire.server(), wire.altsvc(0, ORIGIN, VALUE)),
    "server, stream 0 without origin": lambda: (wire.server(), wire.altsvc(0, b"", VALUE)),
    "server, open stream": lambda: (server_with_request(), wire.altsvc(1, b"", VALUE)),
    "server, idle stream": lambda: (wire.server(), wire.altsvc(1, b"", VALUE)),
    "client, idle stream": lambda: (wire.client(), wire.altsvc(1, b"", VALUE)),
    "client, closed stream": lambda: (client_with_response(), wire.altsvc(1, b"", VALUE)),
}


def server_with_request() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    return conn


def client_with_response() -> H2Connection:
    conn = requesting_client()
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    return conn


@pytest.mark.parametrize("scene", IGNORED.values(), ids=IGNORED)
def test_ignored(scene: Callable[[], tuple[H2Connection, bytes]]) -> None:
    """Invalid combinations, frames at a server and frames without an origin are ignored."""
    conn, frame = scene()
    assert_ignored(conn, frame)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00\x05abcd", b"\xff\xff"])
def test_too_short_for_its_origin(payload: bytes) -> None:
    """A frame that ends before its origin does is FRAME_SIZE_ERROR (RFC 9113 4.2)."""
    assert_connection_error(
        wire.client(), wire.frame(Type.ALTSVC, 0, 0, payload), code=Code.FRAME_SIZE_ERROR
    )


def test_altsvc_inside_a_field_block() -> None:
    """As an extension frame it is not allowed inside a field block (RFC 9113 5.5)."""
    assert_connection_error(
        requesting_client(),
        wire.headers(1, b"", end_headers=False),
        wire.altsvc(0, ORIGIN, VALUE),
        code=Code.PROTOCOL_ERROR,
    )


# Sending ------------------------------------------------------------------------------------------


def test_advertise_for_an_origin() -> None:
    """With an origin the frame is sent on stream 0."""
    conn = wire.server()
    conn.advertise_alternative_service(VALUE, origin=ORIGIN)
    assert conn.data_to_send() == wire.altsvc(0, ORIGIN, VALUE)


def test_advertise_for_a_stream() -> None:
    """With a stream the frame is sent there, between request and response headers."""
    conn = server_with_request()
    conn.clear_outbound_data_buffer()
    conn.advertise_alternative_service(VALUE, stream_id=1)
    assert conn.data_to_send() == wire.altsvc(1, b"", VALUE)
    conn.send_headers(1, wire.RESPONSE)
    assert_refused(conn, "advertise_alternative_service", VALUE, stream_id=1)


def test_advertisements_that_are_refused() -> None:
    """Both origin and stream, neither, an empty origin, streams that are not open, and clients."""
    conn = server_with_request()
    call = "advertise_alternative_service"
    assert_refused(conn, call, VALUE)
    assert_refused(conn, call, VALUE, origin=ORIGIN, stream_id=1)
    assert_refused(conn, call, VALUE, origin=b"")
    assert_refused(conn, call, VALUE, stream_id=3)
    assert_refused(conn, call, VALUE, stream_id=2)
    assert_refused(requesting_client(), call, VALUE, origin=ORIGIN)
    assert_refused(requesting_client(), call, VALUE, stream_id=1)
    conn.send_headers(1, wire.RESPONSE, end_stream=True)
    assert [f.type for f in sent(conn)] == [Type.HEADERS]


@pytest.mark.parametrize("origin", [b"https://a.example", ORIGIN])
def test_frames_that_are_too_large(origin: bytes) -> None:
    """The peer's SETTINGS_MAX_FRAME_SIZE applies (RFC 9113 section 4.2)."""
    conn = wire.server()
    most = wire.DEFAULT_FRAME_SIZE - 2 - len(origin)
    conn.advertise_alternative_service(bytes(most), origin=origin)
    assert conn.data_to_send() == wire.altsvc(0, origin, bytes(most))
    call = "advertise_alternative_service"
    error = assert_refused(conn, call, bytes(most + 1), origin=origin)
    assert isinstance(error, FrameTooLargeError)


def test_the_length_of_an_origin_has_16_bits() -> None:
    conn = wire.server((wire.Setting.MAX_FRAME_SIZE, 2**24 - 1))
    longest = b"https://" + b"a" * (65_535 - 8)
    conn.advertise_alternative_service(VALUE, origin=longest)
    assert conn.data_to_send() == wire.altsvc(0, longest, VALUE)
    call = "advertise_alternative_service"
    error = assert_refused(conn, call, VALUE, origin=longest + b"a")
    assert str(error) == "origin must be at most 65535 octets long, not 65536"


def test_both_sides() -> None:
    """The client of this package reports what its server advertises."""
    ours, theirs = wire.pair()
    ours.send_headers(1, wire.REQUEST)
    wire.exchange(ours, theirs)
    theirs.advertise_alternative_service(VALUE, stream_id=1)
    theirs.advertise_alternative_service(VALUE, origin=ORIGIN)
    mine, _ = wire.exchange(ours, theirs)
    origins = [e.origin for e in mine if isinstance(e, AlternativeServiceAvailable)]
    assert origins == [b"example.com", ORIGIN]
