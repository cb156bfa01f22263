"""Faults that the generator adds: invalid calls, unusual frames, unusual header lists."""

from __future__ import annotations

from random import Random
from typing import Any

from . import frames, vocabulary
from .vocabulary import call, inject, number, pick, settings, spec

Json = Any
STREAMS = ("any", "open", "closed", "ended", "idle", "foreign")


def bad_call(random: Random) -> list[Json]:
    """A call that an implementation must reject, or an unusual one."""
    side = random.choice(["client", "server"])
    stream = {"stream_id": pick(random, random.choice(STREAMS))}
    idle = {"stream_id": random.choice([0, 2, 99, 100, -1])}
    where = random.choice([stream, stream, stream, idle])
    request = {"headers": {"headers": vocabulary.request(random)}}
    response = {"headers": {"headers": vocabulary.response(random)}}
    sized = {"stream_id": pick(random, "sendable")}
    parent = {"promised_stream_id": {"next": 0}, "request_headers": request["headers"]}
    return [
        random.choice(
            [
                call(side, "send_headers", where | request),
                call(side, "send_headers", where | response),
                call(side, "send_headers", where | response | {"end_stream": True}),
                call(side, "send_data", where | {"data": {"fill": 5}}),
                call(side, "send_data", sized | {"data": {"window": 1}}),
                call(side, "send_data", sized | {"data": {"fill": 100_000}}),
                call(side, "send_data", sized | {"data": {"fill": 3}, "pad_length": 256}),
                call(side, "send_data", sized | {"data": {"fill": 3}, "pad_length": -1}),
                call(side, "send_data", sized | {"data": {"fill": 3}, "pad_length": "a"}),
                call(side, "end_stream", where),
                call(side, "reset_stream", where),
                call(side, "push_stream", where | parent),
                call(side, "push_stream", stream | parent | {"promised_stream_id": 3}),
                call(side, "acknowledge_received_data", where | {"acknowledged_size": 1}),
                call(side, "acknowledge_received_data", stream | {"acknowledged_size": -1}),
                call(side, "increment_flow_control_window", where | {"increment": 5}),
                call(side, "increment_flow_control_window", {"increment": 0}),
                call(side, "increment_flow_control_window", {"increment": 2**31}),
                call(side, "increment_flow_control_window", {"increment": 2**31 - 1}),
                call(side, "increment_flow_control_window", sized | {"increment": 2**31 - 1}),
                call(side, "prioritize", where | {"weight": 20}),
                call("client", "prioritize", stream | {"weight": random.choice([0, 257, -5])}),
                call("client", "prioritize", {"stream_id": 5, "depends_on": 5}),
                call("server", "send_headers", sized | response | {"priority_weight": 3}),
                call(side, "ping", {"opaque_data": {"bytes": "01020304"}}),
                call(side, "ping", {"opaque_data": "12345678"}),
                call(side, "update_settings", {"new_settings": {"settings": bad_settings(random)}}),
                call(side, "local_flow_control_window", where),
                call(side, "remote_flow_control_window", where),
                call(side, "advertise_alternative_service", vocabulary.alternative(random)),
                call("server", "advertise_alternative_service", where | {"field_value": "text"}),
                call("server", "advertise_alternative_service", {"field_value": {"bytes": "61"}}),
                call(side, "send_headers", where | {"headers": {"headers": []}}),
            ]
        )
    ]


def bad_settings(random: Random) -> Json:
    """Settings with a value out of range."""
    return random.choice([{"4": -1}, {"4": 2**31}, {"5": 100}, {"2": 2}, {"3": 7, "5": 2**24}])


def settings_step(random: Random) -> list[Json]:
    """Settings in flight together, unknown ones, and frames from the peer."""
    side = random.choice(["client", "server"])
    choice = random.randrange(4)
    if choice == 0:
        return [
            call(side, "update_settings", {"new_settings": {"settings": new}})
            for new in (vocabulary.changed_settings(random, side) for _ in range(2))
        ]
    if choice == 1:
        pairs = [(random.choice([3, 4, 5, 6]), random.choice([0, 1, 16_384, 70_000]))]
        pairs = [(code, value) for code, value in pairs if code != 5 or value >= 16_384]
        return [inject(side, settings(pairs + [(4, 65_535)] * random.randrange(2)))]
    if choice == 2:
        return [inject(side, settings([(random.choice([9, 0x99, 0xFFFF]), 5)]))]
    return [inject(side, random.choice([settings([]), spec(frames.SETTINGS, 1, 0)]))]


#: A frame of an unknown type, ORIGIN for "a://b", PRIORITY_UPDATE for stream 1.
EXTENSIONS = (
    (0x42, 0xFF, 77, "616263"),
    (frames.ORIGIN, 0x10, 0, "0005613a2f2f62"),
    (frames.PRIORITY_UPDATE, 0, 0, number(1) + "753d31"),
)


def harmless(random: Random) -> list[Json]:
    """Frames with little effect."""
    return random.choice(
        [
            [spec(frames.PING, 0, 0, "0102030405060708")],
            [spec(frames.PING, 1, 0, "0102030405060708")],
            [spec(*random.choice(EXTENSIONS))],
            [spec(frames.PRIORITY, 0, random.choice([1, 9, 11]), number(3) + "0f")],
            [spec(frames.PRIORITY, 0, 13, number(3 | 1 << 31) + "ff")],
            [spec(frames.WINDOW_UPDATE, 0, 0, number(1000))],
            [spec(frames.WINDOW_UPDATE, 0, pick(random, "open"), number(1000))],
            [spec(frames.ALTSVC, 0, 0, "0001616832")],
            [spec(frames.ALTSVC, 0, pick(random, "any"), "00006832")],
            [settings([(6, 100_000)])],
        ]
    )


def odd_frame(random: Random) -> list[Json]:
    """A frame on a stream in any state, well-formed or not."""
    side = random.choice(["client", "server"])
    stream = pick(random, random.choice(STREAMS))
    request = [item[:2] for item in REQUEST]
    promised = number(random.choice([2, 4, 200, 202, 3, 0]))
    candidates = [
        [spec(frames.DATA, 0, stream, "68656c6c6f")],
        [spec(frames.DATA, 1, stream, "68656c6c6f")],
        [spec(frames.DATA, 8, stream, "0361620000")],
        [spec(frames.DATA, 8, stream, "03616200000000")],
        [spec(frames.DATA, 0, stream, "00" * 16_385)],
        [spec(frames.DATA, 0, stream, "00" * 16_384)] * 5,
        [spec(frames.HEADERS, 4, stream, request)],
        [spec(frames.HEADERS, 5, stream, [[":status", "200"]])],
        [spec(frames.HEADERS, 4, stream, [[":status", "200"]])],
        [spec(frames.HEADERS, 5, stream, [["x-trailer", "1"]])],
        [spec(frames.HEADERS, 4, stream, [["x-trailer", "1"]])],
        [spec(frames.HEADERS, 0x25, stream, number(7) + "10", request)],
        [spec(frames.HEADERS, 0, stream), spec(frames.CONTINUATION, 4, stream, request)],
        [spec(frames.HEADERS, 0, 1), spec(frames.PING, 0, 0, "00" * 8)],
        [spec(frames.HEADERS, 4, 301, "c6")],
        [spec(frames.HEADERS, 4, 0, request)],
        [spec(frames.CONTINUATION, 4, stream, "")],
        [spec(frames.RST_STREAM, 0, stream, number(random.choice([0, 8, 77])))],
        [spec(frames.RST_STREAM, 0, 1, "0000000000")],
        [spec(frames.WINDOW_UPDATE, 0, stream, number(5))],
        [spec(frames.WINDOW_UPDATE, 0, stream, number(0))],
        [spec(frames.WINDOW_UPDATE, 0, stream, number(2**31 - 1))],
        [spec(frames.WINDOW_UPDATE, 0, 0, number(random.choice([0, 2**31 - 1])))],
        [spec(frames.PRIORITY, 0, stream, number(5) + "0f")],
        [spec(frames.PRIORITY, 0, 9, number(9) + "0f")],
        [spec(frames.PUSH_PROMISE, 4, stream, promised, request)],
        [spec(frames.PUSH_PROMISE, 4, stream, promised, request)],
        [spec(frames.SETTINGS, 0, 0, "00" * 5)],
        [spec(frames.SETTINGS, 1, 0, "000100000000")],
        [settings([random.choice([(4, 2**31), (5, 1), (2, 2), (8, 2), (2, 1)])])],
        [spec(frames.SETTINGS, 0, 1)],
        [spec(frames.PING, 0, random.choice([0, 1]), "00" * random.choice([7, 8]))],
        [spec(frames.GOAWAY, 0, 0, number(2**31 - 1) + number(random.choice([0, 2, 99])))],
        [spec(frames.ALTSVC, 0, stream, random.choice(["0001616832", "00006832", "00"]))],
        [{"raw": (frames.frame(random.choice([0, 6, 0x42]), 0, 1, bytes(70_000))[:9]).hex()}],
    ]
    steps = [inject(side, *random.choice(candidates))]
    if random.random() < 0.3:
        steps[0]["frames"].insert(0, harmless(random)[0])
    if random.random() < 0.2:
        steps[0]["chunk"] = random.choice([1, 7])
    return steps


REQUEST = (
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "example.com"],
    [":path", "/"],
)

#: (name, value) added to a header list, with the error that it causes, if any.
FIELDS = (
    ("Upper", "x"),
    ("white space", "x"),
    ("", "empty name"),
    ("x-nul", "a\0b"),
    ("x-lf", "a\nb"),
    ("x-cr", "a\rb"),
    ("x-surrounded", " a "),
    ("x-inner", "a b"),
    ("x-control", "a\x01b"),
    ("x-latin", "\xe9"),
    ("x\x7f", "del"),
    ("x:y", "colon"),
    ("connection", "close"),
    ("proxy-connection", "close"),
    ("transfer-encoding", "chunked"),
    ("te", "gzip"),
    ("te", "trailers"),
    ("host", "example.com"),
    ("host", "elsewhere.example"),
    ("content-length", "0"),
    ("content-length", "5"),
    ("content-length", "x"),
    ("content-length", "-1"),
    (":path", "/again"),
    (":unknown", "x"),
    (":status", "200"),
    (":protocol", "websocket"),
    ("cookie", "a=b"),
    ("cookie", "c=d"),
    ("set-cookie", "e=f"),
)

#: Replaced pseudo-header fields; None removes the field.
PSEUDO = (
    (":method", None),
    (":scheme", None),
    (":path", None),
    (":authority", None),
    (":path", ""),
    (":path", "/a b"),
    (":path", "*"),
    (":method", "GE T"),
    (":method", "CONNECT"),
    (":authority", ""),
    (":authority", "user@example.com"),
    (":scheme", "HTTPS"),
    (":scheme", "ht tp"),
)


def odd_headers(random: Random) -> list[Json]:
    """A header list with an error, sent or received, or with a body that does not match it."""
    client_block = _spoiled(random, [list(item) for item in REQUEST])
    status = random.choice(["200", "204", "304", "100", "20", "2000", "abc", ""])
    server_block = _spoiled(random, [[":status", status]])
    trailers = _spoiled(random, [["x-trailer", "1"]])
    end = {"end_stream": random.choice([True, False])}
    side = random.choice(["client", "server"])
    flags = random.choice([4, 5])
    new = random.choice([301, 303, 305, 401, 501, 601])
    return random.choice(
        [
            _send("client", {"next": 0}, client_block, end),
            _send("client", {"next": 0}, client_block, end),
            _send("server", pick(random, "respondable"), server_block, end),
            _send(side, pick(random, "sendable"), trailers, {"end_stream": True}),
            [inject("server", spec(frames.HEADERS, flags, new, client_block))],
            [inject("server", spec(frames.HEADERS, flags, new, client_block))],
            [inject("client", spec(frames.HEADERS, flags, pick(random, "awaiting"), server_block))],
            [inject("server", spec(frames.HEADERS, 5, pick(random, "open"), trailers))],
            body(random, new),
        ]
    )


def _send(side: str, stream: Json, block: list[list[str]], more: Json) -> list[Json]:
    args = {"stream_id": stream, "headers": {"headers": block}, **more}
    return [call(side, "send_headers", args)]


def _spoiled(random: Random, block: list[list[str]]) -> list[list[str]]:
    """A header list with up to two oddities."""
    for _ in range(random.choice([0, 1, 1, 2])):
        if random.random() < 0.6 or len(block) < 4:
            block.insert(random.choice([len(block), len(block), 1]), list(random.choice(FIELDS)))
        else:
            name, value = random.choice(PSEUDO)
            block = [item for item in block if item[0] != name]
            if value is not None:
                block.insert(0, [name, value])
    return block


def body(random: Random, stream: int) -> list[Json]:
    """A request with content-length 5 and some body, on a new stream."""
    block = [list(item) for item in REQUEST] + [["content-length", "5"]]
    parts = random.choice([["68656c6c6f"], ["6865", "6c6c6f"], ["68"], ["68656c6c6f21"], []])
    specs = [spec(frames.HEADERS, 4 if parts else 5, stream, block)]
    specs += [spec(frames.DATA, 0, stream, part) for part in parts]
    if parts and random.random() < 0.5:
        specs[-1]["flags"] = 1
    elif parts:
        specs.append(spec(frames.HEADERS, 5, stream, [["x-trailer", "1"]]))
    return [inject("server", *specs)]
