"""A waiting field block is checked in the call, and cannot fail when it is sent."""

from __future__ import annotations

from typing import Any

from hpack import Decoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import H2Error
from h2.settings import SettingCodes
from tests.buffered.ends import REQUEST, TRAILERS
from tests.support import wire
from tests.support.wire import Setting, Type

NAMES = st.sampled_from(
    [
        b":method", b":scheme", b":authority", b":path", b":protocol", b":status", b"host",
        b"cookie", b"te", b"connection", b"content-length", b"authorization", b"X-Mixed", b"a b",
        b"x-plain", "x-text", b"priority", b"via", b"",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        b"GET", b"CONNECT", b"https", b"/", b"example.com", b"a=b; c=d", b"trailers", b"0", b"",
        b" spaces ", b"line\nfeed", b"u=1", "text", "\u00e4", b"websocket", b"200",
    ]
)  # fmt: skip
FIELD = st.tuples(NAMES, VALUES) | st.tuples(
    st.sampled_from([b"cookie", b"x-plain"]), st.sampled_from([b"secret", b"other"])
).map(lambda field: NeverIndexedHeaderTuple(*field))
REQUESTS = st.just(list(REQUEST)).flatmap(
    lambda start: st.lists(FIELD, max_size=3).map(lambda more: start + more)
) | st.lists(FIELD, max_size=6)
OPTIONS = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in (
            "validate_outbound_headers",
            "normalize_outbound_headers",
            "split_outbound_cookies",
            "strict",
        )
    }
)


def opened(conn: H2Connection, *settings: tuple[int, int]) -> H2Connection:
    """The connection after its handshake, with these settings of the server."""
    conn.initiate_connection()
    wire.feed(conn, wire.settings(*settings), wire.settings(ack=True))
    conn.data_to_send()
    return conn


def outcome(call: Any, *arguments: Any) -> type[Exception] | None:
    """The class of the exception that a call raises."""
    try:
        call(*arguments)
    except (H2Error, ValueError, TypeError) as error:
        return type(error)
    return None


def blocks(sent: bytes, decoder: Decoder) -> list[tuple[int, list[tuple[bytes, bytes]]]]:
    """The field blocks of these frames."""
    return [
        (frame.stream_id, wire.decode(frame.fragment, decoder=decoder))
        for frame in wire.parse(sent)
        if frame.type == Type.HEADERS
    ]


@given(
    requests=st.lists(st.tuples(REQUESTS, st.lists(FIELD, max_size=2), st.booleans()), max_size=6),
    options=OPTIONS,
    extended=st.integers(0, 1),
)
def test_what_waits_is_what_a_connection_without_a_limit_sends(
    requests: list[tuple[list[Any], list[Any], bool]], options: dict[str, Any], extended: int
) -> None:
    enabled = (Setting.ENABLE_CONNECT_PROTOCOL, extended)
    plain = opened(H2Connection(H2Configuration(**options)), enabled)
    waiting = opened(
        BufferedH2Connection(H2Configuration(**options)),
        enabled,
        (Setting.MAX_CONCURRENT_STREAMS, 0),
    )
    for number, (fields, trailers, ended) in enumerate(requests):
        stream_id = 2 * number + 1
        results = [
            outcome(conn.send_headers, stream_id, fields, ended) for conn in (plain, waiting)
        ]
        assert results[0] == results[1]
        if results[0] is None and not ended:
            results = [
                outcome(conn.send_headers, stream_id, trailers, True) for conn in (plain, waiting)
            ]
            assert results[0] == results[1]
    assert waiting.data_to_send() == b""
    wire.feed(waiting, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 2**31 - 1)))
    sent = waiting.data_to_send()
    assert blocks(sent, Decoder()) == blocks(plain.data_to_send(), Decoder())


@given(
    requests=st.lists(st.tuples(REQUESTS, st.lists(FIELD, max_size=2)), min_size=1, max_size=6),
    options=OPTIONS,
    later=OPTIONS,
    table_size=st.sampled_from([0, 64, 4096]),
    extended=st.booleans(),
)
def test_what_waits_leaves_whatever_has_changed_meanwhile(
    requests: list[tuple[list[Any], list[Any]]],
    options: dict[str, Any],
    later: dict[str, Any],
    table_size: int,
    extended: bool,
) -> None:
    conn = opened(
        BufferedH2Connection(H2Configuration(**options)),
        (Setting.ENABLE_CONNECT_PROTOCOL, int(extended)),
        (Setting.MAX_CONCURRENT_STREAMS, 1),
    )
    conn.send_headers(1, REQUEST)
    conn.send_data(1, bytes(100_000))
    accepted = []
    for number, (fields, trailers) in enumerate(requests):
        stream_id = 2 * number + 3
        if outcome(conn.send_headers, stream_id, fields) is None:
            if outcome(conn.send_headers, stream_id, trailers, True) is not None:
                conn.end_stream(stream_id)
            accepted.append(stream_id)
        fields.clear()  # the program may change its lists
        trailers.clear()
    conn.send_headers(1, TRAILERS, end_stream=True)
    for name, value in later.items():
        setattr(conn.config, name, value)
    conn.config.strict = False
    # A server that withdraws a setting that it must not withdraw.
    wire.feed(
        conn,
        wire.settings(
            (Setting.ENABLE_CONNECT_PROTOCOL, 0),
            (Setting.HEADER_TABLE_SIZE, table_size),
            (Setting.MAX_CONCURRENT_STREAMS, 100),
            (Setting.INITIAL_WINDOW_SIZE, 2**30),
        ),
        wire.window_update(0, 2**30),
    )
    sent = conn.data_to_send()
    assert {stream_id for stream_id, _ in blocks(sent, Decoder())} == {1, *accepted}
    assert not conn.waiting_streams
    assert not conn._sending.queues


def test_a_block_that_was_not_checked_again_is_not_kept_as_valid() -> None:
    """It is sent under other options, which reject a new block with the same fields."""
    config = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    conn = opened(BufferedH2Connection(config), (Setting.MAX_CONCURRENT_STREAMS, 0))
    bad = [*REQUEST, (b"te", b"gzip")]
    for stream_id in (1, 3, 5):
        conn.send_headers(stream_id, bad, end_stream=True)
    conn.config.validate_outbound_headers = True
    wire.feed(conn, wire.settings((SettingCodes.MAX_CONCURRENT_STREAMS, 100)))
    assert len(blocks(conn.data_to_send(), Decoder())) == 3
    assert outcome(conn.send_headers, 7, bad, True) is not None


def test_a_request_with_the_last_identifier_waits_as_others_do() -> None:
    conn = opened(BufferedH2Connection(), (Setting.MAX_CONCURRENT_STREAMS, 1))
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.send_headers(wire.MAX_STREAM_ID, REQUEST, end_stream=True)
    assert [frame.stream_id for frame in wire.parse(conn.data_to_send())] == [1]
    wire.feed(conn, wire.settings((Setting.MAX_CONCURRENT_STREAMS, 2)))
    assert [frame.stream_id for frame in wire.parse(conn.data_to_send())] == [0, wire.MAX_STREAM_ID]
