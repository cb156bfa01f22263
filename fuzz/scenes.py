"""Where histories begin: both roles, both modes, and different states of a connection."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import hpack

from h2.config import DummyLogger, H2Configuration
from h2.connection import H2Connection
from h2.limits import AbuseLimits, Rate

from . import wire
from .grammar import CONNECT, HEAD, POST, REQUEST, RESPONSE, Field
from .play import Call, Receive, Scene, Step, Take


class _Forgetful(H2Connection):
    """A connection that remembers few reset streams."""

    MAX_CLOSED_STREAMS = 2


class _Foreign(H2Connection):
    """A connection that uses the decoder of the hpack package.

    Its encoder announces every size that the table had, even those that the peer no longer allows.
    """

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.decoder = hpack.Decoder()


class _Logger(DummyLogger):
    """A logger that formats every line and drops it."""

    def debug(self, *vargs: Any, **kwargs: Any) -> None:
        """Format the values."""
        vargs[0] % vargs[1:]

    trace = debug


#: Limits that a few frames exceed.
_SMALL_LIMITS = AbuseLimits(
    resets_received=Rate(1, 0),
    resets_provoked=Rate(1, 0),
    glitches=Rate(12, 0),
    pending_answers=3,
    settings_entries=2,
    fields=6,
    cookie_crumbs=1,
    encoded_factor=1,
    expansion=Rate(200, 0),
    reserved_streams=1,
    empty_data=Rate(1, 0),
    small_data=2,
)


def _stopped() -> float:
    """Always return the same time, so that a history is reproducible."""
    return 0.0


_OPTIONS: tuple[dict[str, Any], ...] = (
    *({}, {}, {"header_encoding": "utf-8"}, {"validate_inbound_headers": False}),
    {"normalize_inbound_headers": False, "normalize_outbound_headers": False},
    {"split_outbound_cookies": True},
    {"validate_outbound_headers": False},
    {"logger": _Logger(), "limits": _SMALL_LIMITS},
)

#: By option: what needs more than a configuration.
_CLASSES = {1: _Foreign, 7: _Forgetful}


_START = Call("initiate_connection", (), {})
_SETTINGS = wire.settings((wire.ENABLE_CONNECT_PROTOCOL, 1), (wire.MAX_CONCURRENT_STREAMS, 100))


def _headers(stream_id: int, fields: list[Field], flags: int = 0) -> bytes:
    block = b"".join(wire.literal(name, value) for name, value in fields)
    return wire.frame(wire.HEADERS, wire.END_HEADERS | flags, stream_id, block)


def _send(stream_id: int, fields: list[Field], end_stream: bool = False) -> Call:
    return Call("send_headers", (stream_id, fields, end_stream), {})


_SMALL = Call(
    "update_settings", ({wire.INITIAL_WINDOW_SIZE: 10, wire.MAX_HEADER_LIST_SIZE: 300},), {}
)
_ENABLE = Call("update_settings", ({wire.ENABLE_CONNECT_PROTOCOL: 1},), {})

_SERVER: tuple[tuple[Step, ...], ...] = (
    (),
    (_START, Receive(wire.PREFACE)),
    (_START, Receive(wire.PREFACE + _SETTINGS + wire.SETTINGS_ACK), Take()),
    # Streams 1 (open), 3 (half-closed, response begun), 5 (reset by us), 2 (promised).
    (
        _START,
        Receive(wire.PREFACE + wire.settings() + wire.SETTINGS_ACK),
        Receive(_headers(1, POST) + _headers(3, REQUEST, wire.END_STREAM) + _headers(5, POST)),
        _send(3, RESPONSE),
        Call("push_stream", (1, 2, REQUEST), {}),
        Call("reset_stream", (5, 8), {}),
        Take(),
    ),
    # The same with GOAWAY sent, and extended CONNECT enabled.
    (
        *(_START, _ENABLE),
        Receive(wire.PREFACE + wire.settings() + wire.SETTINGS_ACK * 2 + _headers(1, POST)),
        Call("close_connection", (), {"last_stream_id": 7}),
        Take(),
    ),
    # A small window for the peer, a small limit for its fields, a request with unacknowledged
    # content, and pending content of the response.
    (
        *(_START, _SMALL),
        Receive(wire.PREFACE + wire.settings() + _headers(1, POST) + wire.SETTINGS_ACK),
        Receive(wire.frame(wire.DATA, 0, 1, bytes(1_000))),
        _send(1, RESPONSE),
        *(Call("send_data", (1, bytes(16_380)), {}),) * 2,
    ),
    # A tunnel with a nearly exhausted window.
    (
        _START,
        Receive(wire.PREFACE + wire.settings((wire.INITIAL_WINDOW_SIZE, 100_000))),
        Receive(wire.SETTINGS_ACK + _headers(1, CONNECT)),
        _send(1, RESPONSE),
        *(Call("send_data", (1, bytes(16_380)), {}),) * 4,
        Take(),
    ),
    # After an upgrade.
    (
        Call("initiate_upgrade_connection", (b"AAMAAABkAAQAAP__",), {}),
        Receive(wire.PREFACE + wire.settings() + wire.SETTINGS_ACK),
        Take(),
    ),
)

_CLIENT: tuple[tuple[Step, ...], ...] = (
    (),
    (_START,),
    (_START, Receive(_SETTINGS + wire.SETTINGS_ACK), Take()),
    # Streams 1 (open), 3 (HEAD), 5 (reset by us), 7 (tunnel), 2 (promised).
    (
        _START,
        Receive(wire.settings() + wire.SETTINGS_ACK),
        *(_send(1, POST), _send(3, HEAD, True), _send(5, REQUEST), _send(7, CONNECT)),
        Call("reset_stream", (5, 8), {}),
        Receive(
            _headers(7, RESPONSE)
            + wire.frame(
                wire.PUSH_PROMISE,
                wire.END_HEADERS,
                1,
                b"\0\0\0\2" + b"".join(wire.literal(*field) for field in REQUEST),
            )
        ),
        Take(),
    ),
    # GOAWAY received while streams are open.
    (
        *(_START, Receive(_SETTINGS + wire.SETTINGS_ACK)),
        *(_send(1, POST), _send(3, REQUEST, True)),
        Receive(wire.frame(wire.GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0")),
        Take(),
    ),
    # An unacknowledged response, windows nearly exhausted.
    (
        *(_START, Receive(_SETTINGS + wire.SETTINGS_ACK), _send(1, REQUEST, True)),
        Receive(_headers(1, RESPONSE) + wire.frame(wire.DATA, 0, 1, bytes(16_384)) * 3),
    ),
    # Settings in flight that make everything small, and the peer's window nearly exhausted.
    (
        *(_START, Receive(_SETTINGS + wire.SETTINGS_ACK), _send(1, POST), _send(3, POST)),
        *(Call("send_data", (1, bytes(16_380)), {}),) * 3,
        Call("send_data", (3, bytes(16_380)), {}),
        Call(
            "update_settings",
            ({wire.INITIAL_WINDOW_SIZE: 100, wire.HEADER_TABLE_SIZE: 0},),
            {},
        ),
        Take(),
    ),
    (Call("initiate_upgrade_connection", (), {}), Receive(_SETTINGS + wire.SETTINGS_ACK), Take()),
)

#: How many scenes there are: two roles, two modes, eight beginnings, eight configurations.
SCENES = 256


def configuration(number: int) -> H2Configuration:
    """Return the configuration of a scene."""
    options = _OPTIONS[number >> 5 & 7]
    return H2Configuration(
        client_side=bool(number & 1), strict=bool(number & 2), clock=_stopped, **options
    )


def beginning(number: int) -> tuple[Step, ...]:
    """Return the steps before the history of a scene."""
    return (_CLIENT if number & 1 else _SERVER)[number >> 2 & 7]


@lru_cache(maxsize=SCENES)
def scene(number: int) -> Scene:
    """Return a scene by number: its bits are role, mode, state, and options."""
    config = configuration(number)
    cls = _CLASSES.get(number >> 5, H2Connection)
    return Scene(bool(number & 1), lambda: cls(config), beginning(number))
