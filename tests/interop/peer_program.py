"""One end of a connection between two processes, which may use different versions of h2.

    python peer_program.py server              prints its port, serves one connection
    python peer_program.py client PORT NAME    plays the scenario of that name against it

Each end prints what it received as one JSON object. It only uses the public API of h2 and the
standard library, so it runs wherever some h2 4.x is installed.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
from h2.settings import SettingCodes

TIMEOUT = 20.0
BIG = bytes(range(256)) * 8192  # 2 MiB

Json = dict[str, Any]


def request(method: str, path: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """The fields of a request."""
    pseudo = {":method": method, ":scheme": "https", ":authority": "example.com", ":path": path}
    return [*pseudo.items(), *more]


def digest(body: bytes) -> str:
    """A body as it appears in a report."""
    return f"{len(body)} bytes, {hashlib.sha256(body).hexdigest()[:16]}"


class Stream:
    """Everything that has arrived on one stream."""

    def __init__(self) -> None:
        self.headers: list[list[str]] = []
        self.informational: list[list[list[str]]] = []
        self.trailers: list[list[str]] = []
        self.body = b""
        self.end = ""  # "ended", or "reset" with a code and who sent it

    def report(self) -> Json:
        """The stream as JSON, without empty values."""
        facts: Json = {
            "headers": self.headers,
            "informational": self.informational,
            "trailers": self.trailers,
            "body": digest(self.body) if self.body else "",
            "end": self.end,
        }
        return {name: fact for name, fact in facts.items() if fact}


class Peer:
    """A connection on a blocking socket, with a record of everything received."""

    def __init__(self, sock: socket.socket, client_side: bool) -> None:
        self.sock = sock
        config = h2.config.H2Configuration(client_side=client_side, header_encoding="utf-8")
        self.conn = h2.connection.H2Connection(config)
        self.streams: dict[int, Stream] = {}
        self.unsent: dict[int, tuple[memoryview, list[tuple[str, str]]]] = {}
        self.connection_events: list[Any] = []
        self.open = True
        self.conn.initiate_connection()

    def stream(self, stream_id: int) -> Stream:
        """The record of a stream."""
        return self.streams.setdefault(stream_id, Stream())

    def send_body(
        self, stream_id: int, body: bytes, trailers: list[tuple[str, str]] | None = None
    ) -> None:
        """Queue a body, with trailers after it."""
        self.unsent[stream_id] = (memoryview(body), trailers or [])

    def flush(self) -> None:
        """Send the parts of the bodies that fit into the windows, and write all output."""
        for stream_id, (rest, trailers) in list(self.unsent.items()):
            while rest and (room := self.conn.local_flow_control_window(stream_id)) > 0:
                size = min(room, self.conn.max_outbound_frame_size, len(rest))
                ends = size == len(rest) and not trailers
                self.conn.send_data(stream_id, rest[:size], end_stream=ends)
                rest = rest[size:]
            self.unsent[stream_id] = (rest, trailers)
            if not rest:
                del self.unsent[stream_id]
                if trailers:
                    self.conn.send_headers(stream_id, trailers, end_stream=True)
        data = self.conn.data_to_send()
        if data:
            self.sock.sendall(data)

    def step(self) -> list[Any]:
        """Write, wait for bytes, process them, and return the events."""
        self.flush()
        data = self.sock.recv(65536)
        self.open = bool(data)
        events = self.conn.receive_data(data)
        for event in events:
            self.note(event)
        return events

    def note(self, event: Any) -> None:
        """Record an event."""
        fields = [list(field) for field in getattr(event, "headers", None) or []]
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived():
                self.stream(event.stream_id).headers = fields
            case h2.events.InformationalResponseReceived():
                self.stream(event.stream_id).informational.append(fields)
            case h2.events.PushedStreamReceived():
                self.stream(event.pushed_stream_id).informational.append(fields)
            case h2.events.TrailersReceived():
                self.stream(event.stream_id).trailers = fields
            case h2.events.DataReceived():
                self.stream(event.stream_id).body += event.data
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.stream(event.stream_id).end = "ended"
            case h2.events.StreamReset():
                who = "they" if event.remote_reset else "we"
                self.stream(event.stream_id).end = f"reset {int(event.error_code)} by {who}"
            case _:
                self.connection_events.append(event)

    def until(self, holds: Callable[[], bool]) -> None:
        """Continue until a condition holds."""
        while not holds():
            self.step()
            if not self.open:
                raise ConnectionError("the other end hung up")

    def seen(self, kind: type) -> list[Any]:
        """The events of this kind that belong to no stream."""
        return [event for event in self.connection_events if isinstance(event, kind)]

    def report(self) -> Json:
        """Everything that was observed."""
        return {str(key): stream.report() for key, stream in sorted(self.streams.items())}


# --- the server: the path of a request decides how it is answered ---

SERVER_SETTINGS: dict[str, dict[SettingCodes | int, int]] = {
    "/settings0": {
        SettingCodes.INITIAL_WINDOW_SIZE: 1000,
        SettingCodes.HEADER_TABLE_SIZE: 0,
        SettingCodes.MAX_CONCURRENT_STREAMS: 1,
    },
    "/settings1": {
        SettingCodes.INITIAL_WINDOW_SIZE: 500_000,
        SettingCodes.HEADER_TABLE_SIZE: 8192,
        SettingCodes.MAX_FRAME_SIZE: 65_536,
    },
}


def answer(peer: Peer, stream_id: int, path: str) -> None:
    """Answer a complete request."""
    conn = peer.conn
    if path == "/informational":
        for link in ("</a.css>", "</b.css>"):
            conn.send_headers(stream_id, [(":status", "103"), ("link", link)])
    if path in SERVER_SETTINGS:
        conn.update_settings(SERVER_SETTINGS[path])
    if path == "/reset":
        conn.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        return
    if path == "/push" and conn.remote_settings.enable_push:
        promised = conn.get_next_available_stream_id()
        conn.push_stream(stream_id, promised, request("GET", "/pushed"))
        conn.send_headers(promised, [(":status", "200"), ("x-kind", "pushed")])
        peer.send_body(promised, b"pushed" * 1000)
    if path == "/empty":
        conn.send_headers(stream_id, [(":status", "204")], end_stream=True)
        return
    conn.send_headers(stream_id, [(":status", "200"), ("x-path", path)])
    if path == "/never":
        return
    body = peer.stream(stream_id).body or f"body of {path}".encode()
    peer.send_body(stream_id, body, [("x-trailer", path)] if path == "/trailers" else None)


def serve() -> None:
    """Serve one connection until the client disconnects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        sock, _ = listener.accept()
    with sock:
        sock.settimeout(TIMEOUT)
        peer = Peer(sock, client_side=False)
        while peer.open:
            resets = set()
            events = peer.step()
            for event in events:
                if isinstance(event, h2.events.StreamReset):
                    resets.add(event.stream_id)
                    peer.unsent.pop(event.stream_id, None)
            for event in events:
                if isinstance(event, h2.events.StreamEnded) and event.stream_id not in resets:
                    path = dict(peer.stream(event.stream_id).headers)[":path"]
                    answer(peer, event.stream_id, path)
    goaways = [
        [event.last_stream_id, int(event.error_code), (event.additional_data or b"").decode()]
        for event in peer.seen(h2.events.ConnectionTerminated)
    ]
    print(json.dumps({"version": h2.__version__, "streams": peer.report(), "goaway": goaways}))


# --- the client: one function for each scenario, which returns what only the client knows ---


def ask(peer: Peer, fields: list[tuple[str, str]], body: bytes = b"") -> int:
    """Send a request; return its stream."""
    stream_id = peer.conn.get_next_available_stream_id()
    peer.stream(stream_id)
    peer.conn.send_headers(stream_id, fields, end_stream=not body)
    if body:
        peer.send_body(stream_id, body)
    return stream_id


def changes_of(event: Any) -> list[list[int]]:
    """The content of a settings event: code, old value, new value."""
    return sorted(
        [int(code), changed.original_value, changed.new_value]
        for code, changed in event.changed_settings.items()
    )


def finish(peer: Peer) -> None:
    """Wait for the end of every stream."""
    peer.until(lambda: all(stream.end for stream in peer.streams.values()))


def get(peer: Peer) -> Any:
    ask(peer, request("GET", "/hello", ("authorization", "secret"), ("cookie", "a=1")))
    ask(peer, request("GET", "/empty"))
    ask(peer, request("GET", "/hello", ("authorization", "secret"), ("cookie", "a=1")))
    finish(peer)


def post(peer: Peer) -> Any:
    ask(peer, request("POST", "/echo", ("content-length", str(len(BIG)))), BIG)
    finish(peer)


def trailers(peer: Peer) -> Any:
    stream_id = ask(peer, request("POST", "/trailers"), b"unsent")
    peer.send_body(stream_id, b"with trailers", [("x-checksum", "17")])
    finish(peer)


def informational(peer: Peer) -> Any:
    ask(peer, request("GET", "/informational"))
    finish(peer)


def push(peer: Peer) -> Any:
    ask(peer, request("GET", "/push"))
    finish(peer)


def no_push(peer: Peer) -> Any:
    peer.conn.update_settings({SettingCodes.ENABLE_PUSH: 0})
    peer.until(lambda: len(peer.seen(h2.events.SettingsAcknowledged)) == 2)
    ask(peer, request("GET", "/push"))
    finish(peer)


def resets(peer: Peer) -> Any:
    ask(peer, request("GET", "/reset"))
    finish(peer)
    # In the middle of the response, right after the request, and in the middle of a body.
    never = ask(peer, request("GET", "/never"))
    peer.until(lambda: bool(peer.stream(never).headers))
    peer.conn.reset_stream(never, h2.errors.ErrorCodes.CANCEL)
    at_once = ask(peer, request("GET", "/at-once"))
    peer.conn.reset_stream(at_once, h2.errors.ErrorCodes.REFUSED_STREAM)
    half = ask(peer, request("POST", "/half"), BIG)
    peer.flush()
    del peer.unsent[half]
    peer.conn.reset_stream(half, h2.errors.ErrorCodes.NO_ERROR)
    for stream_id in (never, at_once, half):
        peer.stream(stream_id).end = "reset here"
    # Compression and the windows of the connection still work.
    ask(peer, request("POST", "/after"), BIG)
    finish(peer)


def pings(peer: Peer) -> Any:
    payloads = [f"ping {n:03}".encode() for n in range(5)]
    for payload in payloads:
        peer.conn.ping(payload)
    peer.until(lambda: len(peer.seen(h2.events.PingAckReceived)) == len(payloads))
    return [event.ping_data.decode() for event in peer.seen(h2.events.PingAckReceived)]


def settings(peer: Peer) -> Any:
    peer.until(lambda: len(peer.seen(h2.events.SettingsAcknowledged)) == 1)
    changes: list[dict[SettingCodes | int, int]] = [
        {SettingCodes.INITIAL_WINDOW_SIZE: 100, SettingCodes.HEADER_TABLE_SIZE: 0},
        {SettingCodes.INITIAL_WINDOW_SIZE: 200_000, SettingCodes.MAX_FRAME_SIZE: 100_000},
        {SettingCodes.HEADER_TABLE_SIZE: 8192, SettingCodes.MAX_CONCURRENT_STREAMS: 7},
    ]
    acknowledged = []
    for number, change in enumerate(changes):
        # The change is in flight while a body is echoed under the old values.
        ask(peer, request("POST", f"/echo{number}", ("x-n", str(number))), BIG[:300_000])
        peer.conn.update_settings(change)
        finish(peer)
        acknowledged.append(changes_of(peer.seen(h2.events.SettingsAcknowledged)[-1]))
    return acknowledged


def remote_settings(peer: Peer) -> Any:
    for number in range(2):
        ask(peer, request("POST", f"/settings{number}", ("x-n", str(number))), BIG[:300_000])
        finish(peer)
    return [changes_of(event) for event in peer.seen(h2.events.RemoteSettingsChanged)[1:]]


def concurrent(peer: Peer) -> Any:
    for number in range(10):
        ask(peer, request("POST", f"/echo{number}"), BIG[number : number + 200_000])
    finish(peer)


def goaway(peer: Peer) -> Any:
    ask(peer, request("GET", "/hello"))
    finish(peer)
    peer.conn.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, b"enough")
    peer.flush()


SCENARIOS: list[Callable[[Peer], Any]] = [
    get,
    post,
    trailers,
    informational,
    push,
    no_push,
    resets,
    pings,
    settings,
    remote_settings,
    concurrent,
    goaway,
]


def visit(port: int, name: str) -> None:
    """Play a scenario."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock:
        peer = Peer(sock, client_side=True)
        (scenario,) = (scenario for scenario in SCENARIOS if scenario.__name__ == name)
        facts = scenario(peer)
        peer.flush()
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass  # the server closes when it has read everything
    print(json.dumps({"version": h2.__version__, "streams": peer.report(), "facts": facts}))


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        visit(int(sys.argv[2]), sys.argv[3])
