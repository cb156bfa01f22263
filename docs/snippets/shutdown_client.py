import h2.config
import h2.connection
import h2.events

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
# --- the client's side ---
for stream_id in (1, 3, 5):
    client.send_headers(stream_id, headers, end_stream=True)
pending = {1: "/a", 3: "/b", 5: "/c"}

# The server had seen two requests when it sent GOAWAY; the third one was still in transit.
server.close_connection(last_stream_id=3)

for event in client.receive_data(server.data_to_send()):
    if isinstance(event, h2.events.ConnectionTerminated):
        unprocessed = event.unprocessed_stream_ids
        print("not processed:", [pending.pop(stream_id) for stream_id in unprocessed])
        print("still pending:", list(pending.values()))
print("open streams:", client.open_outbound_streams)
