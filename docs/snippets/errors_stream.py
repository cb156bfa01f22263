import h2.config
import h2.connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

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
client.send_headers(3, headers, end_stream=True)
client.reset_stream(1, ErrorCodes.CANCEL)

# The server reads all this at once, so stream 1 is closed before it handles the request.
for event in server.receive_data(client.data_to_send()):
    print(event.__class__.__name__)
for stream_id in (1, 3):
    try:
        server.send_headers(stream_id, [(":status", "204")], end_stream=True)
    except H2Error as error:
        print(f"stream {stream_id}: {error.__class__.__name__}")
    else:
        print(f"stream {stream_id}: answered")
