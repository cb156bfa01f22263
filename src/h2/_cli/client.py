"""The client's end of a connection: any number of requests, and the responses to them."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import h2.events
import h2.exceptions
from h2._cli.channel import PIECE, Channel
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.request import Fields
from h2._cli.text import named, other_protocol, printable, reason
from h2._cli.transfer import Transfer
from h2._cli.url import Url
from h2.errors import ErrorCodes

_REFUSED: Final = "it was not processed and can be retried"
#: Content stops well below this. Anything beyond it consists of answers to PING and SETTINGS.
_MOST_UNSENT: Final = 1024 * 1024
#: The most concurrent requests, even if the server allows more.
_AT_ONCE: Final = 100
_SHOWN_OCTETS: Final = 200  # of what a server says that is not HTTP/2
_MOMENT: Final = 0.5  # seconds


class Client:
    """Carries out transfers over one connection.

    :param through: called with each transfer that is done, or needs another connection
    :param padding: octets of padding in each DATA frame
    """

    def __init__(
        self,
        channel: Channel,
        deadline: Deadline,
        url: Url,
        through: Callable[[Transfer], None],
        padding: int | None,
    ) -> None:
        self.elsewhere: list[Transfer] = []  # those that need another connection
        self._channel = channel
        self._conn = channel.conn
        self._deadline = deadline
        self._url = url
        self._through = through
        self._padding = padding
        self._waiting: deque[Transfer] = deque()
        self._active: dict[int, Transfer] = {}
        self._limit = 1  # of concurrent requests; the server's is known once its SETTINGS arrive
        self._finished = False  # whether a response is complete
        self._first_octets = b""
        self._goodbye = ""  # what the server's GOAWAY said
        self._send_error = ""
        self._broken = False  # whether the server has violated the protocol; GOAWAY reports it

    def run(self, transfers: list[Transfer]) -> None:
        """Send the requests, and pass on the responses as they arrive.

        Raises Failure if the connection fails; before that, transfers may fail separately.
        """
        self._waiting.extend(transfers)
        try:
            while self._waiting or self._active:
                self._open_more()
                if self._active:
                    self._step()
        finally:
            self._leave()

    def _open_more(self) -> None:
        """Send as many requests as the server allows."""
        while self._waiting and (len(self._active) < self._limit or not self._active):
            transfer = self._waiting.popleft()
            try:
                self._open(transfer)
            except Failure as failure:
                self._fail(transfer, failure)

    def _open(self, transfer: Transfer) -> None:
        transfer.stream_id = stream_id = self._conn.get_next_available_stream_id()
        trailers: Fields = [] if transfer.uploading else transfer.trailers
        try:
            end_stream = not (transfer.uploading or trailers)
            self._conn.send_headers(stream_id, transfer.head, end_stream=end_stream)
            self._active[stream_id] = transfer
            if trailers:
                self._conn.send_headers(stream_id, trailers, end_stream=True)
        except h2.exceptions.ProtocolError as error:
            text = f"The request cannot be sent over HTTP/2: {error}"
            raise Failure(Status.USAGE, text) from None
        transfer.times.sent = time.monotonic() - transfer.times.began

    def _leave(self) -> None:
        """Send GOAWAY, unless it was sent because of the server's error."""
        if not self._broken:
            for stream_id in self._active:
                self._cancel(stream_id)
            self._conn.close_connection()
        self._flush()
        if self._channel.log is not None:
            self._channel.log.finish()

    def _cancel(self, stream_id: int) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._conn.reset_stream(stream_id, ErrorCodes.CANCEL)

    def _step(self) -> None:
        # Flushing comes last in both branches: whatever is left then has to wait for the socket.
        self._flush()
        if self._channel.pending > _MOST_UNSENT:
            raise Failure(Status.SEND, "The server keeps requesting answers without reading them")
        for transfer in list(self._active.values()):
            try:
                self._upload(transfer)
            except Failure as failure:
                self._fail(transfer, failure)
        try:
            data = self._channel.receive()
        except OSError as error:
            if text := self._channel.explain(error):
                raise Failure(Status.TLS, text) from None
            self._explain_end()
            text = f"Failed to receive: {reason(error)}{self._hint()}"
            raise Failure(Status.RECEIVE, text) from None
        if data is None:
            if self._active:
                self._wait()
        elif data:
            self._handle(data)
        else:
            self._hung_up()

    # The requests.

    def _upload(self, transfer: Transfer) -> None:
        """Send as much content as the server and the socket accept."""
        stream_id = transfer.stream_id
        padding = self._padding
        while transfer.uploading and not self._channel.full and not self._send_error:
            window = self._conn.local_flow_control_window(stream_id)
            room = min(window, PIECE, self._conn.max_outbound_frame_size)
            if padding is not None:
                room -= padding + 1
            if room <= 0 or not (transfer.hungry is None or transfer.source_ready):
                return
            data = transfer.read(room)
            trailers: Fields = [] if transfer.uploading else transfer.trailers
            end_stream = not (transfer.uploading or trailers)
            self._conn.send_data(stream_id, data, end_stream, pad_length=padding)
            if trailers:
                self._conn.send_headers(stream_id, trailers, end_stream=True)
            self._flush()

    def _flush(self) -> None:
        """Write what is pending; if that fails, the server may have sent the reason."""
        try:
            if not self._send_error:
                self._channel.flush()
        except OSError as error:
            self._send_error = reason(error)

    def _wait(self) -> None:
        """Wait until there is something to do."""
        readers: list[socket.socket | int] = [self._channel.sock]
        hungry = {}
        for stream_id, transfer in self._active.items():
            descriptor = transfer.hungry
            if descriptor is not None and self._conn.local_flow_control_window(stream_id) > 0:
                hungry[descriptor] = transfer
        writers = [self._channel.sock] if self._channel.blocked else []
        ready, _, _ = select.select([*readers, *hungry], writers, [], self._deadline.left())
        for descriptor, transfer in hungry.items():
            transfer.source_ready = descriptor in ready

    # The responses.

    def _handle(self, data: bytes) -> None:
        self._first_octets = (self._first_octets + data)[:_SHOWN_OCTETS]
        fault: h2.exceptions.ProtocolError | None = None
        try:
            events = self._conn.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            events = list(error.events)
            fault = error
            self._broken = True
        for event in events:
            self._act(event)
        if fault is not None and self._active:
            text = other_protocol(self._first_octets, self._url.scheme)
            if text is not None:
                self._read_line()
                text = other_protocol(self._first_octets, self._url.scheme)
            raise Failure(Status.HTTP2, text or f"Error in the HTTP/2 framing layer: {fault}")
        for transfer in self._active.values():
            transfer.show_progress()

    @property
    def _line_is_cut(self) -> bool:
        return b"\n" not in self._first_octets and len(self._first_octets) < _SHOWN_OCTETS

    def _read_line(self) -> None:
        """Wait briefly for the rest of the first line of what is not HTTP/2, to show it."""
        limit = Deadline(_MOMENT, "The first line")
        with contextlib.suppress(OSError, Failure):
            data: bytes | None = None
            while data != b"" and self._line_is_cut:
                select.select([self._channel.sock], [], [], limit.left())
                data = self._channel.receive()
                self._first_octets += data or b""

    def _act(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self._limit = min(_AT_ONCE, self._conn.remote_settings.max_concurrent_streams)
        if isinstance(event, h2.events.ConnectionTerminated):
            self._went_away(event)
        transfer = self._active.get(getattr(event, "stream_id", None) or 0)
        if transfer is None:
            return
        try:
            self._act_on(transfer, event)
        except Failure as failure:
            self._fail(transfer, failure)

    def _act_on(self, transfer: Transfer, event: h2.events.Event) -> None:
        match event:
            case h2.events.InformationalResponseReceived() | h2.events.TrailersReceived():
                transfer.show(event.headers)
            case h2.events.ResponseReceived():
                transfer.times.first = time.monotonic() - transfer.times.began
                if not transfer.begin(event.headers):
                    self._redirect(transfer)
            case h2.events.DataReceived():
                transfer.take(event.data)
                self._acknowledge(transfer, event.flow_controlled_length)
            case h2.events.StreamEnded():
                transfer.finish()
                self._finished = True
                self._end(transfer)
            case h2.events.StreamReset():
                raise _reset(event)

    def _acknowledge(self, transfer: Transfer, length: int) -> None:
        """Acknowledge content, unless it could not be written yet.

        The connection window gets it back even then, so that other streams need not wait.
        """
        # Nothing can be sent on a failed connection.
        with contextlib.suppress(h2.exceptions.ProtocolError):
            if not transfer.sink.held:
                self._conn.acknowledge_received_data(length, transfer.stream_id)
            elif length:
                transfer.owed += length
                self._conn.increment_flow_control_window(length)

    def _redirect(self, transfer: Transfer) -> None:
        """Cancel the response, and follow the redirect."""
        self._cancel(transfer.stream_id)
        del self._active[transfer.stream_id]
        transfer.follow()
        if transfer.request.url.origin == self._url.origin:
            self._waiting.append(transfer)
        else:
            self.elsewhere.append(transfer)
            self._hand_on(transfer)

    def _fail(self, transfer: Transfer, failure: Failure) -> None:
        transfer.fail(failure)
        if transfer.stream_id in self._active:
            self._cancel(transfer.stream_id)
        self._end(transfer)

    def _end(self, transfer: Transfer) -> None:
        """Finish a transfer, which lets others write."""
        if transfer.uploading and transfer.failure is None:
            self._cancel(transfer.stream_id)  # the server does not want the rest of the content
        self._active.pop(transfer.stream_id, None)
        transfer.times.done = time.monotonic() - transfer.times.began
        transfer.show_progress()
        self._hand_on(transfer)

    def _hand_on(self, transfer: Transfer) -> None:
        """Let other transfers write, and acknowledge what they have held back."""
        self._through(transfer)
        for other in self._active.values():
            if other.owed and not other.sink.held:
                with contextlib.suppress(h2.exceptions.ProtocolError):
                    self._conn.increment_flow_control_window(other.owed, other.stream_id)
                other.owed = 0

    def _went_away(self, event: h2.events.ConnectionTerminated) -> None:
        self._goodbye = f"GOAWAY with {named(event.error_code)}"
        if event.additional_data:
            self._goodbye += f" ({printable(event.additional_data)})"
        text = f"The server refused the request, sending {self._goodbye}: {_REFUSED}"
        unprocessed = [self._active[i] for i in event.unprocessed_stream_ids if i in self._active]
        # Requests that were not sent use another connection, if this one got anything done.
        useful = len(self._active) > len(unprocessed) or self._finished
        while self._waiting:
            transfer = self._waiting.popleft()
            if useful:
                self.elsewhere.append(transfer)
                self._hand_on(transfer)
            else:
                unprocessed.append(transfer)
        for transfer in unprocessed:
            self._fail(transfer, Failure(Status.HTTP2, text))

    def _hung_up(self) -> None:
        """Report what is missing, now that the server has closed the connection."""
        begun = [transfer for transfer in self._active.values() if transfer.begun]
        if begun and not self._goodbye:
            missing = "outstanding data"
            if begun[0].expected is not None:
                missing = f"{begun[0].expected - begun[0].received} bytes"
            raise Failure(Status.PARTIAL, f"Transfer closed with {missing} remaining to read")
        self._explain_end()
        if text := other_protocol(self._first_octets, self._url.scheme):
            raise Failure(Status.HTTP2, text)
        raise Failure(Status.EMPTY, f"Empty reply from server{self._hint()}")

    def _explain_end(self) -> None:
        """Raise with the reason for the end of the connection, if a better one is known."""
        if self._goodbye:
            raise Failure(Status.HTTP2, f"The server ended the connection: {self._goodbye}")
        if self._send_error:
            raise Failure(Status.SEND, f"Failed to send: {self._send_error}")

    def _hint(self) -> str:
        """A hint at what may be wrong if the server has not sent anything."""
        if self._first_octets or self._url.scheme == "https":
            return ""
        return "; perhaps it does not speak HTTP/2 without TLS"


def _reset(event: h2.events.StreamReset) -> Failure:
    code = named(event.error_code)
    if not event.remote_reset:
        text = f"The response violates HTTP/2; the stream was reset with {code}"
    elif event.error_code == ErrorCodes.REFUSED_STREAM:
        text = f"The server refused the request ({code}): {_REFUSED}"
    else:
        text = f"HTTP/2 stream {event.stream_id} was not closed cleanly: {code}"
    return Failure(Status.STREAM, text)
