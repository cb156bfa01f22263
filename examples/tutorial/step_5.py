"""Step 5: answer with the request's header fields as JSON, once the request is complete."""

import json
import socket
import sys

import h2.config
import h2.connection
import h2.events


def answer(conn, stream_id, fields):
    shown = {name.decode(): value.decode(errors="replace") for name, value in fields}
    body = json.dumps(shown, indent=2).encode() + b"\n"
    headers = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
    ]
    conn.send_headers(stream_id, headers)
    conn.send_data(stream_id, body, end_stream=True)


def handle(sock):
    config = h2.config.H2Configuration(client_side=False, strict=True)
    conn = h2.connection.H2Connection(config)
    conn.initiate_connection()
    sock.sendall(conn.data_to_send())
    requests = {}
    while data := sock.recv(65536):
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                requests[event.stream_id] = event.headers
            elif isinstance(event, h2.events.StreamEnded):
                answer(conn, event.stream_id, requests.pop(event.stream_id))
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
