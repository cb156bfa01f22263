"""Initial histories of received frames, and valid or invalid frames that may follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import frames
from .frames import ACK, END_HEADERS, END_STREAM, PADDED, WITH_PRIORITY
from .vocabulary import (
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    call,
    inject,
    number,
    settings,
    spec,
)

Json = Any

MAX_WINDOW = 2**31 - 1

GET = [[":method", "GET"], [":scheme", "https"], [":authority", "example.com"], [":path", "/"]]
POST = [[":method", "POST"], *GET[1:]]
HEAD = [[":method", "HEAD"], *GET[1:]]
TUNNEL = [[":method", "CONNECT"], [":authority", "example.com:80"]]
WEBSOCKET = [[":method", "CONNECT"], *GET[1:], [":protocol", "websocket"]]
RESPONSE = [[":status", "200"]]
EARLY = [[":status", "103"]]
TRAILERS = [["x-checksum", "1"]]
LENGTH = [["content-length", "3"]]


def headers(stream: int, block: Json, *, end: bool = False) -> Json:
    """A HEADERS frame."""
    return spec(frames.HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def data(stream: int, octets: int, *, end: bool = False) -> Json:
    """A DATA frame."""
    return spec(frames.DATA, END_STREAM if end else 0, stream, "78" * octets)


def rst(stream: int, code: int = 8) -> Json:
    """A RST_STREAM frame."""
    return spec(frames.RST_STREAM, 0, stream, number(code))


def promise(stream: int, promised: int, block: Json = GET) -> Json:
    """A PUSH_PROMISE frame."""
    return spec(frames.PUSH_PROMISE, END_HEADERS, stream, number(promised), block)


def continuation(stream: int, block: Json = "", *, end: bool = True) -> Json:
    """A CONTINUATION frame."""
    return spec(frames.CONTINUATION, END_HEADERS if end else 0, stream, block)


def sends(side: str, stream: int, block: Json, *, end: bool = False) -> Json:
    """A header section that we send."""
    args = {"stream_id": stream, "headers": {"headers": block}, "end_stream": end}
    return call(side, "send_headers", args)


def resets(side: str, stream: int) -> Json:
    """A stream that we reset."""
    return call(side, "reset_stream", {"stream_id": stream})


def pushes(stream: int, promised: int) -> Json:
    """A promise that we make."""
    args = {"stream_id": stream, "promised_stream_id": promised}
    return call("server", "push_stream", args | {"request_headers": {"headers": GET}})


def announces(side: str, code: int, value: int) -> Json:
    """A setting that we change."""
    return call(side, "update_settings", {"new_settings": {"settings": {str(code): value}}})


PREFACE = {"raw": frames.PREFACE.hex()}
SETTINGS_ACK = spec(frames.SETTINGS, ACK, 0)
PING = spec(frames.PING, 0, 0, "0102030405060708")

#: The streams concerned, and the steps that lead to the situation after the handshake.
Situation = tuple[tuple[int, ...], list[Json]]


def start(side: str, *, settled: bool = True) -> list[Json]:
    """The handshake, or the connection preface alone."""
    first = [PREFACE] if side == "server" else []
    settled_by = [settings([]), SETTINGS_ACK] if settled else []
    steps = [call(side, "initiate_connection")]
    return [*steps, inject(side, *first, *settled_by)] if first or settled else steps


def server_situations() -> dict[str, Situation]:
    """The possible states of a request, for a server."""
    side = "server"
    post, get = inject(side, headers(1, POST)), inject(side, headers(1, GET, end=True))
    respond, answer = sends(side, 1, RESPONSE), sends(side, 1, RESPONSE, end=True)
    third = inject(side, headers(3, GET, end=True))
    promised = [post, pushes(1, 2)]
    ended = inject(side, data(1, 1, end=True))
    return {
        "nothing": ((1,), []),
        "skipped": ((1, 3), [inject(side, headers(5, POST))]),
        "open": ((1,), [post]),
        "responding": ((1,), [post, respond]),
        "half-closed local": ((1,), [post, answer]),
        "half-closed remote": ((1,), [get]),
        "half-closed remote, responding": ((1,), [get, respond]),
        "ended": ((1,), [get, answer]),
        "ended by the peer": ((1,), [post, answer, ended]),
        "ended, another since": ((1,), [get, answer, third]),
        "reset by us": ((1,), [post, resets(side, 1)]),
        "reset by us, another since": ((1,), [post, resets(side, 1), third]),
        "reset by the peer": ((1,), [post, inject(side, rst(1))]),
        "promised": ((2,), promised),
        "promised, responding": ((2,), [*promised, sends(side, 2, RESPONSE)]),
        "promised, ended": ((2,), [*promised, sends(side, 2, RESPONSE, end=True)]),
        "promise reset by us": ((2,), [*promised, resets(side, 2)]),
        "promise reset by the peer": ((2,), [*promised, inject(side, rst(2))]),
        "content-length": ((1,), [inject(side, headers(1, POST + LENGTH))]),
        "content-length, begun": ((1,), [inject(side, headers(1, POST + LENGTH), data(1, 2))]),
        "tunnel asked for": ((1,), [inject(side, headers(1, TUNNEL))]),
        "tunnel": ((1,), [inject(side, headers(1, TUNNEL)), respond]),
        "at the limit": (
            (3,),
            [announces(side, MAX_CONCURRENT_STREAMS, 1), inject(side, SETTINGS_ACK), post],
        ),
        "limit under way": ((3,), [announces(side, MAX_CONCURRENT_STREAMS, 1), post]),
        "small window": (
            (1,),
            [post, announces(side, INITIAL_WINDOW_SIZE, 2), inject(side, SETTINGS_ACK)],
        ),
        "websockets": (
            (1,),
            [announces(side, ENABLE_CONNECT_PROTOCOL, 1), inject(side, SETTINGS_ACK)],
        ),
        "websockets under way": ((1,), [announces(side, ENABLE_CONNECT_PROTOCOL, 1)]),
    }


def client_situations() -> dict[str, Situation]:
    """The possible states of a request, for a client."""
    side = "client"
    post, get = sends(side, 1, POST), sends(side, 1, GET, end=True)
    responded, ended = (
        inject(side, headers(1, RESPONSE)),
        inject(side, headers(1, RESPONSE, end=True)),
    )
    promised = [post, inject(side, promise(1, 2))]
    pushed = [*promised, inject(side, headers(2, RESPONSE))]
    without = announces(side, ENABLE_PUSH, 0)
    found: dict[str, Situation] = {
        "nothing": ((1, 2), []),
        "open": ((1,), [post]),
        "half-closed local": ((1,), [get]),
        "early hints": ((1,), [get, inject(side, headers(1, EARLY))]),
        "responding": ((1,), [post, responded]),
        "half-closed local, responding": ((1,), [get, responded]),
        "half-closed remote": ((1,), [post, ended]),
        "ended": ((1,), [get, ended]),
        "ended, another since": ((1,), [get, ended, sends(side, 3, GET)]),
        "reset by us": ((1,), [post, resets(side, 1)]),
        "reset by us, another since": ((1,), [post, resets(side, 1), sends(side, 3, GET)]),
        "reset by the peer": ((1,), [post, inject(side, rst(1))]),
        "promised": ((2,), promised),
        "promised, responding": ((2,), pushed),
        "promised, ended": ((2,), [*promised, inject(side, headers(2, RESPONSE, end=True))]),
        "promise reset by us": ((2,), [*promised, resets(side, 2)]),
        "promise reset by the peer": ((2,), [*promised, inject(side, rst(2))]),
        "reset by us, then promised": ((2,), [post, resets(side, 1), inject(side, promise(1, 2))]),
        "HEAD": ((1,), [sends(side, 1, HEAD, end=True), responded]),
        "tunnel asked for": ((1,), [sends(side, 1, TUNNEL)]),
        "tunnel": ((1,), [sends(side, 1, TUNNEL), responded]),
        "push disabled": ((1,), [without, inject(side, SETTINGS_ACK), post]),
        "push disabled under way": ((1,), [without, post]),
        "one push": (
            (4,),
            [announces(side, MAX_CONCURRENT_STREAMS, 1), inject(side, SETTINGS_ACK), *pushed],
        ),
    }
    for status in ("200", "204", "304"):
        told = inject(side, headers(1, [[":status", status], *LENGTH]))
        found[f"{status} with content-length"] = ((1,), [get, told])
    return found


SITUATIONS = {"server": server_situations(), "client": client_situations()}


# Frames ---------------------------------------------------------------------------------------


def on_stream(stream: int) -> Iterator[list[Json]]:
    """Frames on a stream."""
    yield from ([data(stream, octets)] for octets in (0, 1, 3, 4))
    yield [data(stream, 3), data(stream, 3)]
    yield from ([data(stream, octets, end=True)] for octets in (0, 1, 3, 4))
    yield [spec(frames.DATA, PADDED, stream, "00")]
    yield [spec(frames.DATA, PADDED, stream, "0278787878")]
    yield [spec(frames.DATA, PADDED, stream, "03787878")]
    yield [spec(frames.DATA, PADDED, stream)]
    yield [data(stream, 16_384)] * 5
    for block in (GET, TUNNEL, RESPONSE, EARLY, TRAILERS, "", "80", "2020208a", LENGTH, WEBSOCKET):
        yield [headers(stream, block)]
        yield [headers(stream, block, end=True)]
    yield [headers(stream, TRAILERS, end=True), headers(stream, TRAILERS, end=True)]
    for block in (GET, RESPONSE):
        flags = END_HEADERS | WITH_PRIORITY
        for other in (stream, 0, 101):
            yield [spec(frames.HEADERS, flags, stream, number(other) + "10", block)]
        yield [spec(frames.HEADERS, END_HEADERS | PADDED, stream, "02", block, "0000")]
        yield [spec(frames.HEADERS, END_HEADERS | PADDED, stream, "ff", block, "0000")]
        yield [spec(frames.HEADERS, 0, stream, block), continuation(stream)]
        yield [spec(frames.HEADERS, 0, stream, block), PING]
        for many in (62, 63):
            more = [continuation(stream, end=False)] * many
            yield [spec(frames.HEADERS, 0, stream, block), *more, continuation(stream)]
    yield [spec(frames.HEADERS, END_HEADERS | WITH_PRIORITY, stream, "000000")]
    yield [continuation(stream)]
    yield from ([rst(stream, code)] for code in (0, 8, 99))
    yield [rst(stream), rst(stream)]
    yield [rst(stream), data(stream, 1), headers(stream, TRAILERS, end=True)]
    for increment in (0, 1, MAX_WINDOW - 65_535, MAX_WINDOW):
        yield [spec(frames.WINDOW_UPDATE, 0, stream, number(increment))]
    yield from ([priority(stream, other)] for other in (stream, 0, 101))
    yield from ([promise(stream, other)] for other in (0, 2, 3, 4, stream))
    yield [promise(stream, 6, POST)]
    yield [promise(stream, 8), promise(stream, 6)]
    yield [promise(stream, 6, ""), PING]
    yield [spec(frames.PUSH_PROMISE, 0, stream, number(6)), continuation(stream, GET)]
    yield [promise(stream, 6), headers(6, RESPONSE), data(6, 3, end=True)]
    yield from ([spec(frames.ALTSVC, 0, stream, text)] for text in ("00006832", "0001616832", "00"))
    yield [spec(0x42, 0xFF, stream, "616263")]
    yield [spec(frames.ORIGIN, 0, stream, "0005613a2f2f62")]
    yield [spec(frames.PRIORITY_UPDATE, 0, 0, number(stream) + "753d31")]


def lengths(stream: int) -> Iterator[list[Json]]:
    """Frames of all types and of lengths that most of them cannot have."""
    for kind in (*range(9), frames.ALTSVC, frames.ORIGIN, frames.PRIORITY_UPDATE):
        yield from ([spec(kind, 0, stream, "00" * size)] for size in (0, 1, 3, 4, 5, 7, 8, 9))
        yield [spec(kind, 0, stream, "00" * 16_385)]


def priority(stream: int, other: int) -> Json:
    """A PRIORITY frame."""
    return spec(frames.PRIORITY, 0, stream, number(other) + "0f")


def on_connection() -> Iterator[list[Json]]:
    """Frames on stream 0, and octets that are not frames."""
    values = (0, 1, 2, 100, 16_383, 16_384, 2**24 - 1, 2**24, MAX_WINDOW, 2**31, 2**32 - 1)
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xFFFF):
        if code != 1:
            yield from ([settings([(code, value)])] for value in values)
    yield [settings([(1, 0)])]
    yield [settings([(code, value) for code in (3, 4) for value in (1, 2)])]
    for code, bad, good in (
        (ENABLE_PUSH, 2, 0),
        (INITIAL_WINDOW_SIZE, 2**31, 9),
        (MAX_FRAME_SIZE, 1, 20_000),
    ):
        yield [settings([(code, bad), (code, good)])]
        yield [settings([(code, good), (code, bad)])]
    yield [settings([(ENABLE_CONNECT_PROTOCOL, 1)]), settings([(ENABLE_CONNECT_PROTOCOL, 0)])]
    yield [settings([(ENABLE_CONNECT_PROTOCOL, 1), (ENABLE_CONNECT_PROTOCOL, 0)])]
    yield [settings([(ENABLE_PUSH, 0)]), settings([(ENABLE_PUSH, 1)])]
    yield [settings([(code, 5) for code in range(1000, 1200)])]
    yield [settings([])]
    yield from ([SETTINGS_ACK] * times for times in (1, 3))
    yield [spec(frames.SETTINGS, ACK, 0, "000300000001")]
    yield [PING]
    yield from ([spec(frames.PING, flags, 0, "00" * 8)] for flags in (ACK, 0xFE, 0xFF))
    for increment in (0, 1, MAX_WINDOW - 65_535, MAX_WINDOW, 2**31, 2**31 + 1):
        yield [spec(frames.WINDOW_UPDATE, 0, 0, number(increment))]
    for last in (0, 1, 2, MAX_WINDOW):
        yield from ([goaway(last, code)] for code in (0, 2, 99))
    yield [goaway(1, 0), goaway(3, 0)]
    yield [goaway(1, 0), PING]
    yield [spec(0x42, 0xFF, 0, "616263")]
    yield from ([spec(kind, 0, 0, "")] for kind in (0xB, 0xC, 0x10, 0xFF))
    yield [spec(frames.ORIGIN, 0xFF, 0, "0005613a2f2f62")]
    yield from ([spec(frames.PRIORITY_UPDATE, 0, 0, number(sid))] for sid in (0, 2, 2**31 - 1))
    yield [spec(frames.PRIORITY_UPDATE, 0, 0, number(sid) + "693d") for sid in range(1, 400, 2)]
    yield [{"raw": b"HTTP/1.1 400 Bad Request\r\n\r\n".hex()}]
    yield [{"raw": frames.frame(frames.DATA, 0, 1, bytes(16_385))[:9].hex()}]
    yield from lengths(0)


def goaway(last: int, code: int) -> Json:
    """A GOAWAY frame."""
    return spec(frames.GOAWAY, 0, 0, number(last) + number(code))
