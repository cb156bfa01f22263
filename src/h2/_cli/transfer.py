"""One URL of `get`: its requests, their responses, and where the content goes."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from h2._cli import coding
from h2._cli.content import Progress, Sink, Source
from h2._cli.failure import Failure, Status
from h2._cli.request import REDIRECTS, Fields, Request

if TYPE_CHECKING:
    import argparse


@dataclass
class Times:
    """When things happened, in seconds since the transfer began."""

    began: float = 0.0  # on the clock
    resolved: float | None = None
    connected: float | None = None
    secured: float | None = None
    sent: float | None = None
    first: float | None = None
    done: float | None = None
    address: tuple[str, int] = ("", 0)


class Transfer:
    """The transfer of one URL.

    :param url: the URL as entered by the user
    :param number: how many URLs come before it
    :param progress: whether to show the progress of large content
    """

    def __init__(
        self,
        options: argparse.Namespace,
        request: Request,
        url: str,
        number: int,
        sink: Sink,
        *,
        progress: bool = False,
    ) -> None:
        self.request = request
        self.url = url
        self.number = number
        self.sink = sink
        self.times = Times()
        self.stream_id = 0
        self.source = Source(io.BytesIO(), "no content")
        self.source_ready = False  # whether a source that may block has data
        self.uploading = False
        self.begun = False  # whether the final response has begun
        self.done = False
        self.failure: Failure | None = None
        self.status = 0
        self.fields: Fields = []  # of the response
        self.head: Fields = []  # of the request
        self.trailers: Fields = []
        self.location: str | None = None  # the target of the redirect
        self.redirects = 0
        self.expected: int | None = None  # octets of content
        self.received = 0
        self.sent = 0
        self.owed = 0  # octets held in the sink, not acknowledged to the server yet
        self._options = options
        self._decoder: coding.Gzip | coding.Zstd | None = None
        self._upload_bar = Progress(sys.stderr, "sent") if progress else None
        self._download_bar = None
        if progress and not sink.shown:
            self._download_bar = Progress(sys.stderr, "received")

    # The request.

    def open(self) -> None:
        """Open the content, and build the header section."""
        source = self.request.content()
        self.head = self.request.fields(source)
        self.source = source or Source(io.BytesIO(), "no content")
        self.uploading = not self.source.ended
        self.trailers = self.request.trailers()

    @property
    def hungry(self) -> int | None:
        """The file descriptor to wait for before there is more to send."""
        return self.source.waits if self.uploading else None

    def read(self, room: int) -> bytes:
        """Return the next piece of content."""
        source = self.source
        data = source.read(room)
        self.source_ready = False
        self.uploading = bool(data) and not source.ended
        self.sent = source.taken
        if self._upload_bar is not None:
            self._upload_bar.show(source.taken, source.length, end=not self.uploading)
        return data

    # The response.

    def begin(self, fields: Fields) -> bool:
        """Process the header section of the response; returns whether its content is wanted."""
        values = dict(fields)
        self.begun = True
        self.fields = fields
        self.status = int(values[b":status"])
        self.location = None
        if b"content-length" in values:
            self.expected = int(values[b"content-length"])
        if self._options.fail and self.status >= 400:
            text = f"The requested URL returned error: {self.status}"
            raise Failure(Status.HTTP_ERROR, text)
        if self.status in REDIRECTS and b"location" in values:
            self.location = self.request.url.join(values[b"location"])
        self.show(fields)
        if self._follows:
            return False
        if self._options.compressed:
            self._decoder = coding.decoder(values.get(b"content-encoding", b"").decode("latin-1"))
        self.sink.write(b"")
        return True

    def show(self, fields: Fields) -> None:
        """Show a header section or trailers, if the user wants to see them."""
        if not (self._options.include or self._options.head):
            return
        lines = []
        for name, value in fields:
            lines.append(b"HTTP/2 " + value if name == b":status" else name + b": " + value)
        self.sink.write(b"\r\n".join([*lines, b"", b""]))

    def take(self, data: bytes) -> None:
        """Process content."""
        self.received += len(data)
        if self._decoder is None:
            self.sink.write(data)
            return
        for piece in self._decoder.feed(data):
            self.sink.write(piece)

    def show_progress(self) -> None:
        """Show how much has arrived."""
        if self._download_bar is not None and not self.uploading:
            self._download_bar.show(self.received, self.expected, end=self.done)

    def finish(self) -> None:
        """Note the end of the response."""
        if self._decoder is not None:
            self._decoder.finish()
        self.done = True

    def fail(self, failure: Failure) -> None:
        """Note the failure of the transfer."""
        self.failure = failure
        self.done = True

    @property
    def _follows(self) -> bool:
        return self._options.location and self.location is not None

    def follow(self) -> None:
        """Follow the redirect: another request has to be sent."""
        self.redirects += 1
        if self.redirects > self._options.max_redirs:
            text = f"Maximum ({self._options.max_redirs}) redirects followed"
            raise Failure(Status.REDIRECTS, text)
        self.request.redirect(self.status, self.location or "")
        if self.source.standard_input and self.request.has_content:
            text = "Standard input cannot be sent a second time to follow the redirect"
            raise Failure(Status.REWIND, text)
        self.source.close()
        self.begun = False
        self.expected = None
        self.received = self.sent = 0
        self.open()

    def field(self, name: bytes) -> str:
        """Return the value of a field of the response, empty if it is missing."""
        return dict(self.fields).get(name, b"").decode("utf-8", "backslashreplace")

    def close(self) -> None:
        """Close the files, and end the lines of progress bars."""
        for bar in (self._upload_bar, self._download_bar):
            if bar is not None:
                bar.end()
        self.source.close()
        self.sink.close()
