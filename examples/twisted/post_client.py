"""A client on Twisted that posts a file under flow control and prints the response's content.

Start it from the root of the checkout; without --authority it uses the system's CA certificates:

    python -m examples.twisted.post_client https://www.example.com/ README.md

The file is sent a piece at a time, and only while there is room in the windows of the stream and of
the connection, which the server opens, and in the transport. Content that arrives is acknowledged
after it is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import SplitResult

from twisted.internet import task

from examples.common.files import SizedFile
from examples.twisted.request import Request, client_options, make
from h2.errors import ErrorCodes

PIECE = 16_384  # octets read from the file at a time: a DATA frame of the usual maximum size


class PostRequest(Request):
    """A request with the content of a file."""

    def __init__(self, url: SplitResult, file: SizedFile, output: BinaryIO) -> None:
        super().__init__(url, "POST")
        self.file = file
        self.output = output  # where the response's content goes
        self.uploaded = False

    def send_request(self, fields: list[tuple[str, str]]) -> None:
        """Send the header section, which says how long the file is."""
        more = [
            ("content-type", "application/octet-stream"),
            ("content-length", str(self.file.left)),
        ]
        self.conn.send_headers(self.stream_id, fields + more, end_stream=not self.file.left)

    def read(self) -> None:
        """Print content that has arrived."""
        data = memoryview(self.conn.read_data(self.stream_id))
        try:
            while data:
                data = data[self.output.write(data) :]
        except OSError as error:
            self.fail(f"cannot write: {error}")

    def write(self) -> None:
        """Send as much of the file as the server and the transport have room for."""
        while self.file.left and not self.full and self.conn.is_writable(self.stream_id):
            try:
                piece = self.file.read(PIECE)
            except OSError as error:
                self.conn.reset_stream(self.stream_id, ErrorCodes.CANCEL)
                self.fail(str(error))
                return
            self.conn.send_data(self.stream_id, piece, end_stream=not self.file.left)
            self.flush()
        if not (self.file.left or self.conn.send_buffer_size(self.stream_id)):
            self.uploaded = True


def regular_file(path: str) -> SizedFile:
    """Open the file that the command line names."""
    if not Path(path).is_file():  # a pipe has no length
        raise argparse.ArgumentTypeError(f"{path} is not a file")
    try:
        return SizedFile(Path(path))
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def run(reactor: Any, args: argparse.Namespace) -> None:
    """Make the request and show its response."""
    # Without a buffer: what has been written is written, and nothing is left to fail at the end.
    with args.file, open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as output:
        request = PostRequest(args.url, args.file, output)
        await make(reactor, request, args.authority)
    status = dict(request.fields)[b":status"].decode()
    if not status.startswith("2"):
        raise SystemExit(f"{args.url.geturl()}: status {status}")


def main() -> None:
    """Read the command line and make the request."""
    parser = client_options(__doc__)
    parser.add_argument("file", type=regular_file, metavar="FILE")
    task.react(run, [parser.parse_args()])


if __name__ == "__main__":
    main()
