from h2.config import H2Configuration
from h2.connection import H2Connection

client = H2Connection(H2Configuration(strict=True))
server = H2Connection(H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
request = {":method": "GET", ":scheme": "https", ":authority": "example.com", ":path": "/"}
client.send_headers(1, request.items(), end_stream=True)
_, *events = server.receive_data(client.data_to_send())  # your socket goes here
print(*events, sep="\n")
server.send_headers(1, [(":status", "200")])
server.send_data(1, b"Hello", end_stream=True)
_, _, *events = client.receive_data(server.data_to_send())  # the first two are about settings
print(*events, sep="\n")
