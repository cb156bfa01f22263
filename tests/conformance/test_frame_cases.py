"""The collection http2-frame-test-case: frames with their meaning, and malformed frames."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from h2._frames import decode, encode
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from support import wire
from support.outcome import only, sent
from support.wire import Flag, Type

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "http2-frame-test-case"
CASES = {
    f"{file.parent.name}/{file.stem}": json.loads(file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*/*.json"))
}
NORMAL = [pytest.param(name, id=name) for name, case in CASES.items() if case["error"] is None]
BROKEN = [pytest.param(name, id=name) for name, case in CASES.items() if case["error"] is not None]
needs_cases = pytest.mark.skipif(
    not CASES, reason="the collection http2-frame-test-case is not beside the repository"
)


def octets(name: str) -> bytes:
    return bytes.fromhex(CASES[name]["wire"])


@needs_cases
def test_the_collection_is_complete() -> None:
    """Missing cases would go unnoticed otherwise."""
    assert (len(NORMAL), len(BROKEN)) == (12, 22)


def read(frame: wire.Frame) -> dict[str, Any]:
    """Decode a payload with the package; use the names of the collection."""
    payload = frame.payload
    found: dict[str, Any] = {}
    if frame.type in (Type.DATA, Type.HEADERS, Type.PUSH_PROMISE) and frame.has(Flag.PADDED):
        content = decode.strip_padding(payload)
        assert content is not None
        found["padding_length"] = payload[0]
        found["padding"] = payload[1 + len(content) :].decode()
        payload = content
    if frame.type == Type.PRIORITY or (frame.type == Type.HEADERS and frame.has(Flag.PRIORITY)):
        fields = decode.priority(payload)
        found |= zip(("stream_dependency", "weight", "exclusive"), fields, strict=True)
        payload = payload[5:]
    if frame.type == Type.PUSH_PROMISE:
        found["promised_stream_id"] = decode.stream_id(payload)
        payload = payload[4:]
    found |= read_rest(frame.type, payload)
    return found


def read_rest(type_: int, payload: bytes) -> dict[str, Any]:
    """The payload without padding, priority fields and promised stream."""
    if type_ == Type.DATA:
        return {"data": payload.decode()}
    if type_ in (Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION):
        return {"header_block_fragment": payload.decode()}
    if type_ == Type.RST_STREAM:
        return {"error_code": decode.error_code(payload)}
    if type_ == Type.SETTINGS:
        return {"settings": [list(pair) for pair in decode.settings(payload)]}
    if type_ == Type.PING:
        return {"opaque_data": payload.decode()}
    if type_ == Type.GOAWAY:
        names = ("last_stream_id", "error_code", "additional_debug_data")
        last, code, debug_data = decode.goaway(payload)
        return dict(zip(names, (last, code, debug_data.decode()), strict=True))
    if type_ == Type.WINDOW_UPDATE:
        return {"window_size_increment": decode.stream_id(payload)}
    return {}


@needs_cases
@pytest.mark.parametrize("name", NORMAL)
def test_decode(name: str) -> None:
    """Header and payload have the meaning that the collection gives them."""
    expected = CASES[name]["frame"]
    raw = octets(name)
    high, low, type_, flags, stream_id = decode.unpack_header(raw)
    assert high << 8 | low == expected["length"] == len(raw) - wire.FRAME_HEADER
    assert type_ == expected["type"]
    assert flags == expected["flags"]
    assert stream_id & decode.ID_MASK == expected["stream_identifier"]
    meaning = {key: value for key, value in expected["frame_payload"].items() if value is not None}
    assert read(wire.parse(raw)[0]) == meaning


def write(case: dict[str, Any]) -> bytes:
    """Encode the frame of a case with the package."""
    frame, fields = case["frame"], case["frame"]["frame_payload"]
    type_, stream_id = frame["type"], frame["stream_identifier"]
    if type_ == Type.PRIORITY:
        return encode.priority(stream_id, write_priority(fields))
    if type_ == Type.RST_STREAM:
        return encode.rst_stream(stream_id, fields["error_code"])
    if type_ == Type.SETTINGS:
        return encode.settings([(code, value) for code, value in fields["settings"]])
    if type_ == Type.PING:
        return encode.PING_HEADER + fields["opaque_data"].encode()
    if type_ == Type.GOAWAY:
        debug_data = fields["additional_debug_data"].encode()
        return encode.goaway(fields["last_stream_id"], fields["error_code"], debug_data)
    if type_ == Type.WINDOW_UPDATE:
        return encode.window_update(stream_id, fields["window_size_increment"])
    return encode.frame(type_, frame["flags"], stream_id, write_content(fields))


def write_priority(fields: dict[str, Any]) -> bytes:
    depends_on, weight = fields["stream_dependency"], fields["weight"]
    return encode.priority_fields(depends_on, weight, fields["exclusive"])


def write_content(fields: dict[str, Any]) -> bytes:
    """A payload with its optional fields; the collection pads with words, not with zeros."""
    content = fields.get("data") or fields.get("header_block_fragment") or ""
    parts = [content.encode()]
    if fields.get("promised_stream_id") is not None:
        parts.insert(0, fields["promised_stream_id"].to_bytes(4, "big"))
    if fields.get("stream_dependency") is not None:
        parts.insert(0, write_priority(fields))
    if fields.get("padding_length") is not None:
        parts.insert(0, bytes([fields["padding_length"]]))
        parts.append(fields["padding"].encode())
    return b"".join(parts)


@needs_cases
@pytest.mark.parametrize("name", NORMAL)
def test_encode(name: str) -> None:
    """Encoding the meaning results in the same octets."""
    assert write(CASES[name]) == octets(name)


def client_with_push(stream_id: int) -> H2Connection:
    """A client that receives a pushed response on that stream."""
    conn = wire.client()
    conn.send_headers(1, wire.REQUEST)
    wire.feed(conn, wire.push_promise(1, stream_id), wire.headers(stream_id, wire.RESPONSE))
    return conn


def server_with_stream_5() -> H2Connection:
    conn = wire.server()
    wire.feed(conn, wire.headers(5, wire.POST))
    return conn


THROUGH: dict[str, tuple[Callable[[], H2Connection], type[Any], dict[str, Any]]] = {
    "data/normal": (
        lambda: client_with_push(2),
        DataReceived,
        {"stream_id": 2, "data": b"Hello, world!", "flow_controlled_length": 20},
    ),
    "goaway/normal": (
        wire.client,
        ConnectionTerminated,
        {"error_code": 9, "last_stream_id": 30, "additional_data": b"hpack is broken"},
    ),
    "ping/normal": (wire.server, PingReceived, {"ping_data": b"deadbeef"}),
    "priority/normal": (
        wire.server,
        PriorityUpdated,
        {"stream_id": 9, "depends_on": 11, "weight": 8, "exclusive": False},
    ),
    "rst_stream/normal": (
        server_with_stream_5,
        StreamReset,
        {"stream_id": 5, "error_code": 8, "remote_reset": True},
    ),
    "settings/normal": (wire.server, RemoteSettingsChanged, {}),
    "window_update/normal": (
        lambda: client_with_push(50),
        WindowUpdated,
        {"stream_id": 50, "delta": 1000},
    ),
}


@needs_cases
@pytest.mark.parametrize("name", THROUGH)
def test_through_a_connection(name: str) -> None:
    """Normal frames on a connection that allows them cause the right event."""
    scene, kind, fields = THROUGH[name]
    event = only(wire.feed(scene(), octets(name)), kind)
    assert {field: getattr(event, field) for field in fields} == fields


@needs_cases
@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames(name: str) -> None:
    """A broken frame is answered with one of the listed codes, in GOAWAY or RST_STREAM."""
    raw = octets(name)
    promise = raw[3] == Type.PUSH_PROMISE
    conn = wire.client() if promise else wire.server()
    if promise:
        conn.send_headers(1, wire.REQUEST)
    else:
        wire.feed(conn, wire.headers(1, wire.POST))
    conn.clear_outbound_data_buffer()
    if name.startswith("error/push_promise-frame-promised"):
        # These do not end their block; either the promise or the end of its block may be
        # rejected.
        raw += wire.continuation(1, wire.REQUEST)
    # Oversized frames are truncated; by default the error is raised when all of it has arrived.
    raw += bytes(max(0, wire.FRAME_HEADER + int.from_bytes(raw[:3], "big") - len(raw)))
    with contextlib.suppress(ProtocolError):
        wire.feed(conn, raw)
    last = sent(conn)[-1]
    assert last.type in (Type.GOAWAY, Type.RST_STREAM)
    assert last.error_code in CASES[name]["error"]
