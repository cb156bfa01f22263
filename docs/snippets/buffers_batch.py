import h2.config
import h2.connection

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
client.receive_data(server.data_to_send())
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
client.send_headers(3, headers, end_stream=True)
server.receive_data(client.data_to_send())
server.data_to_send()
client.ping(b"01234567")

# One read brought two requests, the next one a PING: what is there to send?
for event in server.receive_data(client.data_to_send()):
    print(event)
for stream_id in (1, 3):
    server.send_headers(stream_id, [(":status", "200")])
    server.send_data(stream_id, b"hello", end_stream=True)

data = server.data_to_send()
print("one write:", len(data), "octets")
for event in client.receive_data(data):
    print(event.__class__.__name__)
print("nothing left:", server.data_to_send())
