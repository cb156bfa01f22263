"""A WSGI server for HTTP/2 only: PEP 3333 in worker threads, flow control in both directions.

It runs any WSGI application, named as `module:name`:

    python -m examples.asyncio.wsgi_server tests.examples.applications.flask_app:app
    curl --cacert examples/certificates/authority.pem https://localhost:8443/

Connections and streams are those of `asgi_server.py` next to this file (copy both): they run on the
event loop, and a `Stream` waits for content, for windows, for the transport. A `Gateway` runs the
application in a worker thread. For everything that it needs from its stream it asks the loop and
waits for the answer, so a slow client blocks only its own application, and no locks are needed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import queue
import re
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from email.utils import formatdate
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.util import FileWrapper, is_hop_by_hop

from examples.asyncio.asgi_server import ClientGoneError, Fields, Server, Stream, load
from examples.common.certificate import server_context
from examples.common.options import server_options
from h2.errors import ErrorCodes

FILE_PIECE = 65_536  # how much of a file is read at a time

Result = TypeVar("Result")
Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
Write = Callable[[bytes], None]
Application = Callable[[Environ, Callable[..., Write]], Iterable[bytes]]


class Content(io.RawIOBase):
    """The content of a request as a file; `wsgi.input` is an `io.BufferedReader` of it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def readable(self) -> bool:
        """Return that this file is readable."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for content and read what fits; it is acknowledged then."""
        data = self.gateway.ask(self.gateway.stream.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Gateway:
    """One request and its response, as a WSGI application sees them, in a worker thread."""

    def __init__(self, stream: Stream, application: Application) -> None:
        self.stream = stream
        self.application = application
        self.request = dict(stream.fields)
        self.head: Fields = []  # header section, which waits for the first content
        self.has_content = True  # responses to HEAD, and some others, have none
        self.left: int | None = None  # how much content has yet to follow

    def run(self) -> None:
        """Run the application for the request."""
        try:
            if refusal := self.refusal():
                self.answer(refusal)
            else:
                self.respond(self.environ())
        except BaseException:  # even sys.exit(): a worker has to continue
            # Applications may fail because their client left, which is not their fault.
            if not self.stream.gone:
                traceback.print_exc()
                with contextlib.suppress(ConnectionError):
                    self.fail()

    def respond(self, environ: Environ) -> None:
        """Call the application, send what it returns, and close that whatever happens."""
        result = self.application(environ, self.start_response)
        try:
            for data in result:
                if self.stream.gone:
                    return
                if data:  # without content, the header section stays pending
                    self.send(data[: self.left])
                if self.stream.ended:
                    break
            if self.left:
                raise RuntimeError(f"{self.left} bytes of the announced content-length are missing")
            if not self.stream.ended:
                self.send(b"", end=True)
        finally:
            if hasattr(result, "close"):
                result.close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        """Keep the header section until content comes: the application may still fail cleanly."""
        if exc_info:
            try:
                if self.stream.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame, which refers to it
        elif self.head:
            raise RuntimeError("start_response() was called twice")
        if not re.fullmatch(r"[2-9][0-9]{2} .*", status):
            raise ValueError(f"not the status of a response: {status!r}")
        for name, _ in headers:
            if is_hop_by_hop(name):
                raise ValueError(f"{name} is for the server alone to send")
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        names = dict(fields)
        if b"date" not in names:
            fields.append((b"date", formatdate(usegmt=True).encode()))
        self.head = [(b":status", status[:3].encode()), *fields]
        self.has_content = self.request[b":method"] != b"HEAD" and status[:3] not in {"204", "304"}
        length = names.get(b"content-length")
        self.left = int(length) if length and self.has_content else None
        return self.write

    def write(self, data: bytes) -> None:
        """Send content: the legacy way, for applications that cannot return it piece by piece."""
        if self.left is not None and len(data) > self.left:
            raise RuntimeError("the content is longer than its content-length")
        self.send(data)

    def send(self, data: bytes, end: bool = False) -> None:
        """Send content, and return when client and transport have had room for it."""
        if not self.head:
            raise RuntimeError("the application did not call start_response()")
        if not isinstance(data, bytes):
            raise TypeError(f"content has to be bytes, not {type(data).__name__}")
        if self.left is not None:
            self.left -= len(data)
        self.ask(self.transmit, data, end or self.left == 0)

    async def transmit(self, data: bytes, end: bool) -> None:
        """Send content, on the event loop; the header section is sent before the first piece."""
        if not self.stream.started:
            end_here = not self.has_content or (end and not data)
            self.stream.send_headers(self.head, end=end_here)
        if not self.stream.ended:
            await self.stream.send_data(data, end)

    def ask(self, function: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
        """Let the event loop do something, and wait for the result."""
        if self.stream.gone:  # and possibly the loop as well
            raise ClientGoneError("the client has gone")
        loop = self.stream.connection.loop
        return asyncio.run_coroutine_threadsafe(function(*arguments), loop).result()

    def environ(self) -> Environ:
        """Describe the request. Text is Latin-1: each character stands for an octet."""
        path, _, query = self.request[b":path"].partition(b"?")
        connection = self.stream.connection
        authority = urlsplit(b"//" + self.authority())
        host = (authority.hostname or b"").decode("latin-1") or connection.address[0]
        environ: Environ = {
            "REQUEST_METHOD": self.request[b":method"].decode("latin-1"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_PROTOCOL": "HTTP/2",
            "SERVER_NAME": f"[{host}]" if ":" in host else host,
            "SERVER_PORT": str(authority.port or 443),
            "REMOTE_ADDR": connection.peer[0],
            "REMOTE_PORT": str(connection.peer[1]),
            "HTTP_HOST": self.authority().decode("latin-1"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BufferedReader(Content(self)),
            "wsgi.input_terminated": True,  # it ends even without content-length
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            # The size that applications suggest is small, and each piece takes an iteration of the
            # loop.
            "wsgi.file_wrapper": lambda file, size=0: FileWrapper(file, max(size, FILE_PIECE)),
        }
        for name, value in self.stream.fields:
            # Of x-forwarded-for and x_forwarded_for, a proxy may have checked only the first.
            if name.startswith(b":") or name == b"host" or b"_" in name:
                continue
            key = name.decode("latin-1").upper().replace("-", "_")
            if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                key = f"HTTP_{key}"
            elif key in environ:
                continue  # a joined list would be invalid; h2 only accepts repeated equal lengths
            text = value.decode("latin-1")
            # h2 has already joined cookies in their own way.
            environ[key] = f"{environ[key]}, {text}" if key in environ else text
        return environ

    def authority(self) -> bytes:
        """The authority of the request; h2 rejects requests without one."""
        return self.request.get(b":authority") or self.request[b"host"]

    def refusal(self) -> str | None:
        """The status of the response to a request that is not for an application."""
        path = self.request.get(b":path")
        if path is None:
            return "501 Not Implemented"  # CONNECT
        try:
            _ = urlsplit(b"//" + self.authority()).port
        except ValueError:
            return "400 Bad Request"
        return None if path.startswith(b"/") else "400 Bad Request"

    def fail(self) -> None:
        """Tell the client that the application failed, in whatever way is still possible."""
        if self.stream.started:
            self.ask(self.break_off)
        else:
            self.answer("500 Internal Server Error")

    async def break_off(self) -> None:
        """Reset the stream, on the event loop."""
        self.stream.reset(ErrorCodes.INTERNAL_ERROR)

    def answer(self, status: str) -> None:
        """Answer instead of the application."""
        self.head = []
        self.start_response(status, [("Content-Type", "text/plain")])
        self.send(status.encode() + b"\n", end=True)


class Workers:
    """A fixed number of threads, which do not keep the process alive if an application hangs."""

    def __init__(self, number: int) -> None:
        self.free = asyncio.Semaphore(number)
        self.jobs: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        for _ in range(number):
            threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        """Run one job after the other, in each thread."""
        while True:
            job, done = self.jobs.get()
            if done.set_running_or_notify_cancel():
                job()
                done.set_result(None)

    async def handle(self, stream: Stream, application: Application) -> None:
        """Answer a request as soon as a thread is free, unless the client has given up."""
        stream.waiting = asyncio.current_task()
        async with self.free:
            stream.waiting = None
            done: Future[None] = Future()
            self.jobs.put((Gateway(stream, application).run, done))
            await asyncio.wrap_future(done)


async def serve(application: Application, options: argparse.Namespace) -> None:
    """Run the application until Ctrl+C."""
    workers = Workers(options.threads)
    server = Server(lambda stream: workers.handle(stream, application))
    await server.run(options.host, options.port, server_context(options.certificates))


def main() -> None:
    """Read the command line and serve."""
    parser = server_options(__doc__)
    parser.add_argument("--threads", type=int, default=16, help="requests at the same time")
    parser.add_argument("application", metavar="module:name", help="the WSGI application")
    options = parser.parse_args()
    application = load(parser, options.application)
    with contextlib.suppress(KeyboardInterrupt):  # before the server listens
        asyncio.run(serve(application, options))


if __name__ == "__main__":
    main()
