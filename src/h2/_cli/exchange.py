"""A request and its response."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from typing import Final

import h2.events
import h2.exceptions
from h2._cli.channel import PIECE, Channel
from h2._cli.content import Progress, Sink, Source
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.request import Fields
from h2._cli.text import named, printable, reason
from h2.errors import ErrorCodes

_REFUSED: Final = "nothing was processed, so it may be sent again"
#: Content waits when there is less. What is beyond that are answers: to PING, to SETTINGS.
_MOST_UNSENT: Final = 1024 * 1024


class Exchange:
    """One request, the response to it, and what may go wrong with them.

    :param include: whether the sink gets header sections and trailers, too
    :param fail: whether a status code from 400 on is a failure
    :param progress: whether to show how far large content is
    """

    def __init__(
        self,
        channel: Channel,
        deadline: Deadline,
        sink: Sink,
        source: Source | None,
        *,
        include: bool,
        fail: bool,
        progress: bool,
    ) -> None:
        self._channel = channel
        self._conn = channel.conn
        self._deadline = deadline
        self._sink = sink
        self._source = source
        self._include = include
        self._fail = fail
        self._upload_bar = Progress(sys.stderr, "sent") if progress else None
        self._download_bar = None
        if progress and not sink.shown:
            self._download_bar = Progress(sys.stderr, "received")
        self._stream_id = 0
        self._uploading = source is not None
        self._source_ready = False
        self._begun = False  # whether the final response has begun
        self._done = False
        self._expected: int | None = None  # octets of content
        self._received = 0
        self._goodbye = ""  # what the server said with GOAWAY
        self._send_error = ""
        self._broken = False  # whether the server has broken a rule; GOAWAY tells it so

    def run(self, fields: Fields) -> None:
        """Send the request, and hand on the response as it comes."""
        self._stream_id = self._conn.get_next_available_stream_id()
        self._uploading = self._source is not None and not self._source.ended
        try:
            self._conn.send_headers(self._stream_id, fields, end_stream=not self._uploading)
        except h2.exceptions.ProtocolError as error:
            text = f"This cannot be sent over HTTP/2: {error}"
            raise Failure(Status.USAGE, text) from None
        try:
            while not self._done:
                self._step()
        finally:
            for bar in (self._upload_bar, self._download_bar):
                if bar is not None:
                    bar.end()
            self._leave()

    def _leave(self) -> None:
        """Say goodbye, unless that was said with the fault of the server."""
        if not self._broken:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                if self._uploading:
                    self._conn.reset_stream(self._stream_id, ErrorCodes.CANCEL)
            self._conn.close_connection()
        self._flush()
        if self._channel.log is not None:
            self._channel.log.finish()

    def _step(self) -> None:
        # Flushing comes last in both: whatever is left then has to wait for the socket.
        self._flush()
        if len(self._channel.unsent) > _MOST_UNSENT:
            raise Failure(Status.SEND, "The server goes on asking and does not read the answers")
        self._upload()
        try:
            data = self._channel.receive()
        except OSError as error:
            self._explain_end()
            raise Failure(Status.RECEIVE, f"Failed to receive: {reason(error)}") from None
        if data is None:
            self._wait()
        elif data:
            self._handle(data)
        else:
            self._hung_up()

    # The request.

    def _upload(self) -> None:
        """Send as much content as the server and the socket take."""
        source = self._source
        while source is not None and self._uploading and not self._channel.full:
            window = self._conn.local_flow_control_window(self._stream_id)
            room = min(window, PIECE)
            if room <= 0 or not (source.waits is None or self._source_ready):
                return
            data = source.read(room)
            self._source_ready = False
            self._uploading = bool(data) and not source.ended
            self._conn.send_data(self._stream_id, data, end_stream=not self._uploading)
            self._flush()
            if self._upload_bar is not None:
                self._upload_bar.show(source.taken, source.length, end=not self._uploading)

    def _flush(self) -> None:
        """Write what there is to write; the server may have said why it takes no more."""
        try:
            if not self._send_error:
                self._channel.flush()
        except OSError as error:
            self._send_error = reason(error)
            self._uploading = False

    def _wait(self) -> None:
        """Wait until something can go on."""
        readers: list[socket.socket | int] = [self._channel.sock]
        source = self._source
        hungry = False
        if source is not None and source.waits is not None and self._uploading:
            hungry = self._conn.local_flow_control_window(self._stream_id) > 0
            if hungry:
                readers.append(source.waits)
        writers = [self._channel.sock] if self._channel.blocked else []
        ready, _, _ = select.select(readers, writers, [], self._deadline.left())
        self._source_ready = hungry and source is not None and source.waits in ready

    # The response.

    def _handle(self, data: bytes) -> None:
        fault: h2.exceptions.ProtocolError | None = None
        try:
            events = self._conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            events = list(error.events)
            fault = error
            self._broken = True
        for event in events:
            self._act(event)
        if fault is not None and not self._done:
            text = f"Error in the HTTP/2 framing layer: {fault}"
            if data.startswith(b"HTTP/"):
                text = "The server answers in HTTP/1, it does not speak HTTP/2 here"
            raise Failure(Status.HTTP2, text)
        if self._download_bar is not None and not self._uploading:
            self._download_bar.show(self._received, self._expected, end=self._done)

    def _act(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.InformationalResponseReceived() | h2.events.TrailersReceived():
                self._show_fields(event.headers)
            case h2.events.ResponseReceived():
                self._begin(event.headers)
            case h2.events.DataReceived():
                self._sink.write(event.data)
                self._received += len(event.data)
                # Now there is room for more. Nothing goes out on a connection that has failed.
                with contextlib.suppress(h2.exceptions.ProtocolError):
                    length = event.flow_controlled_length
                    self._conn.acknowledge_received_data(length, event.stream_id)
            case h2.events.StreamEnded():
                self._done = True
            case h2.events.StreamReset() if not self._done:
                self._was_reset(event)
            case h2.events.ConnectionTerminated():
                self._went_away(event)

    def _begin(self, fields: Fields) -> None:
        """Take in the header section of the response."""
        values = dict(fields)
        status = int(values[b":status"])
        self._begun = True
        if b"content-length" in values:
            self._expected = int(values[b"content-length"])
        if self._fail and status >= 400:
            raise Failure(Status.HTTP_ERROR, f"The requested URL returned error: {status}")
        self._show_fields(fields)
        self._sink.write(b"")

    def _show_fields(self, fields: Fields) -> None:
        if not self._include:
            return
        lines = []
        for name, value in fields:
            lines.append(b"HTTP/2 " + value if name == b":status" else name + b": " + value)
        self._sink.write(b"\r\n".join([*lines, b"", b""]))

    def _was_reset(self, event: h2.events.StreamReset) -> None:
        code = named(event.error_code)
        if not event.remote_reset:
            text = f"The response breaks the rules of HTTP/2: reset with {code}"
        elif event.error_code == ErrorCodes.REFUSED_STREAM:
            text = f"The server refused the request ({code}): {_REFUSED}"
        else:
            text = f"HTTP/2 stream {event.stream_id} was not closed cleanly: {code}"
        raise Failure(Status.STREAM, text)

    def _went_away(self, event: h2.events.ConnectionTerminated) -> None:
        self._goodbye = f"GOAWAY with {named(event.error_code)}"
        if event.additional_data:
            self._goodbye += f" ({printable(event.additional_data)})"
        if self._stream_id in event.unprocessed_stream_ids:
            text = f"The server refused the request by {self._goodbye}: {_REFUSED}"
            raise Failure(Status.HTTP2, text)

    def _hung_up(self) -> None:
        """Say what is missing, now that the server has closed the connection."""
        if self._begun and not self._goodbye:
            missing = "outstanding data"
            if self._expected is not None:
                missing = f"{self._expected - self._received} bytes"
            raise Failure(Status.PARTIAL, f"Transfer closed with {missing} remaining to read")
        self._explain_end()
        raise Failure(Status.EMPTY, "Empty reply from server")

    def _explain_end(self) -> None:
        """Name the reason for the end of the connection, where something else is known to be it."""
        if self._goodbye:
            raise Failure(Status.HTTP2, f"The server ended the connection: {self._goodbye}")
        if self._send_error:
            raise Failure(Status.SEND, f"Failed to send: {self._send_error}")
