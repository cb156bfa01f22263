"""A program of a user, without errors in the strictest mode of type checkers."""

from __future__ import annotations

import hyperframe
import hyperframe.frame
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hpack.struct import Header

import h2.connection
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamReset,
    UnknownFrameReceived,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream, StreamState
from h2.utilities import utf8_encode_headers


def receive(conn: H2Connection, data: bytes | bytearray | memoryview) -> list[Event]:
    """Pass on what sockets return, and keep the events of a read that ends in an error."""
    try:
        return conn.receive_data(data)
    except ProtocolError as error:
        code: ErrorCodes = error.error_code
        print(code, error.rule)
        return [*error.events]


def send(conn: H2Connection, buffer: bytearray) -> bytes:
    """Send slices without copies."""
    conn.send_data(1, buffer)
    conn.send_data(1, memoryview(buffer)[:10], end_stream=True)
    conn.ping(b"12345678")
    return conn.data_to_send()


def with_octets(event: RequestReceived) -> str:
    """Fields are bytes if no encoding is set."""
    for name, value in event.headers:
        if name == b":path" and value.startswith(b"/"):
            return b"".join([name, value]).decode()
    headers: dict[bytes, bytes] = dict(event.headers)
    return headers.get(b"host", b"").decode("ascii")


def with_text(event: RequestReceived) -> str:
    """Fields are text if an encoding is set."""
    headers: dict[str, str] = dict(event.headers)
    names: list[str] = [name.lower() for name, _ in event.headers]
    return headers.get("host", "-".join(names))


def pass_on(conn: H2Connection, event: RequestReceived) -> None:
    """Received fields can be sent, and passed where types of hpack are expected."""
    conn.send_headers(3, event.headers)
    conn.send_headers(5, [*event.headers, ("more", "text"), (b"more", b"octets")])
    in_form(event.headers)
    for field in event.headers:
        if isinstance(field, NeverIndexedHeaderTuple):
            print(field.indexable)


def in_form(headers: list[Header]) -> list[Header]:
    """Return fields as octets."""
    return utf8_encode_headers(headers)


def made_by_hand() -> list[Event]:
    """Create events, as tests of programs do."""
    fields: list[Header] = [(b":method", b"GET"), HeaderTuple(b":path", b"/")]
    terminated = ConnectionTerminated()
    terminated.error_code = ErrorCodes.NO_ERROR
    return [
        RequestReceived(stream_id=1, headers=fields),
        RequestReceived(stream_id=1, headers=[(":method", "GET")]),
        DataReceived(stream_id=1, data=b"", flow_controlled_length=0),
        terminated,
    ]


def dispatch(conn: H2Connection, event: Event) -> int:
    """Look at the fields of events."""
    if isinstance(event, DataReceived):
        conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        return len(event.data)
    if isinstance(event, StreamReset):
        return event.error_code
    if isinstance(event, ConnectionTerminated):
        return sum(event.unprocessed_stream_ids)
    if isinstance(event, UnknownFrameReceived):
        frame: hyperframe.frame.Frame = event.frame
        return frame.stream_id
    return 0


def look_inside(conn: H2Connection) -> bool:
    """Names that programs use."""
    machine: H2ConnectionStateMachine = conn.state_machine
    stream: H2Stream | None = conn.streams.get(1)
    if stream is not None and stream.state_machine.state is StreamState.OPEN:
        return stream.open
    return machine.state is ConnectionState.CLOSED


def configured() -> H2Connection:
    """Options, settings, and modules that were not imported by name."""
    config = H2Configuration(client_side=False, header_encoding="utf-8", strict=True)
    conn = h2.connection.H2Connection(config=config)
    conn.local_settings = Settings(
        client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 10}
    )
    conn.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**20, 0xF0: 1})
    return conn


class Buffered(H2Connection):
    """A subclass such as those of proxies."""

    def send_data(
        self,
        stream_id: int,
        data: bytes | bytearray | memoryview,
        end_stream: bool = False,
        pad_length: int | None = None,
    ) -> None:
        """Send no more than the window allows."""
        try:
            super().send_data(stream_id, data[:100], end_stream, pad_length)
        except StreamClosedError as error:
            print(error.stream_id)


def frames(data: bytearray) -> list[int]:
    """Look at frames."""
    buffer = FrameBuffer(server=True)
    buffer.add_data(data)
    return [frame.stream_id for frame in buffer]
