"""Step 1: a socket that listens. No HTTP/2 yet."""

import socket
import sys


def serve(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, address = listener.accept()
            with sock:
                print("a client from", address, flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
