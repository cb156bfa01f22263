import h2.config
import h2.connection
import h2.events

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
server.receive_data(client.data_to_send())
client.receive_data(server.data_to_send())

upload = bytes(1_000_000)
headers = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers)
rounds = received = 0
while upload or received < 1_000_000:
    # The sender: as much as the windows allow, in frames as large as the peer accepts.
    while upload and (room := client.local_flow_control_window(1)) > 0:
        size = min(room, client.max_outbound_frame_size, len(upload))
        client.send_data(1, upload[:size], end_stream=size == len(upload))
        upload = upload[size:]
    rounds += 1
    # The receiver: acknowledge the content that was processed. That is all.
    for event in server.receive_data(client.data_to_send()):
        if isinstance(event, h2.events.DataReceived):
            received += len(event.data)
            server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    client.receive_data(server.data_to_send())
print(f"{received:,} octets in {rounds} rounds")
