import h2.config
import h2.connection
import h2.events
import h2.exceptions

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]


def deliver(sender, receiver, name):
    """Deliver pending data to the other end and print the events."""
    for event in receiver.receive_data(sender.data_to_send()):
        match event:
            case h2.events.RequestReceived():
                print(f"  {name}: request on stream {event.stream_id}")
            case h2.events.ConnectionTerminated():
                print(f"  {name}: GOAWAY, last stream {event.last_stream_id}")
            case h2.events.StreamEnded():
                print(f"  {name}: stream {event.stream_id} has ended")
            case h2.events.PingAckReceived():
                print(f"  {name}: PING answered")


def connect():
    """Exchange the connection prefaces."""
    client.initiate_connection()
    server.initiate_connection()
    deliver(client, server, "server")
    deliver(server, client, "client")


connect()

# --- the shutdown ---
print("a request is in progress")
client.send_headers(1, headers, end_stream=True)
deliver(client, server, "server")

print("the server starts its shutdown; at the same moment the client sends a request")
server.close_connection(last_stream_id=2**31 - 1)
server.ping(b"goodbye?")
client.send_headers(3, headers, end_stream=True)
deliver(server, client, "client")
deliver(client, server, "server")

print("one round trip later, all requests that were sent have arrived")
server.close_connection()
deliver(server, client, "client")
try:
    client.send_headers(5, headers, end_stream=True)
except h2.exceptions.ProtocolError:
    print("  client: no new requests on this connection")

print("requests in progress complete as usual")
for stream_id in (1, 3):
    print(f"  server: {server.open_inbound_streams} open")
    server.send_headers(stream_id, [(":status", "204")], end_stream=True)
deliver(server, client, "client")
print(f"  server: {server.open_inbound_streams} open: close the socket")
