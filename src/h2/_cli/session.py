"""One client of the server: its connection, its requests, and the responses to them."""

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
LINGER_SECONDS: Final = 1.0  # how long a client has to read our last words
_ENOUGH: Final = 9  # octets that tell HTTP/2 from HTTP/1
_TURNS: Final = 16  # reads and rounds of writing, before other clients have their turn


class Exchange:
    """A request, and the response to it once that is under way."""

    def __init__(self, fields: list[Header]) -> None:
        self.fields = fields
        self.complete = False  # whether the request has arrived in full
        self.reply: Reply | None = None
        self.length = 0  # octets of content that the response has
        self.written = 0  # octets of content that the connection has been given
        self.sent = 0  # those that have gone out

    def line(self, note: str = "") -> str:
        """Return what the access log says about it: a line in the Common Log Format."""
        values = dict(self.fields)
        target = values.get(b":path") or values[b":authority"]
        request = f'"{printable(values[b":method"])} {printable(target)} HTTP/2"'
        now = time.strftime("%d/%b/%Y:%H:%M:%S %z")
        status = self.reply.status.value if self.reply else "-"
        return f"- - [{now}] {request} {status} {self.sent}{note}"


class Connection(BufferedH2Connection):
    """A connection that keeps one piece of each response: the rest stays in the files."""

    SEND_BUFFER_HIGH = PIECE
    SEND_BUFFER_LOW = PIECE // 2


class Session:
    """Serves one client. `advance()` goes on until something has to be waited for."""

    def __init__(
        self,
        channel: Channel,
        conn: Connection,
        root: Path,
        client: str,
        tell: Callable[[str], None],
    ) -> None:
        self.channel = channel
        self.closed = False  # whether the socket is of no further use
        self._conn = conn
        self._root = root
        self._client = client
        self._tell = tell
        self._exchanges: dict[int, Exchange] = {}
        self._at_end = False  # whether the client has said its last word
        self._named_last = False  # whether the client knows which request is the last one
        self._end_at: float | None = None  # when we stop to listen, our last word being said
        self._shut = False
        # What the client has said, until it is known that this is HTTP/2: nothing is sent before.
        self._opening: bytes | None = b""

    @property
    def listening(self) -> bool:
        """Whether we take in more. If we did while nothing goes out, answers would pile up."""
        return not self._at_end and not self.channel.full

    def advance(self) -> bool:
        """Read, answer and write; returns whether there is more to do without any waiting.

        Raises OSError if the client has gone.
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
        """Find out whether the client speaks HTTP/2; returns whether to go on at once."""
        try:
            data = self.channel.receive()
        except NotHttp2 as error:
            self._turn_away(str(error), error.answer)
            return True
        if data is None:
            return False
        if not data:  # it has left without a word
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
        """Note a client that does not speak HTTP/2, and tell it so if it understands that."""
        self._opening = None
        self._tell(f"{self._client} {why}")
        self.channel.unsent += answer
        self._end()

    def tick(self, now: float) -> bool:
        """Give up a client that has been silent for too long; returns whether that is so."""
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
        """Begin a graceful shutdown (RFC 9113 section 6.8): ask for no more requests.

        Those that are on their way are still answered.
        """
        if self._opening is not None:
            self.closed = True
        elif self._at_end:  # nothing is on its way, and nobody answers PING
            self._say_goodbye()
        elif self._end_at is None:
            self._conn.graceful_shutdown()

    def break_off(self) -> None:
        """Leave at once: the time for a graceful shutdown is over."""
        self._say_goodbye()
        self.drop()
        if self._end_at is None:
            self._end()

    def _say_goodbye(self) -> None:
        """Name the last request that is answered."""
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
        """Forget all that is under way."""
        if self.channel.log is not None:
            self.channel.log.finish()
        for stream_id in list(self._exchanges):
            self._close(stream_id, " (cut off)")

    # In.

    def _take(self, data: bytes) -> None:
        """Act on bytes of the client, or on their end."""
        if not data:
            self._at_end = True
            self.closed = self._end_at is not None
            return
        if self._end_at is not None:
            return  # read only to keep our last frames from being lost with the socket
        try:
            events = self._conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            self._fail(f"protocol error: {error}")  # GOAWAY is waiting to be sent
            return
        resets = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            self._act(event, resets)

    def _act(self, event: h2.events.Event, resets: set[int]) -> None:
        """Act on one event; a request that the same read cancels cannot be answered any more."""
        match event:
            case h2.events.RequestReceived() if event.stream_id not in resets:
                self._exchanges[event.stream_id] = Exchange(event.headers)
                if (b":method", b"CONNECT") in event.headers:
                    self._answer(event.stream_id)  # the end of a tunnel is not to be waited for
                elif (b"expect", b"100-continue") in event.headers:
                    self._conn.send_headers(event.stream_id, [(":status", "100")])
            case h2.events.DataReceived():  # nobody wants the content of a request here
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
        """Note a request that breaks the rules; the connection has dealt with it."""
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
        """Write some of what is most urgent; returns whether anything went out."""
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
        """Give the connection the next piece of a response, if it has sent the one before."""
        while reply.left and self._conn.is_writable(stream_id):
            data = reply.read(PIECE)
            if not data:  # the file has become shorter, and the client knows its old length
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
        """Forget an exchange, and write its line into the log."""
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
        """End the connection where no more can be done for this client.

        The end of the client's words may come while its responses are still under way. Whatever
        fits the windows then has been sent already.
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
