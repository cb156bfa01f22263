"""Pending output: taken whole or in pieces, with frames added in between; each is logged once."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._core.output import ANSWERS_TOGETHER, Output
from h2.config import DummyLogger, H2Configuration, OutputLogger
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from support import wire


class Log(DummyLogger):
    """A logger that keeps its messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, fmtstr: str, *args: object) -> None:
        self.lines.append(fmtstr % args)


def ping(conn: H2Connection) -> bytes:
    conn.ping(b"12345678")
    return wire.ping(b"12345678")


def large_data(conn: H2Connection) -> bytes:
    """Send a frame that is stored as two chunks."""
    conn.increment_flow_control_window(1)  # keeps the pieces of DATA frames apart
    conn.send_data(1, bytes(2_000))
    return wire.window_update(0, 1) + wire.data(1, bytes(2_000))


OPERATIONS = st.sampled_from([ping, large_data]) | st.sampled_from(
    [0, 1, 8, 9, 17, 500, 2_009, 10_000, None, "clear"]
)


def busy_client(logger: Log | None = None) -> H2Connection:
    conn = wire.client(
        (wire.Setting.INITIAL_WINDOW_SIZE, 1_000_000), logger=logger or DummyLogger()
    )
    wire.feed(conn, wire.window_update(0, 1_000_000))
    conn.send_headers(1, wire.POST)
    conn.data_to_send()
    return conn


@given(st.lists(OPERATIONS, max_size=30), st.booleans())
def test_any_order_of_sending_and_taking(
    operations: list[Callable[[H2Connection], bytes] | int | str | None], logged: bool
) -> None:
    log = Log()
    conn = busy_client(log if logged else None)
    log.lines.clear()
    expected, taken = b"", 0
    for operation in operations:
        if operation == "clear":
            conn.clear_outbound_data_buffer()
            expected = b""
        elif operation is None or isinstance(operation, int):
            amount = len(expected) if operation is None else operation
            assert conn.data_to_send(operation) == expected[:amount]
            expected = expected[amount:]
        else:
            assert not isinstance(operation, str)
            expected += operation(conn)
            taken += 1
    assert conn.data_to_send() == expected
    assert conn.data_to_send() == b""


@given(st.lists(OPERATIONS, max_size=30))
def test_the_size_of_the_buffer_is_what_would_be_taken(
    operations: list[Callable[[H2Connection], bytes] | int | str | None],
) -> None:
    conn = busy_client()
    size = 0
    for operation in operations:
        if operation == "clear":
            conn.clear_outbound_data_buffer()
            size = 0
        elif operation is None or isinstance(operation, int):
            size -= len(conn.data_to_send(operation))
        else:
            assert not isinstance(operation, str)
            size += len(operation(conn))
        assert conn.outbound_buffer_size == size
    assert len(conn.data_to_send()) == size
    assert conn.outbound_buffer_size == 0


def test_the_size_of_the_buffer_counts_answers_and_the_preface() -> None:
    conn = H2Connection(H2Configuration(client_side=False))
    assert conn.outbound_buffer_size == 0
    conn.initiate_connection()
    before = conn.outbound_buffer_size
    wire.feed(conn, wire.PREFACE, wire.settings(), wire.ping())
    assert conn.outbound_buffer_size == before + 9 + 17
    assert len(conn.data_to_send()) == before + 9 + 17


@pytest.mark.parametrize("amount", [1, 7, 9, 10, 1_000, None])
def test_every_frame_is_logged_once(amount: int | None) -> None:
    log = Log()
    conn = H2Connection(H2Configuration(logger=log))
    conn.initiate_connection()
    conn.send_headers(1, wire.POST)
    conn.send_data(1, bytes(1_500))
    conn.ping(b"12345678")
    taken = b"".join(iter(lambda: conn.data_to_send(amount), b""))
    assert len(wire.parse(taken)) == 4
    assert log.lines[0] == "Sent connection preface"
    sent = [line.split()[2] for line in log.lines[1:]]
    assert sent == ["SETTINGS", "HEADERS", "DATA", "PING"]
    assert all(line.startswith("Sent frame: ") for line in log.lines[1:])
    assert log.lines[3].startswith("Sent frame: DATA stream=1 flags=[] length=1500 payload=0000")


def test_frames_between_pieces_are_logged_once() -> None:
    log = Log()
    conn = busy_client(log)
    log.lines.clear()
    ping(conn)
    conn.data_to_send(5)
    conn.ping(b"abcdefgh")
    conn.data_to_send(15)
    conn.reset_stream(1)
    conn.data_to_send()
    assert [line.split()[2] for line in log.lines] == ["PING", "PING", "RST_STREAM"]


def test_a_logger_that_comes_late_gets_whole_frames_only() -> None:
    conn = busy_client()
    ping(conn)
    conn.reset_stream(1)
    conn.data_to_send(5)
    conn.config.logger = log = Log()
    assert conn.data_to_send() == (wire.ping() + wire.rst_stream(1, 0))[5:]
    conn.ping(b"abcdefgh")
    conn.data_to_send()
    kinds = [line.split()[2] for line in log.lines]
    assert kinds in (["PING"], ["RST_STREAM", "PING"])


def test_received_frames_are_logged() -> None:
    log = Log()
    conn = wire.server(logger=log)
    log.lines.clear()
    request = wire.headers(1, wire.REQUEST, end_stream=True)
    conn.receive_data(request[:20])
    assert log.lines == []
    unknown = wire.frame(0x42, 0xFF, 7, b"ab")
    with pytest.raises(ProtocolError):
        conn.receive_data(request[20:] + unknown + wire.data(9))  # a stream that is idle
    flags = "[END_STREAM, END_HEADERS]"
    assert [line.rsplit(" ", 1)[0] for line in log.lines] == [
        f"Received frame: HEADERS stream=1 flags={flags} length={len(request) - 9}",
        "Received frame: type 0x42 stream=7 flags=[] length=2",
        "Received frame: DATA stream=9 flags=[] length=0",
    ]


def test_output_logger_writes_frames_to_its_file() -> None:
    file = StringIO()
    conn = H2Connection(H2Configuration(client_side=False, logger=OutputLogger(file)))
    conn.initiate_connection()
    conn.receive_data(wire.PREFACE + wire.settings())
    conn.data_to_send()
    lines = file.getvalue().splitlines()
    assert [line.split(" payload=")[0] for line in lines] == [
        "h2 (debug): Received frame: SETTINGS stream=0 flags=[] length=0",
        f"h2 (debug): Sent frame: SETTINGS stream=0 flags=[] length={6 * 7}",
        "h2 (debug): Sent frame: SETTINGS stream=0 flags=[ACK] length=0",
    ]


def test_a_plain_dummy_logger_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(DummyLogger, "debug", lambda *args: calls.append(args))
    conn = wire.server(logger=DummyLogger())
    wire.feed(conn, wire.ping())
    conn.data_to_send()
    assert calls == []


@pytest.mark.parametrize("amount", [None, 17 * 300])
def test_answers_are_counted_from_when_all_of_them_went_out(amount: int | None) -> None:
    out = Output()
    answer = wire.ping(ack=True)
    for _ in range(300):
        out.answer(answer)
    taken = out.take_all(None) if amount is None else out.take(amount, None)
    assert taken == answer * 300
    for _ in range(ANSWERS_TOGETHER - 1):
        out.answer(answer)
    assert len(out.chunks) == ANSWERS_TOGETHER - 1
    out.answer(answer)
    assert len(out.chunks) <= 2


FAR = 2**24 + 1  #: an identifier of four octets
#: Streams and sizes of DATA frames, and PING frames as None.
PENDING = ((1, 70), None, (FAR, 70), (1, 0), (FAR, 5), None, None, (1, 7), None, (FAR, 9), None)


def pending(out: Output) -> list[tuple[int | None, bytes]]:
    """Make these frames pending, and return them."""
    frames: list[tuple[int | None, bytes]] = []
    for number, one in enumerate(PENDING):
        if one is None:
            frame = wire.ping(bytes([number]) * 8, ack=True)
            out.chunks.append(frame)
            frames.append((None, frame))
            continue
        stream_id, size = one
        frame = wire.data(stream_id, bytes([number]) * size, end_stream=number == 7)
        if size > 64:  # as for large content: a separate header
            out.chunks.append(frame[:9])
            out.chunks.append(frame[9:])
        else:
            out.chunks.append(frame)
        frames.append((stream_id, frame))
    return frames


@pytest.mark.parametrize("stream_id", [1, FAR])
@pytest.mark.parametrize("before", ["", "indexed", "together", "indexed together"])
def test_what_is_dropped_wherever_the_output_was_cut(stream_id: int, before: str) -> None:
    """A frame that was partly sent stays, and so does the order of the others."""
    total = sum(len(frame) for _, frame in pending(Output()))
    for taken in range(total):
        out = Output()
        frames = pending(out)
        if before.startswith("indexed"):
            out.pending_content(stream_id)
        whole = b"".join(frame for _, frame in frames)
        assert out.take(taken, None) == whole[:taken]
        if before.endswith("together"):
            out.put_answers_together()
        rest = b""
        octets = at = 0
        ends = False
        for stream, frame in frames:
            if stream == stream_id and at >= taken:
                octets += len(frame) - 9
                ends = bool(frame[4])
            else:
                rest += frame[max(taken - at, 0) :]
            at += len(frame)
        assert out.size == total - taken
        assert out.pending_content(stream_id) == (octets, ends)
        assert out.drop_content(stream_id) == octets
        assert out.drop_content(stream_id) == 0
        assert out.pending_content(stream_id) == (0, False)
        assert out.size == len(rest)
        for more in (0, 1, 100):
            assert out.room(len(rest) + more) == more
        assert len(rest) == 0 or out.room(len(rest) - 1) == -1
        assert out.take_all(None) == rest


def test_frames_that_go_first() -> None:
    out = Output()
    assert out.insert_first(b"first") is False
    assert out.insert_first(b"before") is True
    out.take(1, None)
    assert out.insert_first(b"too late") is False
    assert out.take_all(None) == b"eforefirsttoo late"
    data = wire.data(1, b"content")
    out.chunks.append(data)
    assert out.pending_content(1) == (7, False)
    out.drop_content(1)
    assert out.insert_first(wire.ping()) is False, "nothing is overtaken"
    for _ in range(2):
        out.chunks.append(data)
    assert out.pending_content(1) == (14, False)
    out.insert_first(wire.ping())
    assert out.drop_content(1) == 14
    assert out.take_all(None) == 2 * wire.ping()


def test_what_was_known_of_content_goes_with_it() -> None:
    out = Output()
    pending(out)
    assert out.pending_content(1) == (77, True)
    out.take_all(None)
    for _ in range(5):
        out.chunks.append(wire.ping())
    assert out.drop_content(1) == 0
    frames = pending(out)
    assert out.drop_content(1) == 77
    rest = b"".join(frame for stream_id, frame in frames if stream_id != 1)
    assert out.take_all(None) == 5 * wire.ping() + rest


def test_an_output_that_was_cleared_is_as_new() -> None:
    for taken in (0, 3, 90, 150):
        out = Output()
        pending(out)
        out.pending_content(1)
        out.take(taken, None)
        out.clear()
        assert (out.size, out.room(5), out.pending_content(1)) == (0, 5, (0, False))
        frames = pending(out)
        assert out.drop_content(1) == 77
        rest = b"".join(frame for stream_id, frame in frames if stream_id != 1)
        assert out.take_all(None) == rest


def test_acknowledgments_are_counted_wherever_the_output_was_cut() -> None:
    """One that was partly sent still counts; content between them does not."""
    total = sum(len(frame) for _, frame in pending(Output()))
    for taken in range(total):
        out = Output()
        frames = pending(out)
        out.answers = 100
        out.take(taken, None)
        ends = 0
        expected = 0
        for stream_id, frame in frames:
            ends += len(frame)
            expected += stream_id is None and ends > taken
        assert out.count_acknowledgments() == expected
        assert out.answers == expected


def test_answers_are_not_merged_with_one_that_has_begun_to_go_out() -> None:
    """The logger gets each frame when its first octet is taken."""
    out, log = Output(), Log()
    for _ in range(3):
        out.chunks.append(wire.ping(ack=True))
    out.take(5, log)
    out.put_answers_together()
    assert out.take(3 * 17, log) == (3 * wire.ping(ack=True))[5:]
    assert len(log.lines) == 3


def test_content_is_not_merged_with_answers() -> None:
    out = Output()
    for frame in (wire.ping(), wire.ping(), wire.data(1, b"content")):
        out.chunks.append(frame)
    out.put_answers_together()
    assert out.pending_content(1) == (7, False)
    assert out.drop_content(1) == 7
    assert out.take_all(None) == 2 * wire.ping()


def test_content_that_comes_after_answers_were_merged() -> None:
    out = Output()
    for _ in range(5):
        out.chunks.append(wire.ping())
    assert out.pending_content(1) == (0, False)
    out.put_answers_together()
    out.chunks.append(wire.data(1, b"content"))
    assert out.pending_content(1) == (7, False)


def test_there_is_no_room_if_a_frame_ends_exactly_there_and_another_one_follows() -> None:
    out = Output()
    out.chunks.append(wire.ping())
    assert (out.room(16), out.room(17), out.room(18)) == (-1, 0, 1)
    out.chunks.append(wire.ping())
    assert out.room(17) < 0
    assert out.room(34) == 0


def test_content_is_found_after_frames_were_inserted_before_it() -> None:
    out = Output()
    assert out.drop_content(1) == 0
    out.chunks.append(wire.ping())
    out.chunks.append(wire.data(1, b"content"))
    out.chunks.append(wire.rst_stream(3))
    assert out.pending_content(1) == (7, False)
    assert out.insert_first(wire.settings()) is True
    assert out.drop_content(1) == 7
    assert out.take_all(None) == wire.settings() + wire.ping() + wire.rst_stream(3)


def test_content_that_looks_like_a_frame_is_content() -> None:
    out = Output()
    inner = wire.data(3, bytes(70))
    frame = wire.data(1, inner)
    out.chunks.append(frame[:9])
    out.chunks.append(frame[9:])
    assert out.pending_content(3) == (0, False)
    assert out.drop_content(3) == 0
    assert out.pending_content(1) == (len(inner), False)
    assert out.take_all(None) == frame


def test_what_follows_dropped_content_stays() -> None:
    out = Output()
    for frame in (wire.ping(), wire.data(1, b"content"), wire.settings(), wire.rst_stream(3)):
        out.chunks.append(frame)
    assert out.drop_content(1) == 7
    assert out.take(17, None) == wire.ping()
    assert out.size == 9 + 13
    assert out.take_all(None) == wire.settings() + wire.rst_stream(3)


def test_acknowledgments_in_a_chunk_that_was_sent_in_part() -> None:
    for taken in range(5 * 17):
        out = Output()
        for _ in range(5):
            out.chunks.append(wire.ping(ack=True))
        out.chunks.append(wire.ping())
        out.chunks.append(wire.settings((wire.Setting.MAX_FRAME_SIZE, 20_000)))
        out.put_answers_together()
        out.take(taken, None)
        assert out.count_acknowledgments() == 5 - taken // 17
