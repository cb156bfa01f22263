"""Calls that an application may make, and some that it must not, decided by an input."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from hpack import NeverIndexedHeaderTuple

from h2.connection import H2Connection

from . import wire
from .grammar import CODES, EXTRA, RESPONSES, SECTIONS, STREAM_IDS, VALUES, Field
from .play import Call
from .source import Source

#: Arguments of wrong types, or out of every range.
_NONSENSE: Final = (None, "1", 1.5, -1, 2**32, [1])

_SIZES: Final = (0, 1, 12, 5, 100, 1_000, 1_024, 9_000, 16_384, 16_385, 70_000, 11)
_OCTETS: Final = (1, 0, 100, 4_096, 9_000, 40_000, 65_535, 1_000_000)
_WEIGHTS: Final = (None, 1, 16, 256, 0, 257)


def _next_id(conn: H2Connection) -> int:
    used = conn.highest_outbound_stream_id
    return used + 2 if used else 1 if conn.config.client_side else 2


def _ours(conn: H2Connection) -> int:
    return conn.highest_outbound_stream_id


def theirs(conn: H2Connection) -> int:
    """The last stream of the peer."""
    return conn.highest_inbound_stream_id


def _stream(source: Source) -> Any:
    """Return a stream identifier, or a function that finds one when the call is made."""
    choice = source.octet()
    if choice < 0x60:
        return (_ours, theirs, theirs)[choice % 3]
    if choice < 0x68:
        return _next_id
    return STREAM_IDS[choice % len(STREAM_IDS)]


def call(source: Source) -> Call:
    """Return one call."""
    return _KINDS[source.octet() % len(_KINDS)](source)


def _fields(source: Source, base: list[Field]) -> list[Any]:
    choice = source.octet()
    fields: list[Any] = list(base)
    for _ in range(choice & 3):
        name, value = source.pick(EXTRA)
        kind = source.octet()
        if kind & 7 == 7:
            fields.append(NeverIndexedHeaderTuple(name, value))
        elif kind & 7 == 6:
            fields.append((name.decode("latin-1"), value.decode("latin-1")))
        elif kind & 0xF0 == 0xF0:
            # New values, and values that repeat.
            fields.append((b"x-id", b"%d" % (kind & 7) + b"v" * (kind & 8)))
        else:
            fields.append((name, value))
    return fields


def _request(source: Source) -> Call:
    fields = _fields(source, source.pick(SECTIONS[:8]))
    return Call("send_headers", (_next_id, fields, source.octet() & 1 == 1), {})


def _answer(source: Source) -> Call:
    stream_id = _stream(source)
    fields = _fields(source, source.pick(RESPONSES))
    return Call("send_headers", (stream_id, fields, source.octet() & 1 == 1), {})


def _send_headers(source: Source) -> Call:
    stream_id = _stream(source)
    base = source.pick(SECTIONS)
    fields = _fields(source, base)
    choice = source.octet()
    misuse = not base  # normalizing may leave no fields, which is valid only for trailers
    keywords: dict[str, Any] = {}
    if choice & 0x30 == 0x30:
        keywords["priority_weight"] = source.pick(_WEIGHTS)
        keywords["priority_depends_on"] = source.pick(STREAM_IDS)
    return Call("send_headers", (stream_id, fields, choice & 1 == 1), keywords, misuse)


def _bad_fields(source: Source) -> Call:
    """Invalid field objects: a TypeError or a ValueError, and nothing changes."""
    bad: Any = source.pick((None, 5, "a: b", ("x",), ("x", None), ("\ud800", b""), (b"x", [1])))
    fields = [*source.pick(SECTIONS), (b"new-name", b"new"), bad]
    return Call("send_headers", (_stream(source), fields), {}, misuse=True)


def _send_data(source: Source) -> Call:
    stream_id = _stream(source)
    choice = source.octet()
    pad = (None, None, None, 0, 9, 255)[(choice >> 1 & 7) % 6]
    data = bytes(source.pick(_SIZES))
    return Call("send_data", (stream_id, data, choice & 1 == 1), {"pad_length": pad})


def _send_little(source: Source) -> Call:
    return Call("send_data", (_stream(source), b"some content", source.octet() & 1 == 1), {})


def _end_stream(source: Source) -> Call:
    return Call("end_stream", (_stream(source),), {})


def _reset_stream(source: Source) -> Call:
    return Call("reset_stream", (_stream(source), source.pick(CODES)), {})


def _push_stream(source: Source) -> Call:
    stream_id = _stream(source)
    promised = _next_id if not source.chance(4) else _stream(source)
    fields = _fields(source, source.pick(SECTIONS[:8]))
    return Call("push_stream", (stream_id, promised, fields), {})


def _acknowledge(source: Source) -> Call:
    stream_id = _stream(source)
    # Identifiers that are not positive are misuse; 0 is the value of a side without streams.
    return Call("acknowledge_received_data", (source.pick(_OCTETS), stream_id), {}, misuse=True)


def _increment(source: Source) -> Call:
    stream_id = None if source.chance(2) else _stream(source)
    increment = source.pick((1, 1_000, 65_535, wire.MAX_WINDOW, wire.MAX_WINDOW - 65_535))
    return Call("increment_flow_control_window", (increment, stream_id), {})


def _update_settings(source: Source) -> Call:
    pairs = {source.octet() % 10: source.pick(VALUES) for _ in range(source.octet() & 3)}
    return Call("update_settings", (pairs,), {})


def _prioritize(source: Source) -> Call:
    stream_id, depends_on = _stream(source), source.pick(STREAM_IDS)
    if source.chance(4):
        # There is no stream 0.
        return Call("send_priority_update", (stream_id, source.octet() & 7), {}, misuse=True)
    # 0 is out of range.
    arguments = (stream_id, source.pick(_WEIGHTS), depends_on)
    return Call("prioritize", arguments, {}, misuse=True)


def _ping(source: Source) -> Call:
    return Call("ping", (b"12345678",), {})


def _advertise(source: Source) -> Call:
    if source.chance(2):
        origin = source.pick((b"https://a.b", b"", bytes(16_384), None))
        if origin is None:
            return Call("advertise_origins", ([b"https://a.b"] * source.octet(),), {})
        return Call("advertise_alternative_service", (b"h2=x", origin), {}, misuse=not origin)
    return Call("advertise_alternative_service", (b"h2=x", None, _stream(source)), {})


def _close(source: Source) -> Call:
    last = source.pick((None, None, wire.MAX_ID, 1, 5, 0))
    code = source.pick((0, 0, 0, 2, 99))
    data = source.pick((None, b"why", bytes(16_380)))
    return Call("close_connection", (code, data, last), {})


def _look(source: Source) -> Call:
    if source.chance(4):
        return Call("__repr__", (), {})
    method = source.pick(("local_flow_control_window", "remote_flow_control_window"))
    return Call(method, (_stream(source),), {})


def _state(source: Source) -> Call:
    # 0 is not a stream identifier.
    return Call("stream_state", (_stream(source),), {}, misuse=True)


def _start(source: Source) -> Call:
    if source.chance(2):
        return Call("initiate_connection", (), {})
    # The value of HTTP2-Settings comes from a client, so it may be anything.
    pairs = [(source.octet() % 10, source.pick(VALUES)) for _ in range(source.octet() & 3)]
    header = urlsafe_b64encode(wire.payload_of(pairs)).rstrip(b"=")
    if source.chance(4):
        header = header[: source.octet() & 7] + source.take(source.octet() & 7)
    return Call("initiate_upgrade_connection", (header,), {})


def _nonsense(source: Source) -> Call:
    """A call whose argument is of a wrong type or out of range."""
    method, before = source.pick(_TAKES_A_NUMBER)
    value = source.pick(_NONSENSE)
    if source.chance(8):
        return Call("data_to_send", (source.pick(("1", 1.5, -1, [1])),), {}, misuse=True)
    return Call(method, (*before, value), {}, misuse=True)


#: Methods and the arguments before the invalid one.
_TAKES_A_NUMBER: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    *(("end_stream", ()), ("reset_stream", ()), ("reset_stream", (theirs,)), ("ping", ())),
    *(("acknowledge_received_data", (1,)), ("acknowledge_received_data", ())),
    *(("increment_flow_control_window", ()), ("increment_flow_control_window", (1,))),
    *(("update_settings", ()), ("close_connection", ()), ("close_connection", (0,))),
    *(("close_connection", (0, None)), ("prioritize", ()), ("prioritize", (1,))),
    *(("send_data", (theirs,)), ("send_data", (theirs, b"x", False))),
    *(("push_stream", (theirs,)), ("receive_data", ()), ("stream_state", ())),
    *(("initiate_upgrade_connection", ()), ("advertise_alternative_service", (b"h2=x",))),
)

_KINDS: Final[tuple[Callable[[Source], Call], ...]] = (
    *(_request, _request, _request, _answer, _answer, _answer, _answer, _send_headers),
    *(_send_data, _send_data, _send_data, _send_little, _send_little, _end_stream),
    *(_reset_stream, _reset_stream, _push_stream, _push_stream, _acknowledge, _acknowledge),
    *(_acknowledge, _increment, _update_settings, _update_settings, _prioritize, _ping),
    *(_advertise, _close, _look, _state, _start, _bad_fields, _nonsense),
)
