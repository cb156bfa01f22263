import h2.config
import h2.connection
import h2.exceptions

good = [(":method", "GET"), (":scheme", "https"), (":authority", "example.com"), (":path", "/")]
bad = [*good, ("connection", "close")]  # not allowed in HTTP/2


def try_out(strict):
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(
            strict=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
    )
    config = h2.config.H2Configuration(client_side=False, strict=strict)
    server = h2.connection.H2Connection(config)
    client.initiate_connection()
    server.initiate_connection()
    for stream_id, headers in ((1, good), (3, bad), (5, good)):
        client.send_headers(stream_id, headers, end_stream=True)
    try:
        events = server.receive_data(client.data_to_send())
    except h2.exceptions.ProtocolError as error:
        print("    server:", error)
        events = error.events
    for event in events[1:]:  # the first one reports the client's settings
        print("    server:", event.__class__.__name__, event.stream_id)
    for event in client.receive_data(server.data_to_send())[2:]:
        print("    client:", event)


print("by default:")
try_out(strict=False)
print("strict:")
try_out(strict=True)
