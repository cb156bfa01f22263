import h2.config
import h2.connection


def new_server():
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
    server.initiate_connection()
    return server


client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
client.initiate_connection()
headers = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers)
client.send_data(1, b"some content", end_stream=True)
data = client.data_to_send()

at_once = new_server().receive_data(data)
server = new_server()
one_by_one = []
buffer = bytearray(1)  # reused each time, as with `socket.recv_into()`
for octet in data:
    buffer[0] = octet
    one_by_one += server.receive_data(buffer)

print("events:", *(event.__class__.__name__ for event in at_once))
print("the same:", list(map(repr, one_by_one)) == list(map(repr, at_once)))
