import select
import socket

import h2.config
import h2.connection

sock, peer = socket.socketpair()
sock.setblocking(False)
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
client.initiate_connection()
client.increment_flow_control_window(2**30)
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
client.increment_flow_control_window(2**30, 1)
server.initiate_connection()
server.receive_data(client.data_to_send())


def write_some(unsent):
    """Write until the socket is full; return the octets not yet written."""
    while unsent or (unsent := server.data_to_send(65_536)):
        try:
            unsent = unsent[sock.send(unsent) :]
        except BlockingIOError:
            break
    return unsent


server.send_headers(1, [(":status", "200")])
for _ in range(100):
    server.send_data(1, bytes(16_384))
server.end_stream(1)

unsent = write_some(b"")
print("some octets are left:", len(unsent) > 0)
received = 0
while unsent:
    for event in client.receive_data(peer.recv(65_536)):
        received += len(getattr(event, "data", b""))
    if select.select([], [sock], [], 0)[1]:  # writable again
        unsent = write_some(unsent)
sock.close()
while data := peer.recv(65_536):
    for event in client.receive_data(data):
        received += len(getattr(event, "data", b""))
peer.close()
print("received:", received)
