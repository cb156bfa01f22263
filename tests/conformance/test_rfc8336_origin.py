"""RFC 8336: ORIGIN frames, which are no more than frames of an unknown type yet."""

from __future__ import annotations

import pytest

from h2.events import UnknownFrameReceived
from support import wire
from support.outcome import assert_alive, assert_connection_error, only
from support.wire import Code

ORIGIN = 0x0C
PAYLOAD = b"\x00\x13https://example.com"
FRAMES = {
    "stream 0": wire.frame(ORIGIN, 0, 0, PAYLOAD),
    "open stream": wire.frame(ORIGIN, 0, 1, PAYLOAD),
    "idle stream": wire.frame(ORIGIN, 0, 7, PAYLOAD),
    "flag 0x1": wire.frame(ORIGIN, 0x01, 0, PAYLOAD),
    "flag 0x2": wire.frame(ORIGIN, 0x02, 0, PAYLOAD),
    "flag 0x4": wire.frame(ORIGIN, 0x04, 0, PAYLOAD),
    "flag 0x8": wire.frame(ORIGIN, 0x08, 0, PAYLOAD),
    "empty": wire.frame(ORIGIN, 0, 0),
    "cut short": wire.frame(ORIGIN, 0, 0, PAYLOAD[:-1]),
    "no origin": wire.frame(ORIGIN, 0, 0, b"\x00\x03\xff, "),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("make", [wire.server, wire.requesting_client], ids=["server", "client"])
def test_origin_is_ignored(make: wire.Factory, frame: bytes) -> None:
    """A valid frame or an invalid one, at either end: a program may look at it."""
    conn = make()
    event = only(wire.feed(conn, frame), UnknownFrameReceived)
    assert event.frame.type == ORIGIN
    assert_alive(conn)


def test_origin_inside_a_field_block() -> None:
    """As an extension frame it cannot stand inside a field block (RFC 9113 5.5)."""
    conn = wire.requesting_client()
    begun = wire.headers(1, b"", end_headers=False)
    assert_connection_error(conn, begun, FRAMES["stream 0"], code=Code.PROTOCOL_ERROR)
