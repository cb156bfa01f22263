from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import DataReceived, PriorityUpdateReceived, RequestReceived
from h2.priorities import Priority

FRAME = 16_384
client = BufferedH2Connection(stream_window=2**20, connection_window=2**20)
server = BufferedH2Connection(H2Configuration(client_side=False))
client.initiate_connection()
server.initiate_connection()
client.receive_data(server.data_to_send())

page = {
    "film": Priority(urgency=5),
    "photo": Priority(urgency=4, incremental=True),
    "map": Priority(urgency=4, incremental=True),
    "script": Priority(urgency=1),
}
streams = {}
for name, priority in page.items():
    streams[name] = client.get_next_available_stream_id()
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example")]
    fields += [(":path", f"/{name}"), ("priority", bytes(priority))]
    client.send_headers(streams[name], fields, end_stream=True)

for event in server.receive_data(client.data_to_send()):
    if isinstance(event, RequestReceived):
        server.send_headers(event.stream_id, [(":status", "200")])
        server.send_data(event.stream_id, bytes(5 * FRAME), end_stream=True)


def receive(frames: int) -> None:
    """Print which responses the next frames of content belong to."""
    names = []
    while len(names) < frames:
        for event in client.receive_data(server.data_to_send(9 + FRAME)):
            if isinstance(event, DataReceived):
                names += [name for name in streams if streams[name] == event.stream_id]
    print(*names)


receive(8)
client.send_priority_update(streams["film"], urgency=0)  # the user starts the film
for event in server.receive_data(client.data_to_send()):
    if isinstance(event, PriorityUpdateReceived):
        print(event, server.get_priority(event.prioritized_stream_id))
receive(2)
server.set_priority(streams["map"], urgency=0)  # the server knows better
receive(10)
