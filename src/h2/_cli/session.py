"""One client of the server: its connection, its requests and their responses."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hpack.struct import Header

import h2.events
import h2.exceptions
from h2._cli import http1
from h2._cli.channel import PIECE, Channel, NotHttp2
from h2._cli.site import Reply, respond
from h2._cli.text import named, printable
from h2._frames.protocols import protocol_of
from h2.buffered import BufferedH2Connection
from h2.errors import ErrorCodes

IDLE_SECONDS: Final = 60.0  # without an octet in either direction
LINGER_SECONDS: Final = 1.0  # how long a client has to read our last frames
_ENOUGH: Final = 9  # octets that tell HTTP/2 from HTTP/1
_TURNS: Final = 16  # reads and rounds of writing before it is the turn of other clients


class Exchange:
    """A request and, once it has begun, its response."""

    def __init__(self, fields: list[Header]) -> None:
        self.fields = fields
        self.complete = False  # whether the request has arrived in full
        self.reply: Reply | None = None
        self.length = 0  # octets of content in the response
        self.written = 0  # octets of content that were passed to the connection
        self.sent = 0  # octets of content that were sent

    def line(self, note: str = "") -> str:
        """Return its line for the access log, in the Common Log Format."""
        values = dict(self.fields)
        target = values.get(b":path") or values[b":authority"]
        request = f'"{printable(values[b":method"])} {printable(target)} HTTP/2"'
        now = time.strftime("%d/%b/%Y:%H:%M:%S %z")
        status = self.reply.status.value if self.reply else "-"
        return f"- - [{now}] {request} {status} {self.sent}{note}"


class Connection(BufferedH2Connection):
    """A connection that buffers one piece of each response: the rest stays in the files."""

    SEND_BUFFER_HIGH = PIECE
    SEND_BUFFER_LOW = PIECE // 2


class Session:
    """Serves one client. `advance()` runs until it would have to wait."""

    def __init__(
        self,
        channel: Channel,
        conn: Connection,
        root: Path,
        client: str,
        tell: Callable[[str], None],
    ) -> None:
        self.channel = channel
        self.closed = False  # whether the session is over
        self._conn = conn
        self._root = root
        self._client = client
        self._tell = tell
        self._exchanges: dict[int, Exchange] = {}
        self._at_end = False  # whether the client has closed its side
        self._named_last = False  # whether the final GOAWAY has been sent
        self._end_at: float | None = None  # when to stop reading, after our last frame
        self._shut = False
        # What the client has sent, until it is known to be HTTP/2: nothing is sent before.
        self._opening: bytes | None = b""

    @property
    def listening(self) -> bool:
        """Whether to read more. While nothing can be written, answers would pile up."""
        return not self._at_end and not self.channel.full

    def advance(self) -> bool:
        """Read, answer and write; returns whether there is more to do without waiting.

        Raises OSError if the client has disconnected.
        """
        if self._opening is not None:
            return self._open()
        for _ in range(_TURNS):
            went_on = self._write()
            data = self.channel.receive() if self.listening else None
            if data is not None:
                self._take(data)
            elif not went_on:
                self._finish_if_through()
                return False
        return True

    def _open(self) -> bool:
        """Find out whether the client speaks HTTP/2; returns whether to continue immediately."""
        try:
            data = self.channel.receive()
        except NotHttp2 as error:
            self._turn_away(str(error), error.answer)
            return True
        if data is None:
            return False
        if not data:  # it has disconnected without sending anything
            self.closed = True
            return False
        self._opening = octets = (self._opening or b"") + data
        if len(octets) < _ENOUGH and b"\n" not in octets:
            return True
        if http1.is_http1(octets):
            self._turn_away(f"speaks HTTP/1: {http1.first_line(octets)}", http1.ANSWER)
            return True
        if protocol_of(octets) == "TLS":
            self._turn_away("speaks TLS on the cleartext port", http1.ANSWER)
            return True
        self._opening = None
        self._conn.initiate_connection()
        self._take(octets)
        return True

    def _turn_away(self, why: str, answer: bytes) -> None:
        """Log a client that does not speak HTTP/2, and answer it if it can understand that."""
        self._opening = None
        self._tell(f"{self._client} {why}")
        self.channel.unsent += answer
        self._end()

    def tick(self, now: float) -> bool:
        """Close an idle client; returns whether it has timed out."""
        if self._end_at is not None:
            self.closed = now >= self._end_at
            return self.closed
        if now - self.channel.last_progress < IDLE_SECONDS:
            return False
        if self._opening is not None:
            self._tell(f"{self._client} timed out")
            self.closed = True
            return True
        self._say_goodbye()
        self._fail("timed out")
        return True

    def leave(self) -> None:
        """Begin a graceful shutdown (RFC 9113 section 6.8): accept no more requests.

        Requests in flight are still answered.
        """
        if self._opening is not None:
            self.closed = True
        elif self._at_end:  # nothing is in flight, and PING would not be answered
            self._say_goodbye()
        elif self._end_at is None:
            self._conn.graceful_shutdown()

    def break_off(self) -> None:
        """Close immediately: the time for a graceful shutdown is over."""
        self._say_goodbye()
        self.drop()
        if self._end_at is None:
            self._end()

    def _say_goodbye(self) -> None:
        """Send GOAWAY with the last request that is answered."""
        if not self._named_last and self._end_at is None:
            self._named_last = True
            self._conn.close_connection()

    def close(self) -> None:
        """Close the socket and all files."""
        self.channel.sock.close()
        for exchange in self._exchanges.values():
            if exchange.reply is not None:
                exchange.reply.close()

    def drop(self) -> None:
        """Drop all exchanges in progress."""
        if self.channel.log is not None:
            self.channel.log.finish()
        for stream_id in list(self._exchanges):
            self._close(stream_id, " (cut off)")

    # In.

    def _take(self, data: bytes) -> None:
        """Process bytes from the client, or the end of its input."""
        if not data:
            self._at_end = True
            self.closed = self._end_at is not None
            return
        if self._end_at is not None:
            return  # read only so that our last frames are not lost with the socket
        try:
            events = self._conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            self._fail(f"protocol error: {error}")  # GOAWAY is pending
            return
        resets = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            self._act(event, resets)

    def _act(self, event: h2.events.Event, resets: set[int]) -> None:
        """Process one event; a request that the same read cancels can no longer be answered."""
        match event:
            case h2.events.RequestReceived() if event.stream_id not in resets:
                self._exchanges[event.stream_id] = Exchange(event.headers)
                if (b":method", b"CONNECT") in event.headers:
                    self._answer(event.stream_id)  # do not wait for the end of a tunnel
                elif (b"expect", b"100-continue") in event.headers:
                    self._conn.send_headers(event.stream_id, [(":status", "100")])
            case h2.events.DataReceived():  # the content of requests is not used
                length = event.flow_controlled_length
                self._conn.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded() if exchange := self._exchanges.get(event.stream_id):
                exchange.complete = True
                if exchange.reply is None and event.stream_id not in resets:
                    self._answer(event.stream_id)
            case h2.events.StreamReset(remote_reset=True):
                self._close(event.stream_id, " (cancelled)")
            case h2.events.StreamReset():
                self._refuse(event)
            case h2.events.ConnectionDrained():
                self._end()

    def _refuse(self, event: h2.events.StreamReset) -> None:
        """Log an invalid request, which the connection has reset."""
        note = f"reset with {named(event.error_code)}"
        if event.stream_id in self._exchanges:
            self._close(event.stream_id, f" ({note})")
        else:
            self._tell(f"{self._client} stream {event.stream_id} {note}")

    # Out.

    def _answer(self, stream_id: int) -> None:
        """Begin the response to a request that is complete."""
        exchange = self._exchanges[stream_id]
        exchange.reply = respond(self._root, exchange.fields)
        exchange.length = exchange.reply.left
        fields = [(":status", str(exchange.reply.status.value)), *exchange.reply.fields.items()]
        self._conn.send_headers(stream_id, fields, end_stream=not exchange.length)
        if not exchange.length:
            self._refuse_rest(stream_id, exchange)
            self._close(stream_id)

    def _write(self) -> bool:
        """Write some of what is most urgent; returns whether anything was written."""
        for stream_id, exchange in list(self._exchanges.items()):
            if exchange.reply is not None:
                self._fill(stream_id, exchange, exchange.reply)
        went_on = self.channel.flush_some()
        for stream_id, exchange in list(self._exchanges.items()):
            exchange.sent = exchange.written - self._conn.send_buffer_size(stream_id)
            if exchange.reply is not None and exchange.sent == exchange.length:
                self._close(stream_id)
        for event in self._conn.events():
            self._act(event, set())
        return went_on

    def _fill(self, stream_id: int, exchange: Exchange, reply: Reply) -> None:
        """Pass the next piece of a response to the connection, if it has sent the previous one."""
        while reply.left and self._conn.is_writable(stream_id):
            data = reply.read(PIECE)
            if not data:  # the file has become shorter, but its old length was announced
                self._conn.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
                self._close(stream_id, " (file changed)")
                return
            self._conn.send_data(stream_id, data, end_stream=not reply.left)
            exchange.written += len(data)
            if not reply.left:
                self._refuse_rest(stream_id, exchange)

    def _refuse_rest(self, stream_id: int, exchange: Exchange) -> None:
        """Tell the client that the rest of its request is not wanted (RFC 9113 section 8.1)."""
        if not exchange.complete:
            self._conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)

    def _close(self, stream_id: int, note: str = "") -> None:
        """Remove an exchange, and write its line to the log."""
        exchange = self._exchanges.pop(stream_id, None)
        if exchange is not None:
            if exchange.reply is not None:
                exchange.reply.close()
            self._tell(f"{self._client} {exchange.line(note)}")

    # The end.

    def _fail(self, why: str) -> None:
        self._tell(f"{self._client} {why}")
        self.drop()
        self._end()

    def _end(self) -> None:
        self._end_at = time.monotonic() + LINGER_SECONDS

    def _finish_if_through(self) -> None:
        """Close the connection if nothing more can be done for this client.

        The client may close its side while its responses are still in progress. By then, whatever
        fits in the windows has been sent.
        """
        if self._end_at is None and self._at_end and not self.channel.unsent:
            self._say_goodbye()
            self.drop()
            self.channel.flush()
            self._end()
        if self._end_at is not None and not self.channel.unsent and not self._shut:
            self._shut = True
            self.channel.end()
            self.closed = self._at_end
