import h2.config
import h2.connection
from h2.exceptions import ProtocolError

server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server.initiate_connection()
client.initiate_connection()
client.receive_data(server.data_to_send())
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
server.receive_data(client.data_to_send())

# A complete request, then DATA on a stream that does not exist.
client.send_headers(3, headers, end_stream=True)
data = client.data_to_send() + bytes([0, 0, 2, 0, 0, 0, 0, 0, 9]) + b"hi"
try:
    server.receive_data(data)
except ProtocolError as error:
    print("text:", error)
    print("rule:", error.rule)
    print("class:", error.__class__.__name__)
    print("code:", repr(error.error_code))
    print("events before it:", error.events)

# The same for our own mistakes. Nothing is sent, and nothing changes.
try:
    client.send_data(3, b"too late")
except ProtocolError as error:
    print("rule:", error.rule)
