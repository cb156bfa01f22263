"""The smallest input that breaks each rule of the registry: bytes or a call.

Written from the RFCs: section, error code and exception are repeated here on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from h2.connection import H2Connection
from h2.exceptions import (
    DenialOfServiceError,
    FlowControlError,
    FrameDataMissingError,
    FrameTooLargeError,
    H2Error,
    InvalidBodyLengthError,
    InvalidSettingsValueError,
    NoAvailableStreamIDError,
    NoSuchStreamError,
    ProtocolError,
    RFC1122Error,
    StreamClosedError,
    StreamIDTooLowError,
    TooManyStreamsError,
)
from h2.limits import AbuseLimits, Rate
from support import wire
from support.wire import MAX_WINDOW, Code, Flag, Setting, Type

Build = Callable[[], H2Connection]
Call = Callable[[H2Connection], Any]

CONNECTION, STREAM, MISUSE = "connection error", "stream error", "misuse"
TOLERATED = "tolerated"


class Scenario(NamedTuple):
    """One way to break a rule, and the result."""

    rule: str
    section: str
    scope: str
    code: int
    error: type[H2Error]
    build: Build
    act: Call
    stream_id: int = 0  # of a stream error
    strict_scope: str | None = None  # where it differs with strict=True
    strict_code: int | None = None

    def scope_if(self, strict: bool) -> str:
        """The scope in this mode."""
        return self.strict_scope if strict and self.strict_scope else self.scope

    def code_if(self, strict: bool) -> int:
        """The error code in this mode."""
        return self.strict_code if strict and self.strict_code else self.code


SCENARIOS: list[Scenario] = []


def receives(
    rule: str,
    section: str,
    build: Build,
    *frames: bytes,
    code: Code = Code.PROTOCOL_ERROR,
    error: type[H2Error] = ProtocolError,
    strict_stream: int = 0,
    strict_code: Code | None = None,
) -> None:
    """Frames that end the connection, or with strict=True only ``strict_stream``."""
    SCENARIOS.append(
        Scenario(
            *(rule, section, CONNECTION, code, error, build),
            lambda conn: wire.feed(conn, *frames),
            stream_id=strict_stream,
            strict_scope=STREAM if strict_stream else None,
            strict_code=strict_code,
        )
    )


def tolerates(
    rule: str,
    section: str,
    build: Build,
    *frames: bytes,
    code: Code = Code.PROTOCOL_ERROR,
    error: type[H2Error] = ProtocolError,
) -> None:
    """Frames that end the connection with strict=True only."""
    SCENARIOS.append(
        Scenario(
            *(rule, section, TOLERATED, code, error, build),
            lambda conn: wire.feed(conn, *frames),
            strict_scope=CONNECTION,
        )
    )


def malformed(
    rule: str,
    section: str,
    build: Build,
    *frames: bytes,
    error: type[H2Error] = ProtocolError,
) -> None:
    """A malformed message on stream 1: h2 4.4.1 ends the connection, the RFC the stream."""
    receives(rule, section, build, *frames, error=error, strict_stream=1)


def resets(
    rule: str,
    section: str,
    stream_id: int,
    build: Build,
    *frames: bytes,
    code: Code = Code.PROTOCOL_ERROR,
    error: type[H2Error] = ProtocolError,
    strict: str = STREAM,
) -> None:
    """Frames that end one stream, or with strict=True perhaps the connection."""
    SCENARIOS.append(
        Scenario(
            *(rule, section, STREAM, code, error, build),
            *(lambda conn: wire.feed(conn, *frames), stream_id, strict),
        )
    )


def refuses(
    rule: str,
    section: str,
    build: Build,
    act: Call,
    code: Code = Code.PROTOCOL_ERROR,
    error: type[H2Error] = ProtocolError,
) -> None:
    """A call that is refused."""
    SCENARIOS.append(Scenario(rule, section, MISUSE, code, error, build, act))


def prepared(build: Build, *steps: Call) -> Build:
    def prepare() -> H2Connection:
        conn = build()
        for step in steps:
            step(conn)
        conn.clear_outbound_data_buffer()
        return conn

    return prepare


def gets(*frames: bytes) -> Call:
    return lambda conn: wire.feed(conn, *frames)


def sends(stream_id: int, fields: wire.Fields, end_stream: bool = False) -> Call:
    return lambda conn: conn.send_headers(stream_id, fields, end_stream)


def promises(stream_id: int, promised: int, fields: wire.Fields = wire.REQUEST) -> Call:
    return lambda conn: conn.push_stream(stream_id, promised, fields)


def new(client: bool) -> Build:
    return lambda: H2Connection(wire.configuration(client_side=client))


class SmallLists(H2Connection):
    DEFAULT_MAX_HEADER_LIST_SIZE = 100


def small_lists() -> H2Connection:
    conn = SmallLists(wire.configuration(client_side=False))
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE, wire.settings())
    return conn


SERVER, CLIENT = wire.server, wire.client


ASKED = prepared(SERVER, gets(wire.headers(1, wire.POST)))
ASKED_ALL = prepared(SERVER, gets(wire.headers(1, wire.REQUEST, end_stream=True)))
ASKING = prepared(CLIENT, sends(1, wire.POST))
PROMISED = prepared(ASKING, gets(wire.push_promise(1, 2)))
HEAD = [(b":method", b"HEAD"), *wire.REQUEST[1:]]
TUNNEL_REQUEST = [(b":method", b"CONNECT"), (b":authority", b"example.com:80")]

# Starting HTTP/2 --------------------------------------------------------------------------------

receives("preface-invalid", "9113 3.4", new(False), b"GET / HTTP/1.1\r\n")
tolerates("first-frame-not-settings", "9113 3.4", new(False), wire.PREFACE, wire.ping())
tolerates("first-frame-not-settings", "9113 3.4", new(True), wire.settings(ack=True))
refuses(
    *("upgrade-settings-invalid", "7540 3.2.1", new(False)),
    lambda conn: conn.initiate_upgrade_connection(b"???"),
)
refuses("upgrade-too-late", "7540 3.2", ASKED, lambda conn: conn.initiate_upgrade_connection(b""))

# Frames -----------------------------------------------------------------------------------------

receives(
    *("frame-too-large", "9113 4.2", ASKED, wire.frame(Type.DATA, 0, 1, bytes(16_385))),
    code=Code.FRAME_SIZE_ERROR,
    error=FrameTooLargeError,
)
receives(
    *("frame-size-wrong", "9113 4.2", SERVER, wire.ping(b"1234567")),
    code=Code.FRAME_SIZE_ERROR,
    error=FrameDataMissingError,
)
resets(
    *("priority-size-wrong", "9113 6.3", 1, ASKED, wire.frame(Type.PRIORITY, 0, 1, b"1234")),
    code=Code.FRAME_SIZE_ERROR,
    error=FrameDataMissingError,
)
receives("stream-id-missing", "9113 6", SERVER, wire.data(0, b"x"))
receives("stream-id-forbidden", "9113 6", SERVER, wire.frame(Type.PING, 0, 1, b"12345678"))
receives("padding-too-long", "9113 6.1", ASKED, wire.frame(Type.DATA, Flag.PADDED, 1, b"\x03ab"))
receives("frame-not-allowed", "9113 8.4", ASKED, wire.push_promise(1, 2))
UNFINISHED = wire.headers(1, wire.REQUEST, end_headers=False)
receives("continuation-missing", "9113 6.2", SERVER, UNFINISHED, wire.ping())
receives("continuation-unexpected", "9113 6.10", ASKED, wire.continuation(1, b""))
receives(
    *("continuation-flood", "9113 10.5", SERVER, UNFINISHED),
    *[wire.continuation(1, b"", end_headers=False)] * 65,
    code=Code.ENHANCE_YOUR_CALM,
    error=DenialOfServiceError,
)
receives(
    *("field-block-invalid", "9113 4.3", SERVER, wire.headers(1, b"\x80")),
    code=Code.COMPRESSION_ERROR,
)
receives(
    *("field-section-too-large", "9113 10.5.1", small_lists, wire.headers(1, wire.REQUEST)),
    code=Code.ENHANCE_YOUR_CALM,
    error=DenialOfServiceError,
    strict_stream=1,
)
receives(
    *("field-block-too-large", "9113 10.5.1", small_lists),
    wire.headers(1, bytes(201), end_headers=False),
    code=Code.ENHANCE_YOUR_CALM,
    error=DenialOfServiceError,
)

# Streams ----------------------------------------------------------------------------------------

receives("stream-idle", "9113 5.1", SERVER, wire.data(1, b"x"), error=NoSuchStreamError)
tolerates(*("reset-of-idle-stream", "9113 6.4", ASKED, wire.rst_stream(3)), error=NoSuchStreamError)
receives(
    *("stream-reserved", "9113 5.1", prepared(ASKED, promises(1, 2))),
    wire.headers(2, wire.TRAILERS, end_stream=True),
)
resets(*("data-on-reserved-stream", "9113 5.1", 2, PROMISED, wire.data(2, b"x")), strict=CONNECTION)
tolerates("window-of-reserved-stream", "9113 5.1", PROMISED, wire.window_update(2, 1))
resets(
    *("stream-half-closed", "9113 5.1", 1, ASKED_ALL, wire.data(1, b"x")), code=Code.STREAM_CLOSED
)
resets(
    *("stream-reset-by-peer", "9113 5.1", 1, prepared(ASKED, gets(wire.rst_stream(1)))),
    wire.data(1, b"x"),
    code=Code.STREAM_CLOSED,
)
receives(
    *("stream-closed", "9113 5.1", prepared(ASKED_ALL, sends(1, wire.RESPONSE, True))),
    wire.headers(1, wire.TRAILERS, end_stream=True),
    code=Code.STREAM_CLOSED,
    error=StreamClosedError,
)
receives("stream-id-parity", "9113 5.1.1", ASKING, wire.push_promise(1, 3))
refuses("stream-id-parity", "9113 5.1.1", CLIENT, sends(2, wire.REQUEST))
receives(
    *("stream-id-too-low", "9113 5.1.1", SERVER),
    *(wire.headers(5, wire.REQUEST), wire.headers(3, wire.REQUEST)),
    error=StreamIDTooLowError,
)
refuses(
    *("stream-id-too-low", "9113 5.1.1", prepared(CLIENT, sends(5, wire.REQUEST))),
    sends(3, wire.REQUEST),
    error=StreamIDTooLowError,
)
receives(
    *("too-many-streams", "9113 5.1.2", SERVER),
    *(wire.headers(stream_id, wire.REQUEST) for stream_id in range(1, 203, 2)),
    error=TooManyStreamsError,
    strict_stream=201,
    strict_code=Code.REFUSED_STREAM,
)
resets(
    *("stream-refused", "9113 5.1.2", 201, prepared(new(False), gets(wire.PREFACE))),
    wire.settings(),
    *(wire.headers(stream_id, wire.REQUEST) for stream_id in range(1, 203, 2)),
    code=Code.REFUSED_STREAM,
    error=TooManyStreamsError,
)
SCENARIOS.append(
    Scenario(
        *("priority-self-dependency", "7540 5.3.1", CONNECTION, Code.PROTOCOL_ERROR),
        *(ProtocolError, SERVER, gets(wire.priority(1, depends_on=1))),
        strict_scope=TOLERATED,
    )
)
refuses(
    *("priority-self-dependency", "7540 5.3.1", CLIENT),
    lambda conn: conn.prioritize(1, depends_on=1),
)

# Flow control -----------------------------------------------------------------------------------

FULL = wire.data(1, bytes(16_384))
receives(
    *("connection-window-exceeded", "9113 6.9.1", ASKED, *[FULL] * 4),
    code=Code.FLOW_CONTROL_ERROR,
    error=FlowControlError,
)
receives(
    *("stream-window-exceeded", "9113 6.9.1"),
    prepared(ASKED, lambda conn: conn.increment_flow_control_window(70_000)),
    *[FULL] * 4,
    code=Code.FLOW_CONTROL_ERROR,
    error=FlowControlError,
    strict_stream=1,
)
receives("connection-increment-zero", "9113 6.9", SERVER, wire.window_update(0, 0))
resets("stream-increment-zero", "9113 6.9", 1, ASKED, wire.window_update(1, 0))
receives(
    *("connection-window-overflow", "9113 6.9.1", SERVER, wire.window_update(0, MAX_WINDOW)),
    code=Code.FLOW_CONTROL_ERROR,
    error=FlowControlError,
)
resets(
    *("stream-window-overflow", "9113 6.9.1", 1, ASKED, wire.window_update(1, MAX_WINDOW)),
    code=Code.FLOW_CONTROL_ERROR,
    error=FlowControlError,
)
receives(
    *("initial-window-overflow", "9113 6.9.2", ASKED, wire.window_update(1, 1)),
    wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW)),
    code=Code.FLOW_CONTROL_ERROR,
    error=FlowControlError,
)
refuses(
    *("send-window-exceeded", "9113 6.9.1"),
    prepared(ASKING, gets(wire.settings((Setting.INITIAL_WINDOW_SIZE, 9)))),
    lambda conn: conn.send_data(1, bytes(10)),
    Code.FLOW_CONTROL_ERROR,
    FlowControlError,
)
refuses(
    *("send-frame-too-large", "9113 4.2", ASKING, lambda conn: conn.send_data(1, bytes(16_385))),
    *(Code.FRAME_SIZE_ERROR, FrameTooLargeError),
)
refuses(
    *("receive-window-overflow", "9113 6.9.1", CLIENT),
    lambda conn: conn.increment_flow_control_window(MAX_WINDOW),
    Code.FLOW_CONTROL_ERROR,
    FlowControlError,
)

# SETTINGS, GOAWAY -------------------------------------------------------------------------------

tolerates("settings-ack-unsolicited", "9113 6.5.3", SERVER, wire.settings(ack=True))
tolerates(
    *("connect-protocol-revoked", "8441 3", SERVER),
    *(wire.settings((8, 1)), wire.settings((8, 0))),
    error=InvalidSettingsValueError,
)
refuses(
    *("connect-protocol-revoked", "8441 3"),
    prepared(SERVER, lambda conn: conn.update_settings({8: 1})),
    lambda conn: conn.update_settings({8: 0}),
    error=InvalidSettingsValueError,
)
receives(
    *("setting-invalid", "9113 6.5.2", SERVER, wire.settings((Setting.ENABLE_PUSH, 2))),
    error=InvalidSettingsValueError,
)
receives(
    *("setting-invalid", "9113 6.5.2", SERVER),
    wire.settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW + 1)),
    code=Code.FLOW_CONTROL_ERROR,
    error=InvalidSettingsValueError,
)
refuses(
    *("setting-invalid", "9113 6.5.2", CLIENT, lambda conn: conn.update_settings({2: 2})),
    error=InvalidSettingsValueError,
)
tolerates(
    *("priorities-setting-invalid", "9218 2.1", SERVER, wire.settings((9, 2))),
    error=InvalidSettingsValueError,
)
refuses(
    *("priorities-setting-invalid", "9218 2.1", CLIENT, lambda conn: conn.update_settings({9: 2})),
    error=InvalidSettingsValueError,
)
tolerates(
    *("priorities-setting-changed", "9218 2.1", SERVER),
    *(wire.settings((9, 1)), wire.settings((9, 0))),
    error=InvalidSettingsValueError,
)
refuses(
    *("last-stream-id-raised", "9113 6.8"),
    prepared(SERVER, lambda conn: conn.close_connection(last_stream_id=5)),
    lambda conn: conn.close_connection(last_stream_id=6),
)

# PRIORITY_UPDATE -------------------------------------------------------------------------------

tolerates("priority-update-from-server", "9218 7.1", CLIENT, wire.priority_update(1, b"u=1"))
tolerates("priority-update-on-stream", "9218 7.1", SERVER, wire.priority_update(1, stream_id=1))
tolerates(
    *("priority-update-size-wrong", "9113 4.2", SERVER),
    wire.frame(Type.PRIORITY_UPDATE, 0, 0, b"\0\0\1"),
    code=Code.FRAME_SIZE_ERROR,
    error=FrameDataMissingError,
)
tolerates("priority-update-of-connection", "9218 7.1", SERVER, wire.priority_update(0))
tolerates("priority-update-of-idle-push", "9218 7.1", SERVER, wire.priority_update(2))
tolerates(
    *("priority-update-of-too-many", "9218 7.1", SERVER),
    *(wire.priority_update(stream_id) for stream_id in range(1, 2 * 101, 2)),
)

# Server push ------------------------------------------------------------------------------------

WITHOUT_PUSH = prepared(
    *(CLIENT, lambda conn: conn.update_settings({Setting.ENABLE_PUSH: 0})),
    *(gets(wire.settings(ack=True)), sends(1, wire.POST)),
)
NOT_WANTED = prepared(ASKED, gets(wire.settings((Setting.ENABLE_PUSH, 0))))
receives("push-disabled", "9113 6.6", WITHOUT_PUSH, wire.push_promise(1, 2))
refuses("push-disabled", "9113 6.6", NOT_WANTED, promises(1, 2))
for rule, identifier in (
    *(("stream-id-parity", 3), ("stream-id-too-low", 2), ("stream-id-too-low", 0)),
    ("stream-ids-exhausted", 2**31),
):
    refuses(
        *(rule, "9113 5.1.1", prepared(ASKED, promises(1, 2)), promises(1, identifier)),
        error={
            "stream-id-too-low": StreamIDTooLowError,
            "stream-ids-exhausted": NoAvailableStreamIDError,
        }.get(rule, ProtocolError),
    )
receives("push-parent-state", "9113 6.6", CLIENT, wire.push_promise(1, 2))
resets(
    *("push-parent-ended", "9113 6.6", 2),
    prepared(ASKING, gets(wire.headers(1, wire.RESPONSE, end_stream=True))),
    wire.push_promise(1, 2),
    strict=CONNECTION,
)
resets(
    *("promise-repeated", "9113 5.1.1", 2),
    prepared(PROMISED, lambda conn: conn.reset_stream(2)),
    wire.push_promise(1, 2),
    strict=CONNECTION,
)
resets(
    *("stream-not-promised", "9113 8.4.1", 2, CLIENT, wire.headers(2, wire.RESPONSE)),
    strict=CONNECTION,
)
resets(
    *("promise-repeated", "9113 5.1.1", 2),
    prepared(PROMISED, gets(wire.rst_stream(2))),
    wire.push_promise(1, 2),
    strict=CONNECTION,
)
resets(
    *("promise-repeated", "9113 5.1.1", 2),
    prepared(ASKING, lambda conn: conn.reset_stream(1), gets(wire.push_promise(1, 4))),
    wire.push_promise(1, 2),
    strict=CONNECTION,
)
resets(
    *("push-parent-reset", "9113 8.4.1", 4),
    prepared(PROMISED, lambda conn: conn.reset_stream(2)),
    wire.push_promise(2, 4),
    strict=CONNECTION,
)
resets("push-not-safe", "9113 8.4.1", 2, ASKING, wire.push_promise(1, 2, wire.POST))
refuses("push-not-safe", "9113 8.4.1", ASKED, promises(1, 2, wire.POST))
receives("push-parent-pushed", "9113 8.4.1", PROMISED, wire.push_promise(2, 4))
refuses("push-parent-pushed", "9113 8.4.1", prepared(ASKED, promises(1, 2)), promises(2, 4))

# Messages ---------------------------------------------------------------------------------------

EARLY = [(b":status", b"103")]
malformed("data-before-headers", "9113 8.1", ASKING, wire.data(1, b"x"))
malformed("trailers-without-end-stream", "9113 8.1", ASKED, wire.headers(1, wire.TRAILERS))
refuses("trailers-without-end-stream", "9113 8.1", ASKING, sends(1, wire.TRAILERS))
malformed(
    *("informational-with-end-stream", "9113 8.1", ASKING, wire.headers(1, EARLY, end_stream=True))
)
refuses("informational-with-end-stream", "9113 8.1", ASKED, sends(1, EARLY, True))
LENGTH_1 = [*wire.POST, (b"content-length", b"1")]
malformed(
    *("content-length-mismatch", "9113 8.1.1", SERVER),
    *(wire.headers(1, LENGTH_1), wire.data(1, end_stream=True)),
    error=InvalidBodyLengthError,
)
resets(
    *("content-length-unmet", "9113 8.1.1", 1, SERVER),
    wire.headers(1, LENGTH_1, end_stream=True),
    error=InvalidBodyLengthError,
)
NOTHING = [(b":status", b"204")]
resets(
    *("content-not-allowed", "9113 8.1.1", 1, prepared(ASKING, gets(wire.headers(1, NOTHING)))),
    wire.data(1, b"x"),
    error=InvalidBodyLengthError,
)
resets(
    *("content-length-unmet", "9113 8.1.1", 1, prepared(SERVER, gets(wire.headers(1, LENGTH_1)))),
    wire.headers(1, wire.TRAILERS, end_stream=True),
    error=InvalidBodyLengthError,
)
malformed(
    *("content-length-invalid", "9110 8.6", lambda: wire.server(validate_inbound_headers=False)),
    wire.headers(1, [*wire.POST, (b"content-length", b"-1")]),
)
malformed(
    *("content-length-conflict", "9110 8.6", lambda: wire.server(validate_inbound_headers=False)),
    wire.headers(1, [*wire.POST, (b"content-length", b"1"), (b"content-length", b"2")]),
)
TOO_LARGE = (b"content-length", b"9" * 19)
resets(
    *("content-length-too-large", "9110 8.6", 1),
    lambda: wire.server(validate_inbound_headers=False),
    wire.headers(1, [*wire.POST, TOO_LARGE]),
)
resets(
    *("content-length-without-content", "9110 8.6", 2, ASKING),
    wire.push_promise(1, 2, [*wire.REQUEST, (b"content-length", b"x")]),
)
for conflict in ([b"x"], [b"1", b"2"]):
    for validate in (True, False):
        resets(
            *("content-length-without-content", "9110 8.6", 1),
            prepared(partial(wire.client, validate_inbound_headers=validate), sends(1, HEAD)),
            wire.headers(1, [*wire.RESPONSE, *[(b"content-length", one) for one in conflict]]),
        )
WITHOUT_LENGTH = [(b":status", b"204"), (b"content-length", b"1")]
resets("content-length-forbidden", "9110 8.6", 1, ASKING, wire.headers(1, WITHOUT_LENGTH))
refuses("content-length-forbidden", "9110 8.6", ASKED, sends(1, WITHOUT_LENGTH))
malformed(
    *("pseudo-in-trailers", "9113 8.3", ASKED),
    wire.headers(1, wire.RESPONSE, end_stream=True),
)
refuses("pseudo-in-trailers", "9113 8.3", ASKING, sends(1, wire.RESPONSE, True))
resets("status-invalid", "9113 8.3.2", 1, ASKING, wire.headers(1, [(b":status", b"20")]))
refuses("status-invalid", "9113 8.3.2", ASKED, sends(1, [(b":status", b"20")]))

WITH = {name: (name, value) for name, value in wire.REQUEST}
TARGET = [WITH[b":method"], WITH[b":scheme"], WITH[b":authority"]]
EXTENDED = [*TUNNEL_REQUEST, WITH[b":scheme"], WITH[b":path"], (b":protocol", b"websocket")]
#: Malformed requests that end the connection, as in h2 4.4.1, and others that end the stream.
REQUESTS: list[tuple[str, str, list[wire.Field]]] = [
    ("content-length-invalid", "9110 8.6", [*wire.REQUEST, (b"content-length", b"+1")]),
    (
        *("content-length-conflict", "9110 8.6"),
        [*wire.REQUEST, (b"content-length", b"1"), (b"content-length", b"2")],
    ),
    ("field-name-empty", "9113 8.2.1", [*wire.REQUEST, (b"", b"x")]),
    ("field-name-invalid", "9113 8.2.1", [*wire.REQUEST, (b"Upper", b"x")]),
    ("field-value-invalid", "9113 8.2.1", [*wire.REQUEST, (b"x", b"a\nb")]),
    ("connection-specific", "9113 8.2.2", [*wire.REQUEST, (b"upgrade", b"h2c")]),
    ("te-invalid", "9113 8.2.2", [*wire.REQUEST, (b"te", b"gzip")]),
    ("pseudo-unknown", "9113 8.3", [*wire.REQUEST, (b":new", b"x")]),
    ("pseudo-repeated", "9113 8.3", [*wire.REQUEST, (b":path", b"/")]),
    ("pseudo-after-regular", "9113 8.3", [(b"x", b"y"), *wire.REQUEST]),
    ("pseudo-wrong-message", "9113 8.3", [*wire.REQUEST, (b":status", b"200")]),
    ("pseudo-missing", "9113 8.3.1", list(wire.REQUEST[1:])),
    ("path-empty", "9113 8.3.1", [*TARGET, (b":path", b"")]),
    ("authority-missing", "9113 8.3.1", [WITH[b":method"], WITH[b":scheme"], WITH[b":path"]]),
    ("host-repeated", "9110 7.2", [*wire.REQUEST, *[(b"host", b"example.com")] * 2]),
    ("host-mismatch", "9113 8.3.1", [*wire.REQUEST, (b"host", b"other.example")]),
    ("connect-malformed", "9113 8.5", [*TUNNEL_REQUEST, (b":path", b"/")]),
    ("protocol-without-connect", "8441 4", [*wire.REQUEST, (b":protocol", b"websocket")]),
]
RESET_REQUESTS: list[tuple[str, str, list[wire.Field]]] = [
    ("content-length-too-large", "9110 8.6", [*wire.REQUEST, TOO_LARGE]),
    ("field-name-no-token", "9110 5.1", [*wire.REQUEST, (b"a(b)", b"x")]),
    ("pseudo-value-invalid", "9113 8.3.1", [*TARGET, (b":path", b"/a b")]),
    ("method-no-token", "9110 9.1", [(b":method", b"g e t"), *wire.REQUEST[1:]]),
    ("path-not-absolute", "9113 8.3.1", [*TARGET, (b":path", b"a")]),
    (
        *("connect-without-authority", "9113 8.5"),
        [TUNNEL_REQUEST[0], (b"host", b"example.com:80")],
    ),
    ("protocol-not-enabled", "8441 4", EXTENDED),
]
for broken, where, request in REQUESTS:
    malformed(broken, where, SERVER, wire.headers(1, request))
for cookies in (
    [(b"cookie", b"a=1"), *wire.REQUEST],
    [*wire.REQUEST, (b"cookie", b"a=1; "), (b"cookie", b"b=2")],
):
    resets("cookie-malformed", "9113 8.2.3", 1, SERVER, wire.headers(1, cookies))
for broken, where, request in RESET_REQUESTS:
    resets(broken, where, 1, SERVER, wire.headers(1, request))
for broken, where, request in REQUESTS + RESET_REQUESTS:
    # h2 4.4.1 sends methods that are not tokens.
    options = {"strict": True} if broken == "method-no-token" else {}
    refuses(
        *(broken, where, partial(wire.client, normalize_outbound_headers=False, **options)),
        sends(1, request),
    )

TUNNEL = prepared(
    *(CLIENT, sends(1, TUNNEL_REQUEST)),
    gets(wire.headers(1, wire.RESPONSE)),
)
resets("tunnel-frame", "9113 8.5", 1, TUNNEL, wire.headers(1, wire.TRAILERS, end_stream=True))
resets("tunnel-frame", "9113 8.5", 1, TUNNEL, wire.push_promise(1, 2))
refuses("tunnel-frame", "9113 8.5", TUNNEL, sends(1, wire.TRAILERS, True))
refuses(
    *("tunnel-frame", "9113 8.5"),
    prepared(SERVER, gets(wire.headers(1, TUNNEL_REQUEST)), sends(1, wire.RESPONSE)),
    promises(1, 2),
)

# Limits against abuse ---------------------------------------------------------------------------

FLOOD: dict[str, Any] = {"code": Code.ENHANCE_YOUR_CALM, "error": DenialOfServiceError}
ONE = Rate(1, 0)
LONG = [*wire.REQUEST, (b"x", b"x" * 100)]


def limited(*steps: Call, **limits: Any) -> Build:
    """A server with these limits that has a request on stream 1, and another on stream 3."""
    requests = gets(wire.headers(1, wire.POST), wire.headers(3, wire.POST))
    return prepared(lambda: wire.server(limits=AbuseLimits(**limits)), requests, *steps)


receives(
    *("rapid-reset", "9113 10.5", limited(resets_received=ONE)),
    *[wire.headers(id, wire.POST) + wire.rst_stream(id) for id in range(5, 27, 2)],
    **FLOOD,
)
receives(
    *("provoked-resets", "9113 10.5", limited(resets_provoked=ONE)),
    *[wire.headers(id, wire.POST) + wire.window_update(id, 0) for id in range(5, 27, 2)],
    **FLOOD,
)
receives(*("too-many-glitches", "9113 10.5", limited(glitches=ONE)), *[wire.goaway(0)] * 2, **FLOOD)
resets("too-many-fields", "9113 10.5.1", 5, limited(fields=3), wire.headers(5, LONG), **FLOOD)
resets(
    *("too-many-cookies", "9113 10.5.1", 5, limited(cookie_crumbs=0)),
    wire.headers(5, [*LONG, (b"cookie", b"a=b")]),
    **FLOOD,
)
receives(*("pending-answers", "9113 10.5", limited(pending_answers=1)), *[wire.ping()] * 2, **FLOOD)
receives(
    *("settings-entries", "9113 10.5", limited(settings_entries=0)),
    wire.settings((Setting.ENABLE_PUSH, 0)),
    **FLOOD,
)
receives(*("empty-data", "9113 10.5", limited(empty_data=ONE)), *[wire.data(1, b"")] * 4, **FLOOD)
receives("small-data", "9113 10.5", limited(small_data=0), *[wire.data(1, b"x")] * 10_000, **FLOOD)
receives(
    *("field-expansion", "9113 10.5.1"),
    prepared(
        lambda: wire.server(limits=AbuseLimits(expansion=Rate(1, 0))),
        gets(wire.headers(1, wire.block([*wire.REQUEST, (b"a", b"x" * 3000)], add=True))),
    ),
    wire.headers(3, wire.block(wire.REQUEST) + wire.indexed(62) * 10),
    **FLOOD,
)

# Calls ------------------------------------------------------------------------------------------

refuses("not-allowed-now", "9113 5.1", ASKED, lambda conn: conn.send_data(1, b"x"))
refuses(
    *("not-allowed-now", "9113 5.1", CLIENT, lambda conn: conn.send_data(1, b"x")),
    error=NoSuchStreamError,
)
refuses(
    *("connection-closed", "9113 5.4.1"),
    prepared(CLIENT, lambda conn: conn.close_connection(Code.INTERNAL_ERROR)),
    lambda conn: conn.ping(b"12345678"),
)
refuses("going-away", "9113 6.8", prepared(CLIENT, gets(wire.goaway(0))), sends(1, wire.REQUEST))
refuses("client-only", "9113 8", SERVER, sends(2, wire.REQUEST))
refuses("server-only", "9113 8.4", ASKING, promises(1, 2))
refuses(
    *("peer-limit-reached", "9113 5.1.2"),
    lambda: wire.client((Setting.MAX_CONCURRENT_STREAMS, 0)),
    sends(1, wire.REQUEST),
    error=TooManyStreamsError,
)
refuses(
    *("stream-ids-exhausted", "9113 5.1.1"),
    prepared(CLIENT, sends(2**31 - 1, wire.REQUEST)),
    lambda conn: conn.get_next_available_stream_id(),
    error=NoAvailableStreamIDError,
)
refuses(
    *("stream-ids-exhausted", "9113 5.1.1", CLIENT, sends(2**31 + 1, wire.REQUEST)),
    error=NoAvailableStreamIDError,
)
refuses("priority-weight", "7540 5.3.2", CLIENT, lambda conn: conn.prioritize(1, weight=257))
refuses(
    *("server-priority", "7540 5.3", SERVER, lambda conn: conn.prioritize(1)), error=RFC1122Error
)
