"""One client of a server, without I/O: shared by several servers here.

For servers without a task for each request. A server passes what arrives to `receive()`, and calls
`send()` and sends the result until it is empty. Both also continue the responses.
`BufferedH2Connection` buffers what does not fit in the windows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence

import h2.events
from examples.common.files import Response
from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

PIECE = 16_384  # octets of a response that are produced at a time

Fields = Sequence[tuple[bytes, bytes]]


class Session:
    """The connection to one client, and the responses in progress.

    :param respond: chooses the response to a request with these header fields
    :param grace: how many seconds responses may take when the server stops
    """

    def __init__(self, respond: Callable[[Fields], Response], grace: float) -> None:
        self.respond = respond
        self.conn = BufferedH2Connection(
            H2Configuration(client_side=False), receive_buffering=True, shutdown_timeout=grace
        )
        # A response continues when everything produced so far has been taken.
        self.conn.SEND_BUFFER_HIGH, self.conn.SEND_BUFFER_LOW = 1, 0
        self.responses: dict[int, Response] = {}  # by stream
        self.leaving = False  # whether the client has announced that it sends no more requests
        self.ended = False  # whether only pending output is left
        self.conn.initiate_connection()

    def receive(self, data: bytes) -> None:
        """Process what the client sends."""
        try:
            self._handle(self.conn.receive_data(data))
        except ProtocolError:
            self.ended = True  # GOAWAY is pending, with the reason
            self.end()

    def send(self) -> bytes:
        """Return the next bytes for the client; none if it has to send something first."""
        self.conn.handle_timer(time.monotonic())
        data = self.conn.data_to_send(65_536)
        self._handle(self.conn.events())
        if self.leaving and not self.conn.open_inbound_streams:
            self.end()
        return data or self.conn.data_to_send(65_536)

    def patience(self) -> float:
        """Return the maximum number of seconds until `send()` must be called."""
        due = self.conn.get_timer()
        return 60.0 if due is None else max(0.0, due - time.monotonic())

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8); then `ended` becomes true."""
        self.conn.graceful_shutdown()

    def end(self) -> None:
        """Take no more requests, and drop the responses in progress."""
        for stream_id in list(self.responses):
            self._drop(stream_id)
        if not self.ended:
            self.ended = True
            self.conn.close_connection()

    def _handle(self, events: Iterable[h2.events.Event]) -> None:
        """Process events; those that are not listed need no action."""
        for event in events:
            match event:
                case h2.events.RequestReceived():
                    # One read can contain a request and, after it, the reset that cancels it.
                    with contextlib.suppress(StreamClosedError):
                        self._begin(event.stream_id, event.headers)
                case h2.events.DataAvailable() | h2.events.StreamEnded():
                    self._go_on(event.stream_id)
                case h2.events.StreamWritable():
                    self._go_on(event.stream_id)
                case h2.events.StreamReset():
                    self._drop(event.stream_id)
                case h2.events.ConnectionTerminated():
                    self.leaving = True
                case h2.events.ConnectionDrained():
                    self.ended = True

    def _begin(self, stream_id: int, fields: Fields) -> None:
        """Start the response to a request."""
        response = self.responses[stream_id] = self.respond(fields)
        if not response.echo:
            self.conn.discard_data(stream_id)  # it is not used
        elif (b"expect", b"100-continue") in fields:
            self.conn.send_headers(stream_id, [(":status", "100")])
        ends = not (response.left or response.echo)
        self.conn.send_headers(stream_id, response.headers, end_stream=ends)
        if ends:
            self._drop(stream_id)
        else:
            self._go_on(stream_id)

    def _go_on(self, stream_id: int) -> None:
        """Send more of a response, if there is more and there is room for it."""
        while (response := self.responses.get(stream_id)) and self.conn.is_writable(stream_id):
            try:
                if response.echo:
                    data, ends = self.conn.read_data(stream_id, PIECE), self.conn.at_end(stream_id)
                else:
                    data, ends = response.read(PIECE), not response.left
            except OSError:  # the file is no longer readable, or has become shorter
                self.conn.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
                self._drop(stream_id)
                return
            if not (data or ends):
                return
            self.conn.send_data(stream_id, data, end_stream=ends)
            if ends:
                self._drop(stream_id)

    def _drop(self, stream_id: int) -> None:
        """Forget the response on this stream, if there is one."""
        if response := self.responses.pop(stream_id, None):
            response.close()
