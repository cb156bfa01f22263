"""Generated calls of an application, many of them not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import strategies as st

from h2.connection import H2Connection
from support import wire
from support.wire import Setting


class StreamId(NamedTuple):
    """A stream identifier that is looked up when the call is made."""

    which: str

    def of(self, conn: H2Connection) -> int:
        if self.which == "next":
            first = 1 if conn.config.client_side else 2
            used = conn.highest_outbound_stream_id
            return used + 2 if used else first
        if self.which == "ours":
            return conn.highest_outbound_stream_id
        return conn.highest_inbound_stream_id


class Broken(NamedTuple):
    """Header fields whose iterator raises after the first ones."""

    fields: Any

    def __iter__(self) -> Iterator[Any]:
        yield from self.fields
        raise ValueError("no more fields")


class Many(list[Any]):
    """More fields than a table can hold, with a short representation."""

    def __repr__(self) -> str:
        return f"Many({len(self)} fields)"


class Call(NamedTuple):
    """A call of a method, ready to be made on a connection."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    def make(self, conn: H2Connection) -> object:
        arguments = [arg.of(conn) if isinstance(arg, StreamId) else arg for arg in self.arguments]
        return getattr(conn, self.method)(*arguments, **self.keywords)


NEXT, OURS, THEIRS = StreamId("next"), StreamId("ours"), StreamId("theirs")
NONSENSE = [0, -1, 2**31 + 1, 2**32, "1", 1.5, None, [1]]
STREAMS = st.sampled_from([OURS, OURS, THEIRS, THEIRS, THEIRS, 1, 1, 2, 3, 4, 5])
ANY_STREAM = STREAMS | STREAMS | STREAMS | st.sampled_from([NEXT, 101, 102, *NONSENSE])
FLAG = st.booleans()

GOOD_REQUESTS: list[Any] = [
    list(wire.REQUEST),
    list(wire.POST),
    [(name.decode(), value.decode()) for name, value in wire.POST],
    [*wire.POST, (b"X-Upper ", b" stripped "), (b"Connection", b"close"), (b"te", b"trailers")],
    [*wire.REQUEST, (b"authorization", b"secret"), (b"cookie", b"a=b; c=d")],
    [*wire.REQUEST, NeverIndexedHeaderTuple(b"x", b"secret"), HeaderTuple("y", "z")],
    Many([*wire.REQUEST, *((b"x-%d" % n, b"v" * 9) for n in range(250))]),
    [(b":method", b"CONNECT"), (b":authority", b"a.b:1")],
    tuple(wire.REQUEST),
    iter(wire.REQUEST),
]
GOOD_ANSWERS: list[Any] = [
    *(list(wire.RESPONSE), list(wire.RESPONSE)),
    [*wire.RESPONSE, (b"set-cookie", b"a=b"), (b"Server", b"x")],
    *([(b":status", b"103")], [(b":status", b"100"), (b"link", b"</a>")]),
    *(list(wire.TRAILERS), list(wire.TRAILERS), []),
]
BAD_FIELDS: list[Any] = [
    *([], [(b"x", b"y"), *wire.REQUEST], [*wire.REQUEST, *wire.REQUEST], list(wire.REQUEST[1:])),
    *([*wire.REQUEST, (b"x", b"a\nb")], [*wire.RESPONSE, (b"new-name", b"a\x00b")]),
    [*wire.REQUEST, (b"first", b"time"), (b"", b"")],
    [*wire.REQUEST, (b"other", b"new"), ("x", None)],
    [*wire.REQUEST, (b"third", b"new"), "a: b"],
    [*wire.REQUEST, (b"fourth", b"new"), (b"x",)],
    [*wire.REQUEST, (b"fifth", b"new"), 7],
    [*wire.REQUEST, (b"sixth", b"new"), ("\ud800", b"")],
    [*wire.REQUEST, (b"seventh", [b"unhashable"])],
    [*wire.REQUEST, (b"content-length", b"x")],
    *([(b":status", b"20")], [(b":status", b"101")], [(b":status", b"200"), (b":path", b"/")]),
    [(b":method", b"CONNECT"), (b":protocol", b"x"), *wire.REQUEST[1:]],
    Broken([*wire.REQUEST, (b"eighth", b"new")]),
    *(None, 5, "text", {b":status": b"200"}),
]
HEADERS = st.sampled_from(GOOD_REQUESTS + GOOD_ANSWERS * 2) | st.sampled_from(BAD_FIELDS)
PRIORITY = st.sampled_from(
    [
        *([{}] * 6),
        {"priority_weight": 3, "priority_exclusive": True},
        {"priority_weight": 300},
        {"priority_depends_on": 1},
        {"priority_depends_on": -1},
        {"priority_weight": "x"},
    ]
)
CONTENT = st.sampled_from(
    [b"", b"x", b"some content", bytes(16_384), bytes(16_385), memoryview(b"view"), bytearray(3)]
) | st.sampled_from([bytes(70_000), "text", None, 5])
CODES = st.sampled_from([0, 8, 99, 2**32 - 1, 2**32, -1, "x", None])
NEW_SETTINGS: list[Any] = [
    {},
    {Setting.INITIAL_WINDOW_SIZE: 100_000, Setting.HEADER_TABLE_SIZE: 100},
    *({Setting.INITIAL_WINDOW_SIZE: 10}, {Setting.HEADER_TABLE_SIZE: 5_000}),
    *({Setting.MAX_CONCURRENT_STREAMS: 3}, {Setting.MAX_FRAME_SIZE: 20_000}, {99: 1}),
    *({Setting.ENABLE_CONNECT_PROTOCOL: 1}, {Setting.ENABLE_CONNECT_PROTOCOL: 0}),
    *({Setting.ENABLE_PUSH: 0}, {Setting.ENABLE_PUSH: 1}, {Setting.ENABLE_PUSH: 2}),
    *({Setting.MAX_FRAME_SIZE: 5}, {Setting.INITIAL_WINDOW_SIZE: 2**31}, {2**16: 1}, {-1: 1}),
    *({3: 2**32}, {3: -1}, {3: "x"}, {3: None}, {"x": 1}),
]
ORIGINS = st.sampled_from([None, b"https://a.b", b"", "text", bytes(20_000)])


def call(method: str, *arguments: Any, **keywords: Any) -> st.SearchStrategy[Call]:
    """Calls of a method with arguments drawn from strategies."""
    return st.builds(Call, st.just(method), st.tuples(*arguments), st.fixed_dictionaries(keywords))


def headers_call(streams: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.builds(
        lambda stream_id, headers, end_stream, priority: Call(
            "send_headers", (stream_id, headers, end_stream), priority
        ),
        *(streams, HEADERS, FLAG, PRIORITY),
    )


OPENING = st.builds(
    lambda headers, end_stream: Call("send_headers", (NEXT, headers, end_stream), {}),
    *(st.sampled_from(GOOD_REQUESTS), st.sampled_from([False, False, True])),
)
ANSWERING = st.builds(
    lambda stream_id, headers, end_stream: Call(
        "send_headers", (stream_id, headers, end_stream), {}
    ),
    *(st.sampled_from([THEIRS, THEIRS, THEIRS, OURS, 1, 2]), st.sampled_from(GOOD_ANSWERS), FLAG),
)
PUSHING = call(
    *("push_stream", st.sampled_from([THEIRS, THEIRS, 1, 3, 2, OURS])),
    *(st.sampled_from([NEXT, NEXT, NEXT, 2, 3, 0, 2**31, "x"]), HEADERS),
)
SENDING = st.one_of(
    call("send_data", st.sampled_from([OURS, THEIRS, 1]), st.sampled_from([b"some", bytes(9_000)])),
    call("send_data", st.sampled_from([OURS, THEIRS, 1]), st.just(b"the end"), st.just(True)),
    call("acknowledge_received_data", st.sampled_from([4, 9_000, 40_000]), STREAMS),
)
ORDINARY = st.one_of(
    headers_call(ANY_STREAM),
    PUSHING,
    call(
        "send_data", ANY_STREAM, CONTENT, FLAG, st.sampled_from([None, None, 0, 9, 255, 256, "x"])
    ),
    call("send_data", STREAMS, st.sampled_from([b"some", bytes(9_000)]), FLAG),
    call("end_stream", ANY_STREAM),
    call("reset_stream", ANY_STREAM, CODES),
    call("ping", st.sampled_from([b"12345678", b"12345678", b"short", "12345678", None])),
    call(
        *("prioritize", STREAMS | st.sampled_from([0, -1, 2**31, "1", None])),
        *(st.sampled_from([None, 1, 256, 0, 257, "x"]), st.sampled_from([None, 0, 1, 2**31, "x"])),
    ),
    call(
        "increment_flow_control_window",
        *(st.sampled_from([1, 5_000, 0, -1, 2**31 - 1, 2**31, "x"]), st.none() | ANY_STREAM),
    ),
    call("acknowledge_received_data", st.sampled_from([0, 4, 9_000, 40_000, -1, "x"]), ANY_STREAM),
    call("update_settings", st.sampled_from(NEW_SETTINGS)),
    call(
        "advertise_alternative_service",
        *(st.sampled_from([b"h2=x", b"h2=x", "text"]), ORIGINS, st.none() | ANY_STREAM),
    ),
    call(
        "advertise_origins",
        st.sampled_from([[], ["https://a.b"], [b"https://a.b", b"a"], "https://a.b", [5], None]),
    ),
    call(
        *("send_priority_update", ANY_STREAM),
        *(st.sampled_from([0, 3, 7, 8, -1, "x"]), st.sampled_from([False, True, None])),
    ),
    call("local_flow_control_window", ANY_STREAM),
    call("remote_flow_control_window", ANY_STREAM),
    call("get_next_available_stream_id"),
    call("data_to_send", st.sampled_from([-1, "x", 1.5])),
    call("receive_data", st.sampled_from(["text", None, 5])),
)
GOODBYE = call(
    *("close_connection", CODES, st.sampled_from([None, b"why", "text"])),
    st.sampled_from([None, None, 0, 1, 5, 2**31 - 1, 2**31, -1, "x"]),
)
