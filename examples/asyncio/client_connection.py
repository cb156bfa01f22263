"""One connection of the asyncio client: its requests wait in line, go out, and get a response.

A `Connection` is an `asyncio.Protocol`: bytes in, events to the responses, bytes out. A `Response`
is there from the moment when somebody asks for it. All work is done in calls that do not wait, but
for three places: a request waits for its response, a reader for content, and a task that sends
content waits for its iterator or for room. Each of them can be cancelled at any time.

What bounds what: content that nobody has read is bounded by the flow-control windows, because it is
acknowledged when it is taken out of the response. Content that we send waits for the window and for
the transport, which calls `pause_writing()` above its high-water mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from typing import cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from examples.common.transport import close
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

STREAM_WINDOW = 256 * 1024  # octets of content that may wait to be read, for each response
MAX_HEADER_LIST = 64 * 1024  # octets of a response's header section
MAX_UNSENT = 1024 * 1024  # octets that a server may leave unread before we hang up

Fields = Sequence[tuple[str, str]]
Content = bytes | AsyncIterable[bytes]


class RequestError(Exception):
    """A request failed."""


class NotProcessedError(RequestError):
    """A request failed, and the server has not acted on it: it is safe to send it again.

    :param sent: whether any of it was sent
    :param counts: whether this is an attempt in vain: the server refused this very request, or it
        took none at all on this connection. If it took others, these bring the client on.
    """

    def __init__(self, reason: str, *, sent: bool, counts: bool) -> None:
        super().__init__(reason)
        self.sent = sent
        self.counts = counts


class LostError(RequestError):
    """The connection was lost before the response began: the server may have acted on it."""


class Response:
    """A response, and the request that it belongs to.

    :ivar status: the status code
    :ivar headers: the header section, without pseudo-header fields
    :ivar trailers: the trailer section, once the content has been read to its end
    """

    def __init__(self, connection: Connection, fields: Fields, content: Content) -> None:
        self.connection = connection
        self.fields = fields
        self.content = content
        self.status = 0
        self.headers: Fields = ()
        self.trailers: Fields = ()
        self.id = 0  # until it is sent
        self.received: deque[tuple[bytes, int]] = deque()  # content, and its size in the windows
        self.complete = False  # the response has arrived in full
        self.sent = False  # the request has been sent in full
        self.error: Exception | None = None
        self.wake = asyncio.Event()
        self.upload: asyncio.Task[None] | None = None
        self.producing = False  # whether the program that uses us has to say what follows
        self.moved = time.monotonic()  # when something last came in or went out
        self.timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what has not been read; cancel what has not ended."""
        while self.received:
            self.take()
        self.connection.abandon(self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Take the content piece by piece, until its end."""
        try:
            while self.received or not self.complete:
                if self.received:
                    yield self.take()
                else:
                    await self.changed()
        finally:
            self.close()

    async def read(self) -> bytes:
        """Take all the content."""
        return b"".join([piece async for piece in self])

    # What belongs to the inside.

    async def changed(self) -> None:
        """Wait until something happens; raise if that is a failure."""
        if self.error is None:
            self.wake.clear()
            await self.wake.wait()
        if self.error is not None:
            raise self.error

    def take(self) -> bytes:
        """Take the next piece out, and let the server send more in its place."""
        data, length = self.received.popleft()
        self.connection.h2.acknowledge_received_data(length, self.id)
        self.connection.flush()
        self.moved = time.monotonic()
        return data

    def begin(self, has_content: bool) -> None:
        """Go on after the header section of the request has been sent."""
        self.sent = not has_content
        if has_content:
            self.upload = asyncio.create_task(self.send())
        self.moved = time.monotonic()

    def stop(self) -> None:
        """Do nothing more; what has arrived may still be read."""
        if self.timer:
            self.timer.cancel()
        if self.upload and self.upload is not asyncio.current_task():
            self.upload.cancel()

    async def send(self) -> None:
        """Send the content of the request, at the pace of the server. Runs as a task."""
        content = whole(self.content) if isinstance(self.content, bytes) else self.content
        pieces = aiter(content)
        try:
            self.producing = True
            async for piece in pieces:
                await self.send_piece(piece)
            self.producing = False
            self.connection.end(self)
        except Exception as error:  # of the iterator: whoever waits for the response gets it
            self.connection.fail(self, error)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def send_piece(self, piece: bytes) -> None:
        """Send some content as the windows and the transport have room for it."""
        rest = memoryview(piece)
        while rest:
            while not (size := min(len(rest), self.connection.room(self))):
                self.producing = False
                await self.changed()
                self.producing = True
            self.connection.h2.send_data(self.id, rest[:size])
            self.connection.flush()
            self.moved = time.monotonic()
            rest = rest[size:]

    def watch(self) -> None:
        """Fail if the server has left us waiting for too long; else look again when it may have."""
        now, timeout = time.monotonic(), self.connection.timeout
        if self.received or self.producing or (not self.id and self.connection.active):
            self.moved = now  # the server waits for us, or we for the end of other requests
        if now >= self.moved + timeout:
            self.connection.fail(self, RequestError(f"nothing moved for {timeout:g} seconds"))
        elif self.error is None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(self.moved + timeout - now, self.watch)


async def whole(content: bytes) -> AsyncIterator[bytes]:
    """Iterate over octets that are there at once."""
    yield content


class Connection(asyncio.Protocol):
    """One connection to a server."""

    def __init__(self, limit: int, timeout: float, connections: set[Connection]) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
        self.h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
            },
        )
        self.limit = limit
        self.timeout = timeout
        self.connections = connections  # it is in there as long as it exists
        self.line: deque[Response] = deque()  # requests that wait to be sent
        self.active: dict[int, Response] = {}  # requests that have been sent and have not ended
        self.served = 0  # how many responses have arrived in full
        self.taken = False  # whether the server may have processed a request
        self.paused = False  # whether the transport has enough to write
        self.draining = False  # whether it takes no more requests
        self.reason = ""  # why it has ended
        self.ready = asyncio.Event()  # set when the settings of the server are there
        self.closed = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    # What the client and its responses call.

    async def request(self, fields: Fields, content: Content) -> Response:
        """Send a request when its turn has come, and wait for the response."""
        if self.draining:
            reason = self.reason or "the server is going away"
            raise NotProcessedError(reason, sent=False, counts=not self.taken)
        response = Response(self, fields, content)
        self.line.append(response)
        self.advance()
        response.watch()
        try:
            while not response.status:
                await response.changed()
        except asyncio.CancelledError:
            response.close()
            raise
        return response

    def room(self, response: Response) -> int:
        """Return how many octets of content can be sent at once now."""
        if self.paused:
            return 0
        window = self.h2.local_flow_control_window(response.id)
        return max(0, min(window, self.h2.max_outbound_frame_size))

    def end(self, response: Response) -> None:
        """End a request whose content has been sent."""
        self.h2.end_stream(response.id)
        self.flush()
        response.sent = True
        self.settle(response)

    def fail(self, response: Response, error: Exception) -> None:
        """End a request with this error."""
        if response.error is None:
            response.error = error
            response.wake.set()
            self.abandon(response)

    def abandon(self, response: Response) -> None:
        """Let go of a request, wherever it is."""
        if not response.id:
            response.stop()
            with contextlib.suppress(ValueError):
                self.line.remove(response)
        elif response.id in self.active:
            with contextlib.suppress(h2.exceptions.ProtocolError):  # where it is closed already
                self.h2.reset_stream(response.id, ErrorCodes.CANCEL)
            self.forget(response)

    def leave(self, reason: str) -> None:
        """End the connection, and everything that is under way on it."""
        if not self.reason:
            self.h2.close_connection()
        self.give_up(reason)
        self.hang_up()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; asyncio has set TCP_NODELAY."""
        self.transport = cast("asyncio.Transport", transport)
        self.connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls and tls.selected_alpn_protocol() != "h2":
            self.give_up("the server does not speak HTTP/2")
            close(self.transport)
            return
        self.h2.initiate_connection()
        # An unread response takes its own part of this window, and no other response waits for it.
        most = self.h2.MAX_WINDOW_INCREMENT - self.h2.inbound_flow_control_window
        self.h2.increment_flow_control_window(min(self.limit * STREAM_WINDOW, most))
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Act on what the server says."""
        violation = None
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            events, violation = list(error.events), error
        for event in events:
            self.handle(event)
        if violation:
            # The GOAWAY frame that tells the server is waiting to be sent.
            self.give_up(f"the server broke the rules: {violation}")
            self.hang_up()
        self.advance()
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            # Content waits when there is less. These are answers: to PING, to SETTINGS.
            self.give_up("the server asks, and does not read the answers")
            self.transport.abort()

    def pause_writing(self) -> None:
        """Stop sending content: the server is slower than we are."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on sending content."""
        self.paused = False
        self.wake_all()

    def connection_lost(self, error: Exception | None) -> None:
        """Give up what is under way: the server has gone."""
        reason = f"the connection was lost: {error}" if error else "the server hung up"
        self.give_up(reason, LostError)
        self.connections.discard(self)
        self.ready.set()
        self.closed.set_result(None)

    # What happens between them.

    def handle(self, event: h2.events.Event) -> None:
        """Act on one event; those that are not listed need no action."""
        response = self.active.get(getattr(event, "stream_id", 0))
        match event:
            case h2.events.ResponseReceived() if response:
                response.status = int(event.headers[0][1])
                response.headers = as_text(event.headers[1:])
            case h2.events.DataReceived() if response and event.data:
                response.received.append((event.data, event.flow_controlled_length))
            case h2.events.DataReceived():
                # Of a request that was given up, or padding alone: nobody is going to take it.
                length = event.flow_controlled_length
                self.h2.acknowledge_received_data(length, event.stream_id)
            case h2.events.TrailersReceived() if response:
                response.trailers = as_text(event.headers)
            case h2.events.StreamEnded() if response:
                self.served += 1
                response.complete = True
                self.settle(response)
            case h2.events.StreamReset() if response:
                self.handle_reset(response, event)
            case h2.events.RemoteSettingsChanged():
                self.ready.set()
                self.wake_all()
            case h2.events.WindowUpdated(stream_id=0):
                self.wake_all()
            case h2.events.ConnectionTerminated():
                self.drain(event.last_stream_id, "the server is going away")
        if response:
            response.moved = time.monotonic()
            response.wake.set()

    def handle_reset(self, response: Response, event: h2.events.StreamReset) -> None:
        """End a request that the server reset, or whose response was malformed."""
        code = event.error_code
        if response.complete:  # the server does not want the rest of the request
            self.forget(response)
        elif not event.remote_reset:
            self.fail(response, RequestError("the response is malformed"))
        elif code == ErrorCodes.REFUSED_STREAM and not response.status:
            reason = "the server refused the request"
            self.fail(response, NotProcessedError(reason, sent=True, counts=True))
        else:
            name = code.name if isinstance(code, ErrorCodes) else code
            self.fail(response, RequestError(f"the server reset the request: {name}"))

    def advance(self) -> None:
        """Send requests that wait, as many as the server and our own limit allow."""
        limit = min(self.limit, self.h2.remote_settings.max_concurrent_streams)
        while self.line and not self.draining and self.h2.open_outbound_streams < limit:
            response = self.line.popleft()
            has_content = response.content != b""
            try:
                stream_id = self.h2.get_next_available_stream_id()
                self.h2.send_headers(stream_id, response.fields, end_stream=not has_content)
            except h2.exceptions.NoAvailableStreamIDError:
                self.line.appendleft(response)
                self.drain(self.h2.HIGHEST_ALLOWED_STREAM_ID, "no stream identifiers are left")
            except (h2.exceptions.ProtocolError, TypeError, ValueError) as error:
                self.fail(response, RequestError(f"the request is malformed: {error}"))
            else:
                response.id = stream_id
                self.active[stream_id] = response
                self.taken = True  # unless GOAWAY says that it was not
                response.begin(has_content)
        self.flush()

    def settle(self, response: Response) -> None:
        """Forget a request if it has ended in both directions."""
        if response.complete and response.sent:
            self.forget(response)

    def forget(self, response: Response) -> None:
        """Do nothing more for a request, and make room for another one."""
        del self.active[response.id]
        response.stop()
        # Later, because GOAWAY may be among the events that we are just acting on.
        asyncio.get_running_loop().call_soon(self.advance)
        if self.draining and not self.active:
            self.hang_up()

    def drain(self, last_stream_id: int, reason: str) -> None:
        """Take no more requests; those above this identifier have not been processed."""
        self.draining = True
        self.taken = self.taken and last_stream_id > 0
        counts = not self.taken
        for response in list(self.active.values()):
            if response.id > last_stream_id:
                self.fail(response, NotProcessedError(reason, sent=True, counts=counts))
        for response in list(self.line):
            self.fail(response, NotProcessedError(reason, sent=False, counts=counts))
        if not self.active:
            self.hang_up()

    def give_up(self, reason: str, kind: type[RequestError] = RequestError) -> None:
        """Fail everything that is under way."""
        self.reason = self.reason or reason
        self.drain(self.h2.HIGHEST_ALLOWED_STREAM_ID, self.reason)
        for response in list(self.active.values()):
            if response.complete:  # only the rest of the request has not gone out
                self.forget(response)
            else:
                self.fail(response, kind(self.reason))

    def hang_up(self) -> None:
        """Close the connection behind what there is to say."""
        self.flush()
        close(self.transport)

    def wake_all(self) -> None:
        """Let all requests look whether there is more room."""
        for response in self.active.values():
            response.wake.set()

    def flush(self) -> None:
        """Write everything that the connection has to say."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)


def as_text(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return fields as text; whatever octets they have, there is a character for each."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
