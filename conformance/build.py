"""Frames of a case. What depends on the endpoint (roles, streams) is filled in when sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance import hpack, wire
from conformance.hpack import Field
from conformance.peer import On, Peer, Role, Stream
from conformance.wire import Code, Flag, Type

Made = Callable[[Peer], bytes]


def raw(kind: int, payload: bytes = b"", flags: int = 0, on: Stream = On.CURRENT) -> Made:
    """Any frame."""
    return lambda peer: wire.frame(kind, flags, peer.resolve(on), payload)


def padded(payload: bytes, pad: int | None) -> tuple[int, bytes]:
    """The flag and the payload with this much padding."""
    if pad is None:
        return 0, payload
    return Flag.PADDED, bytes([pad]) + payload + bytes(pad)


def data(
    content: bytes = b"",
    end: bool = False,
    on: Stream = On.CURRENT,
    pad: int | None = None,
    flags: int = 0,
) -> Made:
    """A DATA frame."""
    more, payload = padded(content, pad)
    return raw(Type.DATA, payload, flags | more | (Flag.END_STREAM if end else 0), on)


def headers(
    block: bytes,
    end: bool = False,
    on: Stream = On.CURRENT,
    pad: int | None = None,
    end_headers: bool = True,
    priority: bytes = b"",
    flags: int = 0,
) -> Made:
    """A HEADERS frame with this field block."""
    more, payload = padded(priority + block, pad)
    flags |= more | (Flag.END_STREAM if end else 0) | (Flag.END_HEADERS if end_headers else 0)
    return raw(Type.HEADERS, payload, flags | (Flag.PRIORITY if priority else 0), on)


def continuation(block: bytes = b"", end_headers: bool = True, on: Stream = On.CURRENT) -> Made:
    """A CONTINUATION frame."""
    return raw(Type.CONTINUATION, block, Flag.END_HEADERS if end_headers else 0, on)


def request_fields(peer: Peer, method: bytes = b"GET") -> list[Field]:
    """The pseudo-header fields of a request of the suite."""
    target = peer.target
    path = target.path if method == b"GET" else target.post_path
    return [
        (b":method", method),
        (b":scheme", target.scheme),
        (b":authority", target.authority),
        (b":path", path),
    ]


def message_fields(peer: Peer, method: bytes = b"GET") -> list[Field]:
    """A request or, for a client under test, a response."""
    return request_fields(peer, method) if peer.role is Role.SERVER else [(b":status", b"200")]


def message(
    *extra: Field,
    end: bool | None = None,
    on: Stream = On.CURRENT,
    method: bytes = b"GET",
    change: Mapping[bytes, bytes | None] | None = None,
    first: tuple[Field, ...] = (),
    encode: Callable[[list[Field]], bytes] = hpack.block,
    padding: int | None = None,
    priority: bytes = b"",
    flags: int = 0,
) -> Made:
    """The header section of a message that is valid except for what the arguments change.

    It ends requests but not responses, because a client that has everything may disconnect.
    ``change`` has other values for fields, None to omit one; ``first`` comes before all others.
    """

    def make(peer: Peer) -> bytes:
        fields = list(first)
        for name, value in message_fields(peer, method):
            changed = (change or {}).get(name, value)
            if changed is not None:
                fields.append((name, changed))
        ends = peer.role is Role.SERVER if end is None else end
        block = encode([*fields, *extra])
        return headers(block, ends, on, padding, priority=priority, flags=flags)(peer)

    return make


def trailers(*fields: Field, end: bool = True, on: Stream = On.CURRENT) -> Made:
    """A trailer section."""
    return headers(hpack.block(fields or ((b"x-trailer", b"value"),)), end, on)


def reset(code: int = Code.CANCEL, on: Stream = On.CURRENT) -> Made:
    """A RST_STREAM frame."""
    return raw(Type.RST_STREAM, wire.u32(code), 0, on)


def window(increment: int, on: Stream = On.CURRENT) -> Made:
    """A WINDOW_UPDATE frame."""
    return raw(Type.WINDOW_UPDATE, wire.u32(increment), 0, on)


def priority(depends_on: int = 0, weight: int = 15, on: Stream = On.CURRENT) -> Made:
    """A PRIORITY frame."""
    return raw(Type.PRIORITY, wire.u32(depends_on) + bytes([weight]), 0, on)


def promise(
    promised: Stream = On.PROMISED,
    *extra: Field,
    on: Stream = On.CURRENT,
    method: bytes = b"GET",
    change: Mapping[bytes, bytes | None] | None = None,
    block: bytes | None = None,
    pad: int | None = None,
    end_headers: bool = True,
    reserved: int = 0,
    flags: int = 0,
) -> Made:
    """A PUSH_PROMISE frame with a request."""

    def make(peer: Peer) -> bytes:
        wanted = [
            (name, (change or {}).get(name, value)) for name, value in request_fields(peer, method)
        ]
        fields = [(name, value) for name, value in wanted if value is not None]
        octets = hpack.block([*fields, *extra]) if block is None else block
        more, payload = padded(wire.u32(peer.resolve(promised) | reserved) + octets, pad)
        more |= flags | (Flag.END_HEADERS if end_headers else 0)
        return wire.frame(Type.PUSH_PROMISE, more, peer.resolve(on), payload)

    return make
