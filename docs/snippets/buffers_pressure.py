import h2.config
import h2.connection

server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
client.initiate_connection()
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
# This client opens windows of 2 GiB. That does not mean it will read that much.
client.increment_flow_control_window(2**31 - 1 - 65_535)
client.increment_flow_control_window(2**31 - 1 - 65_535, 1)
server.initiate_connection()
server.receive_data(client.data_to_send())
server.send_headers(1, [(":status", "200")])
server.data_to_send()

size = min(server.local_flow_control_window(1), server.max_outbound_frame_size)
for _ in range(1_000):
    server.send_data(1, bytes(size))
print("as much as the windows allow:", len(server.data_to_send()))

most = 0
for _ in range(1_000):
    server.send_data(1, bytes(size))
    data = server.data_to_send()
    most = max(most, len(data))
    # A real program now waits until the transport has accepted the data.
print("the most that was buffered:", most)
