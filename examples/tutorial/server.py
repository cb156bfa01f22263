"""A small HTTP/2 server on plain sockets: it answers with a request's header fields as JSON.

Start it, then send it a request from another shell:

    python examples/tutorial/server.py --port 8080
    curl --http2-prior-knowledge http://127.0.0.1:8080/
    nghttp -v http://127.0.0.1:8080/
    h2load -n 1000 -m 10 -c 4 http://127.0.0.1:8080/

With a certificate it uses TLS instead, and ALPN selects HTTP/2:

    python examples/tutorial/server.py --port 8443 --cert cert.pem --key key.pem

The structure is that of every program built on h2: read bytes, pass them to `receive_data()`,
process the events, write what `data_to_send()` returns. An `H2Connection` belongs to one thread, so
every client gets its own thread and connection, and only the event for stopping is shared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import h2.config
import h2.connection
import h2.events
import h2.exceptions

MAX_CLIENTS = 100  # clients served at the same time; others wait
IDLE_SECONDS = 60.0  # a client that is idle for this long makes room for another
SEND_SECONDS = 10.0  # time limit for a client to read what we send
POLL_SECONDS = 0.25  # how often a waiting thread checks whether the server stops
LINGER_SECONDS = 1.0  # time for the client to disconnect after our last frame

Fields = Sequence[tuple[bytes, bytes]]


def fields_as_json(fields: Fields) -> bytes:
    """Render header fields as a JSON object; the values of a repeated name are joined."""
    merged: dict[str, str] = {}
    for raw_name, raw_value in fields:
        # Fields are bytes. Most are ASCII; whatever else arrives must not break the answer.
        name = raw_name.decode("utf-8", "backslashreplace")
        value = raw_value.decode("utf-8", "backslashreplace")
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return json.dumps(merged, indent=2).encode() + b"\n"


class Session:
    """One client: its socket, its HTTP/2 connection and the exchanges in progress."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        config = h2.config.H2Configuration(client_side=False, strict=True)
        self.conn = h2.connection.H2Connection(config)
        self.requests: dict[int, Fields] = {}  # by stream: requests still arriving
        self.bodies: dict[int, memoryview] = {}  # by stream: what is left to send of a response

    def run(self, stopping: threading.Event) -> None:
        """Serve until the client leaves, times out or breaks the protocol, or the server stops."""
        self.conn.initiate_connection()
        self.flush()
        while data := self.receive(stopping):
            try:
                events = self.conn.receive_data(data)
            except h2.exceptions.ProtocolError as error:
                # GOAWAY is pending, with the reason.
                print(f"protocol error: {error}", flush=True)
                break
            self.handle(events)
            self.send_bodies()
            self.flush()
        else:
            self.conn.close_connection()
        self.flush()
        self.hang_up()

    def handle(self, events: list[h2.events.Event]) -> None:
        """Process the events of one read; those that are not listed need no action.

        One read can contain a request and, after it, the reset that cancels it. The connection
        knows about the reset as soon as the read is processed, so such a request can no longer be
        answered.
        """
        resets = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            match event:
                case h2.events.RequestReceived() if event.stream_id not in resets:
                    self.requests[event.stream_id] = event.headers
                    if (b"expect", b"100-continue") in event.headers:
                        self.conn.send_headers(event.stream_id, [(":status", "100")])
                case h2.events.DataReceived():
                    # The body is discarded, so acknowledge it immediately; otherwise the client
                    # would have to stop after 65,535 bytes. Padding counts, so use the length in
                    # the event, not that of its data.
                    length = event.flow_controlled_length
                    self.conn.acknowledge_received_data(length, event.stream_id)
                case h2.events.StreamEnded() if event.stream_id not in resets:
                    self.answer(event.stream_id, self.requests.pop(event.stream_id))
                case h2.events.StreamReset():
                    self.requests.pop(event.stream_id, None)
                    self.bodies.pop(event.stream_id, None)

    def answer(self, stream_id: int, fields: Fields) -> None:
        """Answer a request that has arrived in full."""
        body = fields_as_json(fields)
        response = [
            (":status", "200"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ]
        is_head = (b":method", b"HEAD") in fields  # requests only the header fields of the answer
        self.conn.send_headers(stream_id, response, end_stream=is_head)
        if not is_head:
            self.bodies[stream_id] = memoryview(body)

    def send_bodies(self) -> None:
        """Send as much of every pending body as the client has room for.

        The rest stays here. The client opens its windows with WINDOW_UPDATE or SETTINGS frames;
        this method is called again after every read.
        """
        for stream_id, rest in list(self.bodies.items()):
            while rest:
                window = self.conn.local_flow_control_window(stream_id)
                size = min(window, self.conn.max_outbound_frame_size, len(rest))
                if size <= 0:
                    break
                self.conn.send_data(stream_id, rest[:size], end_stream=size == len(rest))
                rest = rest[size:]
            if rest:
                self.bodies[stream_id] = rest
            else:
                del self.bodies[stream_id]

    def receive(self, stopping: threading.Event) -> bytes:
        """Wait for bytes; none mean that the client has left or timed out, or the server stops."""
        self.sock.settimeout(POLL_SECONDS)
        give_up = time.monotonic() + IDLE_SECONDS
        while not stopping.is_set() and time.monotonic() < give_up:
            with contextlib.suppress(TimeoutError):
                return self.sock.recv(65536)
        return b""

    def flush(self) -> None:
        """Write everything that the connection has to send."""
        if data := self.conn.data_to_send():
            self.sock.settimeout(SEND_SECONDS)
            self.sock.sendall(data)

    def hang_up(self) -> None:
        """Signal that nothing more will be sent, and let the client read everything.

        Closing a socket with unread bytes from the client would discard what we sent last.
        """
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(POLL_SECONDS)
        give_up = time.monotonic() + LINGER_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(TimeoutError):
                if not self.sock.recv(65536):
                    return


def serve_client(
    sock: socket.socket, context: ssl.SSLContext | None, stopping: threading.Event
) -> None:
    """Serve one client, in its own thread, and close its socket whatever happens."""
    with sock:
        try:
            sock.settimeout(SEND_SECONDS)
            # Frames are sent when they are ready; waiting to fill a packet would only add delay.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                Session(sock).run(stopping)
                return
            with context.wrap_socket(sock, server_side=True) as tls:
                if tls.selected_alpn_protocol() == "h2":
                    Session(tls).run(stopping)
        except OSError:
            pass  # the client has disconnected, or never finished its TLS handshake
        except Exception:  # a bug in this program must not affect the other clients
            traceback.print_exc()


def tls_context(cert: str, key: str | None) -> ssl.SSLContext:
    """TLS as RFC 9113 section 9.2 requires: 1.2 or newer, strong ciphers, no renegotiation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(cert, key)
    return context


def serve(host: str, port: int, context: ssl.SSLContext | None, stopping: threading.Event) -> None:
    """Listen and pass every client to a thread, until the event is set."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, port), family=family) as listener,
        ThreadPoolExecutor(MAX_CLIENTS) as pool,
    ):
        shown_host = f"[{host}]" if ":" in host else host
        scheme = "http" if context is None else "https"
        print(f"listening on {scheme}://{shown_host}:{listener.getsockname()[1]}/", flush=True)
        # A signal that arrives just before accept() begins to wait does not interrupt it; the stop
        # is noticed after the timeout.
        listener.settimeout(POLL_SECONDS)
        # A waiting client is not accepted before its turn, so that it does not use an open file.
        places = threading.Semaphore(MAX_CLIENTS)
        try:
            while not stopping.is_set():
                if not places.acquire(timeout=POLL_SECONDS):
                    continue
                try:
                    sock, _ = listener.accept()
                except OSError:  # no client in time, or it has already disconnected
                    places.release()
                else:
                    client = pool.submit(serve_client, sock, context, stopping)
                    client.add_done_callback(lambda _: places.release())
            print("stopping", flush=True)
        finally:
            stopping.set()  # every thread sends GOAWAY to its client; the pool waits for them


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Answer HTTP/2 requests with their header fields.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port; 0 takes any free one")
    parser.add_argument("--cert", help="certificate chain (PEM); turns TLS on")
    parser.add_argument("--key", help="private key (PEM), if not in the --cert file")
    args = parser.parse_args()
    if args.key and not args.cert:
        parser.error("--key needs --cert")
    stopping = threading.Event()
    # Ctrl+C sets an event instead of raising: an exception could occur between the arrival of a
    # client and the start of its thread.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    context = tls_context(args.cert, args.key) if args.cert else None
    serve(args.host, args.port, context, stopping)


if __name__ == "__main__":
    main()
