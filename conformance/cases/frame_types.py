"""RFC 9113 sections 6.1, 6.2, 6.4, 6.7 and 6.10: DATA, HEADERS, RST_STREAM, PING, CONTINUATION."""

from __future__ import annotations

from conformance import hpack, wire
from conformance.build import (
    continuation,
    data,
    headers,
    message,
    message_fields,
    priority,
    raw,
    reset,
    window,
)
from conformance.case import SERVER, Item, Situation, case
from conformance.expect import connection, either, goes_on, tolerably
from conformance.peer import On, Peer, Role
from conformance.wire import Code, Flag, Type, u32

FRESH, OPEN = Situation.FRESH, Situation.OPEN
PROTOCOL = connection(Code.PROTOCOL_ERROR)
FINE = goes_on()
ANSWERED = goes_on(answered=On.CURRENT)

# Padding -----------------------------------------------------------------------------------------

DATA_CASES: list[tuple[str, str, Item]] = [
    ("padded", "DATA with 10 octets of padding", data(b"abc", pad=10)),
    ("padded-most", "DATA with 255 octets of padding", data(b"abc", pad=255)),
    ("padded-zero", "DATA with a pad length of 0", data(b"abc", pad=0)),
    ("padded-only", "DATA that is all padding", data(b"", pad=10)),
    ("empty", "DATA without content", data()),
]
for name, words, item in DATA_CASES:
    case(f"data-{name}", "6.1", words, [item], FINE, at=OPEN)
case("data-zero", "6.1", "DATA on stream 0", [data(b"abc", on=0)], PROTOCOL)
for pad, length in ((3, 3), (255, 10), (1, 1)):
    case(
        f"data-padding-{pad}-of-{length}",
        "6.1",
        f"DATA of {length} octets with a pad length of {pad}",
        [raw(Type.DATA, bytes([pad]) + bytes(length - 1), Flag.PADDED)],
        PROTOCOL,
        at=OPEN,
    )
    case(
        f"headers-padding-{pad}-of-{length}",
        "6.2",
        f"HEADERS of {length} octets with a pad length of {pad}",
        [raw(Type.HEADERS, bytes([pad]) + bytes(length - 1), Flag.PADDED | Flag.END_HEADERS)],
        PROTOCOL,
        at=FRESH,
    )
case(
    "headers-padding-over-priority",
    "6.2",
    "HEADERS whose padding covers the priority fields",
    [raw(Type.HEADERS, bytes([4]) + bytes(5), Flag.PADDED | Flag.PRIORITY | Flag.END_HEADERS)],
    connection(Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR),
    at=FRESH,
)
PRIORITY = u32(0) + b"\x0f"
HEADERS_CASES: list[tuple[str, str, Item]] = [
    ("padded", "with 10 octets of padding", message(padding=10)),
    ("padded-most", "with 255 octets of padding", message(padding=255)),
    ("padded-zero", "with a pad length of 0", message(padding=0)),
    ("priority", "with priority fields", message(priority=PRIORITY)),
    ("padded-priority", "with padding and priority fields", message(padding=7, priority=PRIORITY)),
]
for name, words, item in HEADERS_CASES:
    case(f"headers-{name}", "6.2", f"HEADERS {words}", [item], ANSWERED, at=FRESH)
case(
    "data-end-empty",
    "6.1",
    "DATA without content that ends the message",
    [data(end=True)],
    ANSWERED,
    at=OPEN,
    roles=SERVER,
)
case(
    "data-end-padded",
    "6.1",
    "DATA with padding that ends the message",
    [data(b"abc", end=True, pad=20)],
    ANSWERED,
    at=OPEN,
    roles=SERVER,
)

# RST_STREAM --------------------------------------------------------------------------------------

case("rst-stream-zero", "6.4", "RST_STREAM on stream 0", [reset(on=0)], PROTOCOL)
for code in (0, 1, 7, 8, 13, 14, 2**32 - 1):
    case(
        f"rst-stream-code-{code}",
        "7" if code > 13 else "6.4",
        f"RST_STREAM with {wire.code_name(code)}",
        [reset(code), message(on=On.NEXT)],
        goes_on(answered=On.NEXT),
        at=OPEN,
        roles=SERVER,
    )

# PING --------------------------------------------------------------------------------------------


def _answered_in_order(peer: Peer) -> str:
    found = [item.payload for item in peer.seen.frames if item.type == Type.PING]
    expected = [*PAYLOADS, found[-1] if found else b""]
    return "" if found == expected else f"{len(found)} answers"


def _one_answer(peer: Peer) -> str:
    found = [item for item in peer.seen.frames if item.type == Type.PING and item.has(wire.ACK)]
    return "" if len(found) == 1 else f"{len(found)} answers"


PAYLOADS = [bytes([number]) * 8 for number in (0, 1, 127, 128, 255)]
case(
    "ping",
    "6.7",
    "Five PING frames",
    [wire.ping(payload) for payload in PAYLOADS],
    goes_on("the same payloads are acknowledged", check=_answered_in_order),
)
case(
    "ping-stream",
    "6.7",
    "PING on a stream",
    [raw(Type.PING, b"12345678")],
    PROTOCOL,
    at=OPEN,
)
case(
    "ping-acknowledgment",
    "6.7",
    "An acknowledgment of a PING that was not sent",
    [wire.ping(b"12345678", ack=True)],
    # No sentence says whether it is an error.
    either(goes_on("no answer to it", check=_one_answer), tolerably(PROTOCOL)),
)
case(
    "ping-in-message",
    "6.7",
    "PING between DATA frames",
    [data(b"abc"), wire.ping(b"12345678"), data(b"abc")],
    FINE,
    at=OPEN,
)

# CONTINUATION ------------------------------------------------------------------------------------


def _unfinished(peer: Peer) -> bytes:
    ends = peer.role is Role.SERVER
    return headers(hpack.block(message_fields(peer)), ends, end_headers=False)(peer)


def _other_stream(peer: Peer) -> bytes:
    return continuation(on=peer.stream + 2)(peer)


BETWEEN: list[tuple[str, Item]] = [
    ("DATA", data(b"abc")),
    ("HEADERS on the same stream", message()),
    ("HEADERS on another stream", message(on=On.NEXT)),
    ("PRIORITY", priority()),
    ("RST_STREAM", reset()),
    ("SETTINGS", wire.settings()),
    ("an acknowledgment of SETTINGS", wire.settings(ack=True)),
    ("PING", wire.ping(b"12345678")),
    ("GOAWAY", wire.goaway()),
    ("WINDOW_UPDATE on the stream", window(1)),
    ("WINDOW_UPDATE on the connection", window(1, on=0)),
    ("CONTINUATION on another stream", _other_stream),
]
for words, item in BETWEEN:
    name = words.lower().replace(" ", "-").replace("_", "-")
    case(
        f"block-cut-by-{name}",
        "6.10" if "CONTINUATION" in words else "6.2",
        f"{words} in the middle of a field block",
        [_unfinished, item],
        PROTOCOL,
        at=FRESH,
    )
case(
    "continuation-cut",
    "6.10",
    "PING after CONTINUATION that does not end the field block",
    [_unfinished, continuation(end_headers=False), wire.ping(b"12345678")],
    PROTOCOL,
    at=FRESH,
)
case("continuation-zero", "6.10", "CONTINUATION on stream 0", [continuation(on=0)], PROTOCOL)
case(
    "continuation-alone",
    "6.10",
    "CONTINUATION after DATA",
    [data(b"abc"), continuation()],
    PROTOCOL,
    at=OPEN,
)
case(
    "continuation-after-end",
    "6.10",
    "CONTINUATION after HEADERS with END_HEADERS",
    [message(end=False, method=b"POST"), continuation()],
    PROTOCOL,
    at=FRESH,
)
case(
    "continuation-after-continuation",
    "6.10",
    "CONTINUATION after CONTINUATION with END_HEADERS",
    [_unfinished, continuation(), continuation()],
    PROTOCOL,
    at=FRESH,
)
case(
    "continuation",
    "6.10",
    "A field block in HEADERS and CONTINUATION",
    [_unfinished, continuation(hpack.block([(b"x-name", b"value")]))],
    ANSWERED,
    at=FRESH,
)
case(
    "continuation-empty",
    "6.10",
    "Two CONTINUATION frames without a payload",
    [_unfinished, continuation(end_headers=False), continuation()],
    ANSWERED,
    at=FRESH,
)
case(
    "continuation-all",
    "6.10",
    "HEADERS without a fragment, then the field block in CONTINUATION",
    [
        lambda peer: headers(b"", peer.role is Role.SERVER, end_headers=False)(peer),
        lambda peer: continuation(hpack.block(message_fields(peer)))(peer),
    ],
    ANSWERED,
    at=FRESH,
)
case(
    "continuation-trailers",
    "6.10",
    "Trailers in HEADERS and CONTINUATION",
    [
        headers(hpack.block([(b"x-one", b"1")]), True, end_headers=False),
        continuation(hpack.block([(b"x-two", b"2")])),
    ],
    ANSWERED,
    at=OPEN,
    roles=SERVER,
)
