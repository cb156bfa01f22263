from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import DataReceived, RequestReceived, StreamOpened, StreamWritable
from h2.settings import SettingCodes

server = BufferedH2Connection(H2Configuration(client_side=False))
client = BufferedH2Connection()
server.initiate_connection()
server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
client.initiate_connection()
client.receive_data(server.data_to_send())

names = {}
for name, priority in (("film", "u=5, i"), ("page", "u=1"), ("icon", "u=3")):
    # No counting: requests beyond the server's limit wait.
    stream_id = client.get_next_available_stream_id()
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example")]
    fields += [(":path", f"/{name}"), ("priority", priority)]
    client.send_headers(stream_id, fields, end_stream=True)
    names[stream_id] = name
print("Requests waiting:", client.waiting_streams)

pieces = {"film": 10, "page": 1, "icon": 1}


def write(stream_id: int) -> None:
    """Write as long as the connection accepts more."""
    name = names[stream_id]
    while pieces[name] and server.is_writable(stream_id):
        pieces[name] -= 1
        server.send_data(stream_id, bytes(50_000), end_stream=not pieces[name])


current = ""
while any(pieces.values()) or server.send_buffer_size():
    data = client.data_to_send(65_536)
    for event in client.events():
        if isinstance(event, StreamOpened):
            print("Now sent:", names[event.stream_id])
    for event in server.receive_data(data):
        if isinstance(event, RequestReceived):
            server.send_headers(event.stream_id, [(":status", "200")])
            write(event.stream_id)
    data = server.data_to_send(65_536)
    for event in server.events():
        if isinstance(event, StreamWritable):
            write(event.stream_id)
    for event in client.receive_data(data):
        if isinstance(event, DataReceived):
            client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if names[event.stream_id] != current:
                current = names[event.stream_id]
                print("Content of", current)
