import h2.config
import h2.connection
import h2.events


class Peer:
    """A server in memory. It accepts some requests and answers them when told to."""

    def __init__(self, takes):
        self.takes = takes
        self.conn = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, strict=True)
        )
        self.conn.initiate_connection()

    def hear(self, data):
        self.conn.receive_data(data)
        if self.takes:
            self.conn.close_connection(last_stream_id=self.takes)
        return self.conn.data_to_send()

    def answer(self):
        for stream_id in list(self.conn.streams):
            if not self.takes or stream_id <= self.takes:
                self.conn.send_headers(stream_id, [(":status", "204")], end_stream=True)
        return self.conn.data_to_send()


servers = [Peer(takes=1), Peer(takes=3), Peer(takes=0)]
# --- the client ---
ATTEMPTS = 3  # connections in a row on which no request is accepted


def fetch_all(paths, connect):
    """Send each request until it is processed; return the responses by path."""
    waiting, responses, failures = list(paths), {}, 0
    while waiting and failures < ATTEMPTS:
        taken = fetch_some(waiting, responses, connect())
        # As long as some requests are accepted, this is progress: fewer are left for the next
        # connection.
        failures = 0 if taken else failures + 1
        waiting = [path for path in waiting if path not in taken]
    return responses


def fetch_some(waiting, responses, server):
    """Use one connection; return the requests that the server may have processed."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
    conn.initiate_connection()
    pending = {}
    for path in waiting:
        stream_id = conn.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "example.com"),
            (":path", path),
        ]
        conn.send_headers(stream_id, headers, end_stream=True)
        pending[stream_id] = path
    taken = set(waiting)
    for data in (server.hear(conn.data_to_send()), server.answer()):
        for event in conn.receive_data(data):
            match event:
                case h2.events.ConnectionTerminated():
                    refused = [pending.pop(n) for n in event.unprocessed_stream_ids]
                    print(f"  last stream {event.last_stream_id}, not processed: {refused}")
                    taken.difference_update(refused)
                case h2.events.StreamEnded():
                    responses[pending.pop(event.stream_id)] = 204
    # Requests still pending here may have been processed: they are not retried.
    return taken


def connect():
    print("a new connection")
    return servers.pop(0)


print(fetch_all(["/a", "/b", "/c", "/d"], connect))
