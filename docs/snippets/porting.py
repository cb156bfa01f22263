from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamReset

HEADERS = [(":status", "200")]
TRAILERS = [("checksum", "4711")]
FILE = bytes(1_000_000)


class ByHand:
    """Waits for windows, and sends the trailers when the content was sent."""

    def __init__(self) -> None:
        self.conn = H2Connection(H2Configuration(client_side=False, strict=True))
        self.unsent: dict[int, memoryview] = {}

    def handle(self, data: bytes) -> bytes:
        for event in self.conn.receive_data(data):
            if isinstance(event, RequestReceived):
                self.conn.send_headers(event.stream_id, HEADERS)
                self.unsent[event.stream_id] = memoryview(FILE)
            elif isinstance(event, StreamReset):
                self.unsent.pop(event.stream_id, None)
        for stream_id in list(self.unsent):
            self.send_what_fits(stream_id)
        return self.conn.data_to_send()

    def send_what_fits(self, stream_id: int) -> None:
        while rest := self.unsent[stream_id]:
            window = self.conn.local_flow_control_window(stream_id)
            size = min(window, self.conn.max_outbound_frame_size, len(rest))
            if size <= 0:
                return
            self.conn.send_data(stream_id, rest[:size])
            self.unsent[stream_id] = rest[size:]
        self.conn.send_headers(stream_id, TRAILERS, end_stream=True)
        del self.unsent[stream_id]


class Ported:
    """Leaves the waiting to the connection."""

    def __init__(self) -> None:
        self.conn = BufferedH2Connection(H2Configuration(client_side=False, strict=True))

    def handle(self, data: bytes) -> bytes:
        for event in self.conn.receive_data(data):
            if isinstance(event, RequestReceived):
                self.conn.send_headers(event.stream_id, HEADERS)
                self.conn.send_data(event.stream_id, FILE)
                self.conn.send_headers(event.stream_id, TRAILERS, end_stream=True)
        return self.conn.data_to_send()


REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]

for server in (ByHand(), Ported()):
    server.conn.initiate_connection()
    client = BufferedH2Connection(receive_buffering=True)
    client.initiate_connection()
    for stream_id in (1, 3, 5):
        client.send_headers(stream_id, REQUEST, end_stream=True)
    received = dict.fromkeys((1, 3, 5), 0)
    while not all(map(client.at_end, received)):
        client.receive_data(server.handle(client.data_to_send()))
        for stream_id in received:
            received[stream_id] += len(client.read_data(stream_id))
    print(type(server).__name__, received)
