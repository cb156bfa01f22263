import h2.config
import h2.connection
from h2.exceptions import ProtocolError

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
client.send_headers(1, headers, end_stream=True)

# The request is followed by a PING frame that is too short.
bad_ping = bytes([0, 0, 3, 6, 0, 0, 0, 0, 0]) + b"abc"
server.data_to_send()
try:
    server.receive_data(client.data_to_send() + bad_ping)
except ProtocolError as error:
    print("error:", error)
    print("code:", repr(error.error_code))
    print("rule:", error.rule)
    print("before it:", *(event.__class__.__name__ for event in error.events))
print("to send:", server.data_to_send()[-17:].hex(" "))
try:
    server.receive_data(bad_ping)
except ProtocolError as error:
    print("from now on:", error.rule)
