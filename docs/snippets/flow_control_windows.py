import h2.config
import h2.connection
from h2.settings import SettingCodes

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))

# The server accepts 1 MiB of each request at a time, and 4 MiB of all requests together.
server.initiate_connection()
server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**20})
server.increment_flow_control_window(2**22 - 65_535)

client.initiate_connection()
client.receive_data(server.data_to_send())
server.receive_data(client.data_to_send())
headers = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
for stream_id in (1, 3, 5, 7, 9):
    client.send_headers(stream_id, headers)
print("client may send on stream 1:", client.local_flow_control_window(1))
for stream_id in (1, 3, 5, 7):
    for _ in range(2**20 // 16_384):
        client.send_data(stream_id, bytes(16_384))
print("client may send on stream 9:", client.local_flow_control_window(9))

server.receive_data(client.data_to_send())
print("server expects on stream 9:", server.remote_flow_control_window(9))
server.acknowledge_received_data(2**20, 1)
client.receive_data(server.data_to_send())
print("after an acknowledgment:", client.local_flow_control_window(9))
print("setting:", client.remote_settings[SettingCodes.INITIAL_WINDOW_SIZE])
