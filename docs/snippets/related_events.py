import h2.config
import h2.connection

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
server.receive_data(client.data_to_send())

headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True, priority_weight=220)
events = server.receive_data(client.data_to_send())
for event in events:
    print(event.__class__.__name__)

request, end, priority = events
print("the request knows its end:", request.stream_ended is end)
print("and its priority:", request.priority_updated is priority)
