import h2.config
import h2.connection

server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
client.initiate_connection()
server.initiate_connection()
server.receive_data(client.data_to_send())
server.data_to_send()

for _ in range(1_000):
    client.ping(b"01234567")
data = client.data_to_send()
server.receive_data(data)
print("read:", len(data), "to write:", len(server.data_to_send()))
