"""Building blocks for the generators: steps, frames, header lists, settings."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random
from typing import Any

from . import frames

Json = Any

SWITCHES = (
    "validate_outbound_headers",
    "normalize_outbound_headers",
    "validate_inbound_headers",
    "normalize_inbound_headers",
)

#: Identifiers of RFC 9113 section 6.5.2 and RFC 8441 section 3.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL = 5, 6, 8


def call(side: str, method: str, args: Json | None = None) -> Json:
    """A call of a method of H2Connection."""
    return {"do": "call", "side": side, "method": method, "args": args or {}}


def inject(side: str, *specs: Json) -> Json:
    """Frames delivered to ``side``."""
    return {"do": "inject", "side": side, "frames": list(specs)}


def spec(kind: int, flags: int, stream: Json, *payload: Json) -> Json:
    """A frame to inject; the payload is hexadecimal digits and lists of fields."""
    return {"kind": kind, "flags": flags, "stream": stream, "payload": list(payload)}


def settings(pairs: Sequence[tuple[int, int]]) -> Json:
    """A SETTINGS frame to inject."""
    payload = b"".join(struct.pack(">HI", code, value) for code, value in pairs)
    return spec(frames.SETTINGS, 0, 0, payload.hex())


def number(value: int) -> str:
    """A payload of four octets."""
    return struct.pack(">I", value).hex()


def pick(random: Random, kind: str) -> Json:
    """Any stream of a kind, chosen by the driver."""
    return {"pick": [kind, random.randrange(100)]}


def request(random: Random, *, push: bool = False) -> list[list[str]]:
    """A request header list."""
    method = "GET" if push else random.choice(["GET", "GET", "GET", "POST", "POST", "PUT", "HEAD"])
    if not push and random.random() < 0.05:
        return [[":method", "CONNECT"], [":authority", "example.com:443"]]
    pseudo = [
        [":method", method],
        [":scheme", random.choice(["https", "http"])],
        [":authority", random.choice(["example.com", "other.example:8443"])],
        [":path", random.choice(["/", "/index.html", "/a/b?c=d", f"/item/{random.randrange(50)}"])],
    ]
    if random.random() < 0.1:
        pseudo = [item for item in pseudo if item[0] != ":authority"]
        return [*pseudo, ["host", "example.com"], *regular(random)]
    return pseudo + regular(random)


def response(random: Random) -> list[list[str]]:
    """A response header list, informational or final."""
    status = random.choice(["200", "200", "200", "404", "500", "301", "100", "103"])
    return [[":status", status], *regular(random)]


def trailers(random: Random) -> list[list[str]]:
    """A trailer section."""
    return [["grpc-status", "0"], ["x-checksum", str(random.randrange(5))]][: random.randint(1, 2)]


def regular(random: Random) -> list[list[str]]:
    """Fields without a meaning in the protocol, in every form that an application may use."""
    choices = [
        ["user-agent", "differential/1"],
        ["accept", "*/*"],
        ["X-Upper-Case", "Value"],
        ["x-spaces", "  around  "],
        ["  x-name ", "spaces"],
        ["authorization", "Basic secret"],
        ["proxy-authorization", "x"],
        ["cookie", "a=1; b=2; c=" + "c" * random.choice([1, 30])],
        ["cookie", "short=1"],
        ["x-never", "hidden", "N"],
        ["x-tuple", "plain", "H"],
        ["x-octets", "\xff\xfe\x80" if random.random() < 0.1 else "octets", "b"],
        ["x-empty", ""],
        ["te", "trailers"],
        ["x-counter", str(random.randrange(1000))],
        ["x-long", "v" * random.choice([100, 1000, 5000])],
        ["connection", "close"],
        ["keep-alive", "timeout=5"],
        ["upgrade", "h2c"],
        ["content-type", "text/plain"],
        ["etag", '"abc"'],
    ]
    fields = [list(random.choice(choices)) for _ in range(random.randrange(6))]
    if random.random() < 0.03:
        fields.append(["x-huge", "{" * 20_000])
    return fields


def priority(random: Random, prefix: str) -> Json:
    """Priority arguments (RFC 7540 section 5.3), for send_headers or for prioritize."""
    out: Json = {}
    if random.random() < 0.7:
        out[prefix + "weight"] = random.choice([1, 16, 200, 256])
    if random.random() < 0.5:
        out[prefix + "depends_on"] = random.choice([0, 101, 103])
    if random.random() < 0.4 or not out:
        out[prefix + "exclusive"] = random.choice([True, False])
    return out


def alternative(random: Random) -> Json:
    """Arguments of advertise_alternative_service."""
    field = {"field_value": {"bytes": b'h2=":8000"'.hex()}}
    if random.random() < 0.5:
        return field | {"origin": {"bytes": b"example.com".hex()}}
    return field | {"stream_id": pick(random, "respondable")}


def initial_settings(random: Random, side: str) -> Json:
    """Settings for the start of a connection, as applications choose them."""
    chosen: Json = {str(MAX_CONCURRENT_STREAMS): random.choice([2, 10, 100])}
    options = [
        (HEADER_TABLE_SIZE, [0, 100, 4096, 65_536]),
        (INITIAL_WINDOW_SIZE, [0, 1, 1000, 65_535, 200_000]),
        (MAX_FRAME_SIZE, [16_384, 20_000, 65_536]),
        (MAX_HEADER_LIST_SIZE, [65_536, 100_000]),
    ]
    if side == "client":
        options.append((ENABLE_PUSH, [0, 1]))
    else:
        options.append((ENABLE_CONNECT_PROTOCOL, [0, 1]))
    for code, values in options:
        if random.random() < 0.5:
            chosen[str(code)] = random.choice(values)
    return chosen


def changed_settings(random: Random, side: str) -> Json:
    """Settings changed during a connection."""
    options = [
        (HEADER_TABLE_SIZE, [0, 64, 4096, 10_000]),
        (INITIAL_WINDOW_SIZE, [0, 10, 65_535, 70_000, 1_000_000]),
        (MAX_FRAME_SIZE, [16_384, 32_768]),
        (MAX_CONCURRENT_STREAMS, [1, 5, 100]),
    ]
    if side == "client":
        options.append((ENABLE_PUSH, [0]))
    code, values = random.choice(options)
    return {str(code): random.choice(values)}
