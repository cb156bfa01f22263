"""Small WSGI applications without a framework, one per path: valid and invalid uses of PEP 3333.

`app` is for the server; the valid ones run under the validator of the standard library.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
TEXT = [("Content-Type", "text/plain")]
GOOD: dict[str, Application] = {}
BAD: dict[str, Application] = {}
closed: list[str] = []
running = 0
most_running = 0
lock = threading.Lock()
meeting = threading.Barrier(2)


def good(application: Application) -> Application:
    GOOD[f"/{application.__name__}"] = validator(application)
    return application


def bad(application: Application) -> Application:
    BAD[f"/{application.__name__}"] = application
    return application


class Closing:
    """An iterable that records when it is closed."""

    def __init__(self, name: str, pieces: Iterable[bytes]) -> None:
        self.name = name
        self.pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.pieces)

    def close(self) -> None:
        closed.append(self.name)


@good
def environ(environ, start_response):
    """The environment as JSON, without the values that JSON cannot represent."""
    start_response("200 OK", [("Content-Type", "application/json")])
    simple = {key: value for key, value in environ.items() if isinstance(value, str | bool)}
    return [json.dumps(simple).encode()]


@good
def reading(environ, start_response):
    """Read with every method, and return what was read."""
    file = environ["wsgi.input"]
    parts = [file.read(3), file.readline(), file.readline(2)]
    for line in file:
        parts.append(line)
        break
    parts += file.readlines(1)
    parts += [file.read(100_000), file.read(1), file.readline()]
    start_response("200 OK", TEXT)
    return [json.dumps([part.decode() for part in parts]).encode()]


@good
def digest(environ, start_response):
    hash_ = hashlib.sha256()
    for piece in iter(lambda: environ["wsgi.input"].read(100_000), b""):
        hash_.update(piece)
    start_response("200 OK", TEXT)
    return [hash_.hexdigest().encode()]


@good
def writing(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"written, ")
    write(b"written again, ")
    return Closing("writing", [b"returned"])


@good
def empty_pieces(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing("empty_pieces", [b"", b"", b"a", b"", b"b", b""])


@good
def nothing(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "0")])
    return []


@good
def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


@good
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


@good
def latin_1(environ, start_response):
    start_response(
        "200 OK", [*TEXT, ("X-Caf\u0065", "caf\xe9"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    )
    return [environ["PATH_INFO"].encode("latin-1")]


@good
def late_start(environ, start_response):
    """A generator calls start_response when its first piece is requested."""
    start_response("200 OK", TEXT)
    yield b"late"


@good
def second_thoughts(environ, start_response):
    """Fail before any content: the header section is replaced by that of the error page."""
    start_response("200 OK", [("Content-Type", "text/html")])
    try:
        raise ValueError("an error on purpose")
    except ValueError:
        start_response("503 Service Unavailable", TEXT, sys.exc_info())
    return [b"sorry"]


@good
def meet(environ, start_response):
    """Wait until two requests run at the same time."""
    meeting.wait(20)
    start_response("200 OK", TEXT)
    return [b"met"]


@good
def busy(environ, start_response):
    """Return how many requests have run at the same time."""
    global running, most_running
    with lock:
        running += 1
        most_running = max(most_running, running)
    threading.Event().wait(0.01)
    with lock:
        running -= 1
    start_response("200 OK", TEXT)
    return [str(most_running).encode()]


@good
def ignore_content(environ, start_response):
    """Respond before the request is complete, without reading any of it."""
    start_response("413 Content Too Large", [*TEXT, ("Content-Length", "9")])
    return Closing("ignore_content", [b"too large"])


@good
def closings(environ, start_response):
    start_response("200 OK", TEXT)
    return [json.dumps(closed).encode()]


@bad
def endless(environ, start_response):
    """Yield no content, so only the server can notice that the client has disconnected."""
    start_response("200 OK", TEXT)

    def pieces():
        while True:
            yield b""

    return Closing("endless", pieces())


@bad
def fail_at_once(environ, start_response):
    raise RuntimeError("an error on purpose")


@bad
def fail_before_content(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-Of", "the application")])

    def pieces():
        yield b""
        raise RuntimeError("an error on purpose")

    return Closing("fail_before_content", pieces())


@bad
def fail_after_content(environ, start_response):
    start_response("200 OK", TEXT)

    def pieces():
        yield b"some"
        raise RuntimeError("an error on purpose")

    return Closing("fail_after_content", pieces())


@bad
def late_second_thoughts(environ, start_response):
    """Fail after some content: start_response raises the given error."""
    start_response("200 OK", TEXT)(b"some")
    try:
        raise ValueError("an error on purpose")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"never sent"]


@bad
def leave(environ, start_response):
    sys.exit("an error on purpose")


@bad
def never_start(environ, start_response):
    return [b"content"]


@bad
def start_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"content"]


@bad
def hop_by_hop(environ, start_response):
    start_response("200 OK", [*TEXT, ("Connection", "close")])
    return [b"content"]


@bad
def bad_status(environ, start_response):
    start_response("100 Continue", TEXT)
    return [b"content"]


@bad
def bad_field(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-A", "a\r\nX-B: b")])
    return [b"content"]


@bad
def text_content(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text"]


@bad
def too_long(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return Closing("too_long", [b"123", b"4567", b"89"])


@bad
def too_long_written(environ, start_response):
    write = start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    write(b"123")
    write(b"4567")
    return []


@bad
def too_short(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return Closing("too_short", [b"123"])


def app(environ, start_response):
    """Call the application that the path names."""
    path = environ["PATH_INFO"]
    for name, application in (GOOD | BAD).items():
        if path == name or path.startswith(f"{name}/"):
            return application(environ, start_response)
    start_response("404 Not Found", TEXT)
    return [b"there is no such application\n"]
