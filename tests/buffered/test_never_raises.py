"""Taking bytes never raises, whatever the program has called and whatever the peer has sent."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import StreamReset, StreamWritable
from h2.exceptions import H2Error, ProtocolError
from tests.buffered.ends import POST, REQUEST, RESPONSE, TRAILERS, nothing_is_left
from tests.support import wire
from tests.support.wire import Setting

IDS = st.sampled_from([1, 2, 3, 4, 5, 7])
SIZES = st.sampled_from([0, 1, 100, 16_384, 40_000, 70_000])
BLOCKS = st.sampled_from([REQUEST, POST, RESPONSE, [(b":status", b"103")], TRAILERS, [(b"A", b"")]])

CALLS = st.one_of(
    st.tuples(st.just("send_headers"), IDS, BLOCKS, st.booleans()),
    st.tuples(st.just("send_data"), IDS, SIZES.map(bytes), st.booleans()),
    st.tuples(st.just("send_data"), IDS, SIZES.map(bytes), st.booleans(), st.integers(0, 255)),
    st.tuples(st.just("end_stream"), IDS),
    st.tuples(st.just("push_stream"), st.just(1), st.sampled_from([2, 4]), st.just(REQUEST)),
    st.tuples(st.just("reset_stream"), IDS, st.sampled_from([0, 8])),
    st.tuples(st.just("set_priority"), IDS, st.integers(0, 7), st.booleans()),
    st.tuples(st.just("send_priority_update"), IDS, st.integers(0, 7)),
    st.tuples(st.just("close_connection"), st.sampled_from([0, 0, 0, 2])),
    st.tuples(st.just("graceful_shutdown")),
)
FRAMES = st.one_of(
    st.tuples(st.just(wire.window_update), st.just(0) | IDS, st.sampled_from([1, 1000, 2**20])),
    st.tuples(st.just(wire.rst_stream), IDS),
    st.tuples(st.just(wire.headers), IDS, st.just(wire.REQUEST) | st.just(wire.RESPONSE)),
    st.tuples(
        st.just(wire.settings),
        st.tuples(
            st.just(Setting.INITIAL_WINDOW_SIZE), st.sampled_from([0, 1, 1000, 65_535, 10**6])
        )
        | st.tuples(st.just(Setting.MAX_CONCURRENT_STREAMS), st.integers(0, 4))
        | st.tuples(st.just(Setting.MAX_FRAME_SIZE), st.sampled_from([16_384, 20_000]))
        | st.tuples(st.just(Setting.ENABLE_PUSH), st.just(0)),
    ),
    st.tuples(st.just(wire.priority_update), IDS, st.sampled_from([b"u=0", b"i", b"u=7, i", b"?"])),
    st.tuples(st.just(wire.goaway), st.sampled_from([0, 1, 3, 2**31 - 1])),
)
TAKES = st.tuples(st.just("take"), st.none() | st.integers(0, 40_000))
STEPS = st.lists(CALLS | FRAMES | TAKES, max_size=60)


@given(client=st.booleans(), strict=st.booleans(), steps=STEPS)
def test_taking_bytes_never_raises(client: bool, strict: bool, steps: list[Any]) -> None:
    conn = BufferedH2Connection(H2Configuration(client_side=client, strict=strict))
    conn.initiate_connection()
    conn.data_to_send()
    wire.feed(conn, *([] if client else [wire.PREFACE]), wire.settings())
    full: set[int] = set()

    def tell(events: list[Any]) -> None:
        for event in events:
            if isinstance(event, StreamWritable | StreamReset):
                full.discard(event.stream_id)

    for name, *arguments in steps:
        if name == "take":
            amount = arguments[0]
            data = conn.data_to_send(amount)
            assert amount is None or len(data) <= amount
            tell(conn.events())
        elif callable(name):
            try:
                tell(wire.feed(conn, name(*arguments)))
            except ProtocolError as error:
                tell(list(error.events))
                full.clear()  # the program knows from the exception
                assert nothing_is_left(conn)
        else:
            before = conn.send_buffer_size()
            try:
                getattr(conn, name)(*arguments)
            except (H2Error, ValueError):
                assert conn.send_buffer_size() == before
            else:
                if name == "send_data" and not conn.is_writable(arguments[0]):
                    queue = conn._sending.queues.get(arguments[0])
                    if queue is not None and queue.full:
                        full.add(arguments[0])
                elif name == "reset_stream" and not conn.send_buffer_size(arguments[0]):
                    full.discard(arguments[0])
                elif name == "close_connection" and arguments[0]:
                    full.clear()
        queues = conn._sending.queues.values()
        assert conn.send_buffer_size() == sum(queue.size for queue in queues)
        # No late wake-up: whatever waits has a reason.
        assert all(
            conn.send_buffer_size(stream_id) > conn.SEND_BUFFER_LOW
            for stream_id in full
            if not conn._sending.events
        )
