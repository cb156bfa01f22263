import h2.config
import h2.connection
import h2.events

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
client.initiate_connection()
server.initiate_connection()
server.receive_data(client.data_to_send())
client.receive_data(server.data_to_send())


def request(path):
    return [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "example.com"),
        (":path", path),
    ]


def respond(stream_id, body):
    server.send_headers(stream_id, [(":status", "200"), ("content-length", str(len(body)))])
    server.send_data(stream_id, body, end_stream=True)


client.send_headers(1, request("/"), end_stream=True)
for event in server.receive_data(client.data_to_send()):
    if isinstance(event, h2.events.RequestReceived):
        if server.remote_settings.enable_push:
            pushed = server.get_next_available_stream_id()
            server.push_stream(event.stream_id, pushed, request("/style.css"))
            respond(pushed, b"h1 { color: teal }\n")
        respond(event.stream_id, b"<link rel=stylesheet href=/style.css><h1>Hello</h1>\n")

for event in client.receive_data(server.data_to_send()):
    print(event)
