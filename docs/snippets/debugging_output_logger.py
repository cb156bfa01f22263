import sys

import h2.connection
from h2.config import H2Configuration, OutputLogger
from h2.exceptions import ProtocolError

logger = OutputLogger(sys.stdout)
server = h2.connection.H2Connection(H2Configuration(client_side=False, strict=True, logger=logger))
client = h2.connection.H2Connection(H2Configuration(strict=True))

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
server.send_headers(1, [(":status", "200")])
server.send_data(1, b"hello", end_stream=True)
client.receive_data(server.data_to_send())

too_short = bytes([0, 0, 3, 6, 0, 0, 0, 0, 0]) + b"abc"
try:
    server.receive_data(too_short)
except ProtocolError:
    server.data_to_send()
