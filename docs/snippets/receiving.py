from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import DataAvailable, StreamEnded, StreamReset
from h2.exceptions import StreamClosedError

server = BufferedH2Connection(
    H2Configuration(client_side=False),
    receive_buffering=True,
    stream_window=100_000,
    connection_window=1_000_000,
)
client = BufferedH2Connection()
server.initiate_connection()
client.initiate_connection()
headers = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]
for stream_id in (1, 3):
    client.send_headers(stream_id, headers)
    client.send_data(stream_id, bytes(300_000), end_stream=True)

received = {1: 0, 3: 0}
reading = {1, 3}
waited = 0
while reading:
    for event in server.receive_data(client.data_to_send()):
        if isinstance(event, StreamEnded | StreamReset) or (
            isinstance(event, DataAvailable) and not received[event.stream_id]
        ):
            print(event)
    waited = max(waited, server.readable(1) + server.readable(3))
    for stream_id in sorted(reading):
        try:
            received[stream_id] += len(server.read_data(stream_id, 20_000))
        except StreamClosedError as error:
            print(error)
            reading.remove(stream_id)
        if server.at_end(stream_id):
            print(f"Stream {stream_id} is complete: {received[stream_id]:,} octets")
            reading.remove(stream_id)
    client.receive_data(server.data_to_send())
    if received[3] == 100_000:
        client.reset_stream(3)  # the client changed its mind
print(f"At most {waited:,} octets were unread; {received[3]:,} of stream 3 were read")
