"""Step 3: the server sends its own part of the conversation."""

import socket
import sys

import h2.config
import h2.connection


def handle(sock):
    config = h2.config.H2Configuration(client_side=False, strict=True)
    conn = h2.connection.H2Connection(config)
    conn.initiate_connection()
    sock.sendall(conn.data_to_send())
    while data := sock.recv(65536):
        for event in conn.receive_data(data):
            print(event, flush=True)
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
