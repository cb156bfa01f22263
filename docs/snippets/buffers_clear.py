import h2.config
import h2.connection
from h2.exceptions import ProtocolError

server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
client.initiate_connection()
server.initiate_connection()
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
for stream_id in (1, 3):
    client.send_headers(stream_id, headers, end_stream=True)
server.receive_data(client.data_to_send())
client.receive_data(server.data_to_send())

response = [(":status", "200"), ("server", "example")]
server.send_headers(1, response, end_stream=True)
server.clear_outbound_data_buffer()  # the first response is gone
server.send_headers(3, response, end_stream=True)
try:
    client.receive_data(server.data_to_send())
except ProtocolError as error:
    print("the client:", error)
    print("code:", repr(error.error_code))
