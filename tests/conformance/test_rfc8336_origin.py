"""RFC 8336: ORIGIN frames."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from h2.connection import H2Connection
from h2.events import OriginReceived
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, ProtocolError
from support import wire
from support.outcome import (
    assert_alive,
    assert_connection_error,
    assert_ignored,
    assert_refused,
    only,
)
from support.wire import Code, Setting, Type

ORIGIN = b"https://example.com"
OTHER = b"https://other.example:8443"
PAYLOAD = wire.origin(ORIGIN)[wire.FRAME_HEADER :]


def received(*origins: bytes) -> tuple[bytes, ...]:
    """The origins of the event for a frame with these entries."""
    conn = wire.client()
    event = only(wire.feed(conn, wire.origin(*origins)), OriginReceived)
    assert_alive(conn)
    return event.origins


def test_origins_are_reported() -> None:
    """Section 2.1: zero or more entries, each with its length."""
    assert received(ORIGIN, OTHER) == (ORIGIN, OTHER)
    assert received(ORIGIN) == (ORIGIN,)


def test_an_empty_frame_is_reported() -> None:
    """Appendix B: an empty frame means that there is no origin besides the initial one."""
    assert received() == ()


def test_every_frame_is_reported() -> None:
    """Section 2.3: subsequent frames add to the Origin Set, which is the client's."""
    events = wire.feed(wire.client(), wire.origin(ORIGIN), wire.origin(ORIGIN, OTHER))
    assert events == [OriginReceived(origins=(ORIGIN,)), OriginReceived(origins=(ORIGIN, OTHER))]


@pytest.mark.parametrize(
    "origin",
    [
        *(b"http://example.com", b"https://example.com:1", b"https://example.com:65535"),
        *(b"https://192.0.2.1", b"https://[2001:db8::1]:8443", b"https://[::ffff:192.0.2.1]"),
        *(b"https://xn--bcher-kva.example", b"https://a_b.example", b"coap+tcp://a", b"a://b"),
    ],
)
def test_what_is_an_origin(origin: bytes) -> None:
    """RFC 6454 section 6.2: scheme, host, perhaps a port."""
    assert received(origin) == (origin,)


NO_ORIGINS = [
    *(b"", b"null", b"example.com", b"https:", b"https://", b"://example.com", b"//example.com"),
    *(b"https://example.com/", b"https://example.com/path", b"https://example.com?", b"https:/a"),
    *(b"https://example.com:", b"https://example.com:65536", b"https://example.com:123456"),
    *(b"https://user@example.com", b"https://exam ple.com", b" https://example.com", b"1://a"),
    *(b"https://example.com\n", b"https://example.com\0", b"https://b\xc3\xbccher.example"),
    *(b"\xff, ", b"https://[::1", b"https://::1", b"https://[g]", b"https://a, https://b"),
    b"https://*.example.com",
]


@pytest.mark.parametrize("entry", NO_ORIGINS)
def test_entries_that_are_no_origins_are_left_out(entry: bytes) -> None:
    """Section 2.2: "If parsing fails, the field MUST be ignored." The others are used."""
    assert received(ORIGIN, entry, OTHER) == (ORIGIN, OTHER)
    assert received(entry) == ()


def test_origins_are_reported_in_lower_case() -> None:
    """RFC 6454 section 4: scheme and host are case-insensitive."""
    assert received(b"HTTPS://Example.COM:8443") == (b"https://example.com:8443",)


def after_upgrade() -> H2Connection:
    """A client that was upgraded from HTTP/1.1 without TLS."""
    conn = H2Connection(wire.configuration(client_side=True))
    conn.initiate_upgrade_connection()
    wire.feed(conn, wire.settings(), wire.settings(ack=True))
    wire.feed(conn, wire.headers(1, wire.RESPONSE, end_stream=True))
    conn.clear_outbound_data_buffer()
    return conn


IGNORED: dict[str, tuple[Callable[[], H2Connection], bytes]] = {
    "server": (wire.server, wire.origin(ORIGIN)),
    "server, empty": (wire.server, wire.origin()),
    "server, cut short": (wire.server, wire.frame(Type.ORIGIN, 0, 0, PAYLOAD[:-1])),
    "open stream": (wire.requesting_client, wire.frame(Type.ORIGIN, 0, 1, PAYLOAD)),
    "idle stream": (wire.client, wire.frame(Type.ORIGIN, 0, 7, PAYLOAD)),
    "h2c": (after_upgrade, wire.origin(ORIGIN)),
    "cut short": (wire.client, wire.frame(Type.ORIGIN, 0, 0, PAYLOAD[:-1])),
    "second entry cut short": (wire.client, wire.frame(Type.ORIGIN, 0, 0, PAYLOAD + b"\0\1")),
    "half a length": (wire.client, wire.frame(Type.ORIGIN, 0, 0, PAYLOAD + b"\0")),
} | {
    f"flag {flag:#x}": (wire.client, wire.frame(Type.ORIGIN, flag, 0, PAYLOAD))
    for flag in (0x01, 0x02, 0x04, 0x08, 0xFF)
}


@pytest.mark.parametrize(("make", "frame"), IGNORED.values(), ids=IGNORED)
def test_ignored(make: Callable[[], H2Connection], frame: bytes) -> None:
    """Frames at a server, on other streams, with reserved flags, on h2c, or malformed."""
    assert_ignored(make(), frame)


@pytest.mark.parametrize("flag", [0x10, 0x20, 0x40, 0x80, 0xF0])
def test_the_other_flags_change_nothing(flag: int) -> None:
    """Section 2.2: "The remaining flags [...] do not affect processing"."""
    events = wire.feed(wire.client(), wire.frame(Type.ORIGIN, flag, 0, PAYLOAD))
    assert only(events, OriginReceived).origins == (ORIGIN,)


def test_origin_inside_a_field_block() -> None:
    """As an extension frame it cannot be inside a field block (RFC 9113 5.5)."""
    conn = wire.requesting_client()
    begun = wire.headers(1, b"", end_headers=False)
    assert_connection_error(conn, begun, wire.origin(ORIGIN), code=Code.PROTOCOL_ERROR)


@pytest.mark.parametrize("entry", [b"a://%c", b"", b"a", b"https://host-%d.example"])
def test_what_is_kept_of_a_frame(entry: bytes) -> None:
    """Section 4: at most 8 octets of memory per octet received, however short the entries are."""
    conn = wire.client()
    count = 16_384 // (2 + len(entry) + 8)
    varied = [entry.replace(b"%c", b"%d").replace(b"%d", b"%d" % (n % 10)) for n in range(count)]
    frame = wire.origin(*varied)
    wire.feed(conn, wire.origin(ORIGIN))
    tracemalloc.start()
    events = conn.receive_data(frame)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert only(events, OriginReceived)
    assert kept <= 8 * len(frame) + 2_000


@pytest.mark.parametrize(
    ("make", "count", "most"), [(wire.server, 1, 6_000), (wire.client, 700, 20)]
)
def test_a_flood(make: wire.Factory, count: int, most: int) -> None:
    """Frames and their octets count as glitches, ignored or not (RFC 9113 10.5)."""
    conn = make()
    frames = [wire.origin(*[ORIGIN] * count)] * most
    with pytest.raises(DenialOfServiceError) as caught:
        wire.feed(conn, *frames)
    assert caught.value.rule == "too-many-glitches"


@pytest.mark.parametrize(("size", "glitches"), [(0, 1), (19, 1), (20, 2), (39, 2), (40, 3)])
def test_what_a_frame_costs(size: int, glitches: int) -> None:
    """One glitch, and another one for about each origin."""
    conn = wire.client(clock=lambda: 0.0)
    wire.feed(conn, wire.frame(Type.ORIGIN, 0, 0, bytes(size)))
    assert conn._core.conduct.buckets["glitches"].used == glitches


# Sending ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origins", [[], [ORIGIN], [ORIGIN, OTHER]])
def test_advertise(origins: list[bytes]) -> None:
    """Section 2.2: "The ORIGIN frame MUST be sent on stream 0"."""
    for given in (origins, [origin.decode() for origin in origins], iter(origins)):
        conn = wire.server()
        conn.advertise_origins(given)
        assert conn.data_to_send() == wire.origin(*origins)


def test_advertised_origins_are_sent_in_lower_case() -> None:
    """Appendix B: "the values in an ORIGIN header need to be case-normalized"."""
    conn = wire.server()
    conn.advertise_origins(["HTTPS://EXAMPLE.com"])
    assert conn.data_to_send() == wire.origin(ORIGIN)


@pytest.mark.parametrize("entry", NO_ORIGINS)
def test_only_origins_can_be_advertised(entry: bytes) -> None:
    assert type(assert_refused(wire.server(), "advertise_origins", [ORIGIN, entry])) is ValueError
    text = entry.decode("latin-1")
    assert type(assert_refused(wire.server(), "advertise_origins", [text])) is ValueError


@pytest.mark.parametrize("origins", [ORIGIN, ORIGIN.decode(), "", [1], [None], None, 5])
def test_types(origins: object) -> None:
    """A single str or bytes is an iterable, too, but not of origins."""
    assert type(assert_refused(wire.server(), "advertise_origins", origins)) is TypeError


def test_frames_that_are_too_large() -> None:
    """A frame is never split: the peer's SETTINGS_MAX_FRAME_SIZE applies (RFC 9113 4.2)."""
    origins = [b"https://%04d.example" % number for number in range(16_384 // 22)]
    conn = wire.server()
    conn.advertise_origins(origins)
    assert len(conn.data_to_send()) <= wire.FRAME_HEADER + 16_384
    error = assert_refused(conn, "advertise_origins", [*origins, ORIGIN, ORIGIN])
    assert type(error) is FrameTooLargeError
    large = wire.server((Setting.MAX_FRAME_SIZE, 2**24 - 1))
    large.advertise_origins([*origins, ORIGIN, ORIGIN])
    longest = b"https://" + b"a" * (65_535 - 8)
    large.advertise_origins([longest])
    assert type(assert_refused(large, "advertise_origins", [longest + b"a"])) is ValueError


def test_a_client_cannot_advertise() -> None:
    """ORIGIN is for servers to send (section 2)."""
    error = assert_refused(wire.client(), "advertise_origins", [ORIGIN])
    assert isinstance(error, ProtocolError)
    assert error.rule == "server-only"


def test_both_sides() -> None:
    """The client of this package reports what its server advertises."""
    ours, theirs = wire.pair()
    theirs.advertise_origins([ORIGIN, OTHER])
    mine, _ = wire.exchange(ours, theirs)
    assert mine == [OriginReceived(origins=(ORIGIN, OTHER))]
