import multiprocessing
import os
import socket

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes, Settings

PROCESSES, CLIENTS = 2, 64


def connection(client_side, **values):
    conn = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=client_side, strict=True)
    )
    initial = {SettingCodes[name]: value for name, value in values.items()}
    conn.local_settings = Settings(client=client_side, initial_values=initial)
    conn.initiate_connection()
    return conn


# --- the server ---
def listen(port):
    """Open this process's own socket for the port that all processes listen on."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def serve(port, ready):
    """Run one server process."""
    listener = listen(port)
    ready.release()
    while True:
        sock, _ = listener.accept()
        with sock:
            serve_client(sock)


def serve_client(sock):
    """Answer each request with the ID of this process."""
    # With a million idle clients, these are the settings that matter.
    conn = connection(False, HEADER_TABLE_SIZE=0, MAX_CONCURRENT_STREAMS=20)
    sock.sendall(conn.data_to_send())
    while data := sock.recv(65536):
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                fields = [(":status", "204"), ("x-process", str(os.getpid()))]
                conn.send_headers(event.stream_id, fields, end_stream=True)
        sock.sendall(conn.data_to_send())


# --- clients ---
def ask(port):
    """Make a request on a new connection; return which process answered."""
    conn = connection(True, ENABLE_PUSH=0)
    headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/"),
    ]
    conn.send_headers(1, headers, end_stream=True)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(conn.data_to_send())
        while True:
            for event in conn.receive_data(sock.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)[b"x-process"]


def main():
    context = multiprocessing.get_context("spawn")
    ready = context.Semaphore(0)
    with socket.socket() as holder:  # keeps the port until then
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        workers = [
            context.Process(target=serve, args=(port, ready), daemon=True) for _ in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for _ in workers:
            ready.acquire()
    answers = [ask(port) for _ in range(CLIENTS)]
    print(f"{len(answers)} clients, answered by {len(set(answers))} processes")
    for worker in workers:
        worker.terminate()
        worker.join()


if __name__ == "__main__":
    main()
