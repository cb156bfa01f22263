"""The calls that an exploration makes, and the scenarios that group them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from hpack.struct import NeverIndexedHeaderTuple

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

#: The octets of content in a frame that does not fill the window, of its padding if it has some,
#: and the increment of a window.
SOME = 3
PADDING = 2
INCREMENT = 5

#: An increment that makes a window of the initial size as large as it can be.
MOST = 2**31 - 1 - 65_535

#: In scenarios with such calls a window could become too large, and calls are then refused. The
#: connection decides which ones.
WHERE_UNDECIDED = frozenset(("enlarge-most", "enlarge-connection-most", "set-window-most"))
UNDECIDED = WHERE_UNDECIDED | {"enlarge", "enlarge-connection", "set-window"}

#: The values between which a setting alternates: the initial one, and another. The stream limit
#: becomes one less than what the client wants to open.
ALTERNATIVES = {
    "set-window": (SettingCodes.INITIAL_WINDOW_SIZE, 65_535, 4),
    "set-window-0": (SettingCodes.INITIAL_WINDOW_SIZE, 65_535, 0),
    "set-window-most": (SettingCodes.INITIAL_WINDOW_SIZE, 65_535, 2**31 - 1),
    "set-streams": (SettingCodes.MAX_CONCURRENT_STREAMS, 100, -1),
    "set-frame": (SettingCodes.MAX_FRAME_SIZE, 16_384, 70_000),
    "set-table": (SettingCodes.HEADER_TABLE_SIZE, 4_096, 0),
    "set-push": (SettingCodes.ENABLE_PUSH, 1, 0),
}

#: The error code when the application resets a stream or ends the connection.
CANCEL = ErrorCodes.CANCEL
GIVE_UP = ErrorCodes.INTERNAL_ERROR


class Call(NamedTuple):
    """A call of an application: on a stream, or on the connection as a whole (stream 0)."""

    name: str
    stream_id: int = 0

    def __str__(self) -> str:
        return f"{self.name}({self.stream_id})" if self.stream_id else self.name


class Scenario(NamedTuple):
    """The calls to try, and the starting point."""

    calls: frozenset[str]
    start: str = "settled"  #: "start": the prefaces are in flight; "upgrade": from HTTP/1.1
    hold: bool = False  #: output stays pending until it is taken, which is also a call
    settings: tuple[tuple[int, int], ...] = ()  #: of both ends at the start
    remembered: int = 1024  #: how many reset streams are remembered


def _calls(*groups: Iterable[str] | str) -> frozenset[str]:
    names: set[str] = set()
    for group in groups:
        names.update([group] if isinstance(group, str) else group)
    return frozenset(names)


OPENING = frozenset(("headers", "headers-end", "connect", "websocket"))
_MESSAGE = _calls(
    *("headers", "headers-end", "info", "data", "end", "trailers", "reset"),
    "trailers-open",  # without END_STREAM, which is always refused
)
_GOAWAYS = _calls("goaway-first", "goaway", "close")
_WINDOWS = _calls("data", "padded", "fill", "ack", "ack-some", "enlarge", "enlarge-connection")
_SETTINGS = _calls("set-window", "set-streams", "set-frame", "set-table", "set-push")
_CONNECT = _calls("connect", "websocket", "refuse", "set-connect")
_OTHERS = _calls("ping", "prioritize", "altsvc", "altsvc-origin", "reset-no-error", "data-end")
_ALL = _calls(_MESSAGE, _GOAWAYS, _WINDOWS, _SETTINGS, _CONNECT, _OTHERS, "push", "set-window-0")

_LARGE_FRAMES = ((SettingCodes.MAX_FRAME_SIZE, 70_000),)

#: Less than the initial values of the RFC, which the other end assumes until it is told. Until then
#: a stream above the limit may be refused.
_RESTRICTED = (
    (SettingCodes.HEADER_TABLE_SIZE, 0),
    (SettingCodes.ENABLE_PUSH, 0),
    (SettingCodes.MAX_CONCURRENT_STREAMS, 1),
    (SettingCodes.INITIAL_WINDOW_SIZE, 4),
)

SCENARIOS = {
    "messages": Scenario(_MESSAGE),
    "push": Scenario(_calls(_MESSAGE, "push", "set-push", "set-streams") - {"data"}),
    "connect": Scenario(_calls(_MESSAGE, _CONNECT, "push")),
    "upgrade": Scenario(_calls(_MESSAGE, "push", "goaway"), "upgrade"),
    "settings": Scenario(_calls(_SETTINGS, "headers", "data", "fill", "end", "push")),
    "windows": Scenario(_calls(_WINDOWS, "headers", "end", "reset", "set-window")),
    "filled": Scenario(
        _calls(_WINDOWS, "headers", "end", "reset", "set-window-0"), settings=_LARGE_FRAMES
    ),
    "shutdown": Scenario(_calls(_GOAWAYS, "headers", "headers-end", "end", "reset", "push")),
    "others": Scenario(_calls(_OTHERS, "headers", "headers-end", "push", "end", "ack")),
    "ending": Scenario(_calls(_OTHERS, "goaway", "headers", "trailers-long", "enlarge", "push")),
    "leaving": Scenario(_calls(_GOAWAYS, "ping", "headers", "push"), "start"),
    "largest": Scenario(_calls(UNDECIDED, "headers", "data", "ack")),
    "restricted": Scenario(
        _calls(_MESSAGE, _WINDOWS, "push", "goaway"), "start", settings=_RESTRICTED
    ),
    "forgetful": Scenario(_calls(_MESSAGE, "push", "fill", "ack"), remembered=1),
    "all": Scenario(_ALL),
    "start": Scenario(_ALL, "start"),
    "held": Scenario(
        _calls(_MESSAGE, "push", "fill", "ack", "set-window", "goaway", "data-end"),
        hold=True,
        settings=_LARGE_FRAMES,
    ),
}

Fields = list[Any]

# Fields that do not change the HPACK tables, so that a field block always has the same octets.
_AUTHORITY = NeverIndexedHeaderTuple(":authority", "a")
_REQUEST = [(":method", "POST"), (":scheme", "https"), (":path", "/"), _AUTHORITY]
_PROMISE: Fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), _AUTHORITY]
_CONNECT_METHOD = NeverIndexedHeaderTuple(":method", "CONNECT")
_TUNNEL = [_CONNECT_METHOD, _AUTHORITY]
_WEBSOCKET = [
    _CONNECT_METHOD,
    NeverIndexedHeaderTuple(":protocol", "websocket"),
    *_REQUEST[1:],
]
_RESPONSE = [(":status", "200")]
_REFUSAL = [(":status", "404")]
_INFORMATION = [NeverIndexedHeaderTuple(":status", "103")]
_TRAILERS = [NeverIndexedHeaderTuple("a", "b")]
_LONG_TRAILERS = [NeverIndexedHeaderTuple("a", "b" * 30_000)]  # with CONTINUATION

_BLOCKS: dict[tuple[str, bool], Fields] = {
    ("headers", True): _REQUEST,
    ("headers-end", True): _REQUEST,
    ("connect", True): _TUNNEL,
    ("websocket", True): _WEBSOCKET,
    ("headers", False): _RESPONSE,
    ("headers-end", False): _RESPONSE,
    ("refuse", False): _REFUSAL,
    ("info", False): _INFORMATION,
}


def room(conn: H2Connection, stream_id: int) -> int:
    """Return how much content fits into one frame now."""
    return min(conn.local_flow_control_window(stream_id), conn.max_outbound_frame_size)


def perform(conn: H2Connection, call: Call, client: bool, argument: int, more: Fields) -> None:
    """Make a call.

    ``argument`` is a stream identifier, a number of octets, or a value; ``more`` are fields that a
    field block has in addition.
    """
    name, stream_id = call
    block = _BLOCKS.get((name, client))
    if block is not None:
        conn.send_headers(stream_id, block + more, end_stream=name == "headers-end")
    elif name.startswith("trailers"):
        fields = _LONG_TRAILERS if name == "trailers-long" else _TRAILERS
        conn.send_headers(stream_id, fields + more, end_stream=name != "trailers-open")
    elif name == "padded":
        conn.send_data(stream_id, bytes(argument), pad_length=PADDING)
    elif name in ("data", "data-end", "fill"):
        conn.send_data(stream_id, bytes(argument), end_stream=name == "data-end")
    elif name == "end":
        conn.end_stream(stream_id)
    elif name == "push":
        conn.push_stream(stream_id, argument, _PROMISE + more)
    elif name in ("reset", "reset-no-error"):
        conn.reset_stream(stream_id, CANCEL if name == "reset" else ErrorCodes.NO_ERROR)
    elif name in ("ack", "ack-some"):
        conn.acknowledge_received_data(argument, stream_id)
    elif name.startswith("enlarge"):
        increment = MOST if name.endswith("-most") else INCREMENT
        conn.increment_flow_control_window(increment, stream_id or None)
    elif name == "set-connect":
        conn.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    elif name in ALTERNATIVES:
        conn.update_settings({ALTERNATIVES[name][0]: argument})
    else:
        _perform_other(conn, name, stream_id)


def _perform_other(conn: H2Connection, name: str, stream_id: int) -> None:
    if name == "ping":
        conn.ping(bytes(8))
    elif name == "prioritize":
        conn.prioritize(stream_id)
    elif name == "altsvc":
        conn.advertise_alternative_service(b"h2", stream_id=stream_id)
    elif name == "altsvc-origin":
        conn.advertise_alternative_service(b"h2", origin=b"a")
    elif name == "goaway-first":
        conn.close_connection(last_stream_id=2**31 - 1)
    elif name == "goaway":
        conn.close_connection()
    elif name == "close":
        conn.close_connection(GIVE_UP)
    else:
        raise ValueError(f"no such call: {name}")
