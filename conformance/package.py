"""An endpoint in memory: a package with the API of h2, and a minimal application.

The package is not used to create or parse what the suite sends and judges.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.case import Case, Need
from conformance.peer import Link, Role

RESPONSE_SIZE = 100_000
UPLOAD_SIZE = 100_000
_ENABLE_PUSH = 2


class UnusableError(Exception):
    """The package is missing, or does not support what was requested."""


@dataclass(frozen=True)
class Package:
    """An imported package, and the mode of its connections."""

    name: str
    connection: Callable[..., Any]
    config: Callable[..., Any]
    error: type[Exception]
    strict: bool

    def open(self, case: Case, role: Role) -> Link:
        """A new connection with an application."""
        options: dict[str, object] = {"client_side": role is Role.CLIENT}
        if self.strict:
            options["strict"] = True
        conn = self.connection(config=self.config(**options))
        if role is Role.SERVER:
            return Server(conn, self.error)
        return Client(conn, self.error, case.needs)


def load(name: str, strict: bool) -> Package:
    """Import the package; raises `UnusableError`."""
    try:
        connection = importlib.import_module(f"{name}.connection").H2Connection
        config = importlib.import_module(f"{name}.config").H2Configuration
        error = importlib.import_module(f"{name}.exceptions").H2Error
    except (ImportError, AttributeError) as problem:
        raise UnusableError(f"{name} has not the API of h2: {problem}") from None
    if strict:
        try:
            config(strict=True)
        except TypeError:
            raise UnusableError(f"{name} has no strict mode") from None
    return Package(name, connection, config, error, strict)


class _Endpoint:
    """A connection of the package that receives octets."""

    instant = True

    def __init__(self, conn: Any, error: type[Exception]) -> None:
        self.crash = ""
        self._conn = conn
        self._error = error
        self._over = False
        self._content: dict[int, int] = {}  # what has yet to be sent, by stream
        conn.initiate_connection()

    def send(self, octets: bytes) -> None:
        """Let the endpoint receive octets."""
        if self._over:
            return
        try:
            events = self._conn.receive_data(octets)
        except self._error as error:
            self._over = True
            events = getattr(error, "events", [])
        except Exception as error:
            self._over = True
            self.crash = f"receive_data raised {type(error).__name__}: {error}"
            return
        for event in events:
            try:
                self._handle(event, type(event).__name__)
            except self._error:
                continue  # what the application wants to do is no longer possible

    def receive(self, seconds: float) -> bytes | None:
        """Return the output of the endpoint."""
        octets: bytes = self._conn.data_to_send()
        return None if self._over and not octets else octets

    def close(self) -> None:
        """Do nothing: there is no socket to close."""

    def _handle(self, event: Any, name: str) -> None:
        if name == "DataReceived" and event.flow_controlled_length:
            self._conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif name == "StreamReset":
            self._content.pop(event.stream_id, None)
        elif name in ("WindowUpdated", "RemoteSettingsChanged"):
            for stream_id in list(self._content):
                self._go_on(stream_id)

    def _go_on(self, stream_id: int) -> None:
        """Send as much of the content as fits."""
        left = self._content[stream_id]
        while left:
            room = self._conn.local_flow_control_window(stream_id)
            size = min(left, room, self._conn.max_outbound_frame_size)
            if size <= 0:
                break
            left -= size
            self._content[stream_id] = left
            self._conn.send_data(stream_id, b"x" * size, end_stream=not left)
        if not left:
            del self._content[stream_id]


class Server(_Endpoint):
    """Answers each request with 100,000 octets; CONNECT becomes a tunnel."""

    def _handle(self, event: Any, name: str) -> None:
        super()._handle(event, name)
        if name == "RequestReceived":
            fields = {_octets(field[0]): _octets(field[1]) for field in event.headers}
            if fields.get(b":method") == b"CONNECT":
                self._conn.send_headers(event.stream_id, [(":status", "200")])
        elif name == "StreamEnded":
            length = ("content-length", str(RESPONSE_SIZE))
            self._conn.send_headers(event.stream_id, [(":status", "200"), length])
            self._content[event.stream_id] = RESPONSE_SIZE
            self._go_on(event.stream_id)


def _octets(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


class Client(_Endpoint):
    """Sends one request."""

    def __init__(self, conn: Any, error: type[Exception], needs: Need | None) -> None:
        super().__init__(conn, error)
        if needs is Need.NO_PUSH:
            conn.update_settings({_ENABLE_PUSH: 0})
        uploads = needs is Need.UPLOAD
        fields = [
            (":method", "POST" if uploads else "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/"),
        ]
        conn.send_headers(1, fields, end_stream=not uploads)
        if uploads:
            self._content[1] = UPLOAD_SIZE
            self._go_on(1)
