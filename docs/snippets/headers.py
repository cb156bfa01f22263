import h2.config
import h2.connection
from h2.exceptions import ProtocolError

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
server.receive_data(client.data_to_send())
request = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
try:
    client.send_headers(1, [*request, ("x-color", "red\r\nx-admin: yes")])
except ProtocolError as error:
    print("refused:", error.rule)

# Stream 1 is still unused. These fields are corrected.
client.send_headers(1, [*request, ("X-Color", " red "), ("Connection", "keep-alive")])
for name, value in server.receive_data(client.data_to_send())[0].headers:
    print(name, value)
