"""Step 7: a response larger than the client's windows is sent piece by piece."""

import socket
import sys

import h2.config
import h2.connection
import h2.events

PIECE = b"All work and no play makes HTTP/1.1 a dull protocol.\n"


def answer(conn, stream_id, unsent):
    body = PIECE * 20_000
    conn.send_headers(stream_id, [(":status", "200"), ("content-length", str(len(body)))])
    unsent[stream_id] = body


def send_what_fits(conn, unsent):
    for stream_id, body in list(unsent.items()):
        while body:
            room = conn.local_flow_control_window(stream_id)
            size = min(room, conn.max_outbound_frame_size, len(body))
            if size <= 0:
                break
            conn.send_data(stream_id, body[:size], end_stream=size == len(body))
            body = body[size:]
        if body:
            unsent[stream_id] = body
        else:
            del unsent[stream_id]


def handle(sock):
    config = h2.config.H2Configuration(client_side=False, strict=True)
    conn = h2.connection.H2Connection(config)
    conn.initiate_connection()
    sock.sendall(conn.data_to_send())
    unsent = {}
    while data := sock.recv(65536):
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                answer(conn, event.stream_id, unsent)
            elif isinstance(event, h2.events.StreamReset):
                unsent.pop(event.stream_id, None)
        send_what_fits(conn, unsent)
        sock.sendall(conn.data_to_send())


def serve(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, address = listener.accept()
            with sock:
                print("a client from", address, flush=True)
                handle(sock)


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
