"""Tests for the WSGI and the ASGI server, with applications on real frameworks.

The application has the paths of `tests/examples/applications/flask_app.py`: `/endless` counts the
pieces that it produces and its ends, `/held` reads nothing before `/gate` is called, and `/counts`
reports the counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from support import wire
from support.answers import answer, ask
from support.cases import Offer
from support.clients import PROGRAMS, all_good, curl, h2load
from support.example import Served, resident
from support.misbehaving import MEGABYTE
from support.peers import require_program
from support.processes import TIMEOUT, run
from support.raw import RawClient, content, ends, request
from support.site import digest
from support.wire import DEFAULT_WINDOW, Code, Setting, Type

#: The paths of the application for the standard cases.
APPLICATION_OFFER = Offer(
    small="/files/hello.txt",
    small_is_hello=True,
    big="/files/big.bin",
    echo="/echo",
    page="/files/page.html",
    missing="/none",
    refused=("DELETE", "/echo"),
)
PIECE = 4096  # the size of each piece of the endless stream


def counts(served: Served) -> dict[str, int]:
    """The current counts of the application."""
    result: dict[str, int] = json.loads(ask(served.target, "/counts").content)
    return result


def wait_for_count(served: Served, name: str, number: int) -> None:
    """Wait until a count of the application reaches a number."""
    give_up = time.monotonic() + TIMEOUT
    while (now := counts(served))[name] < number:
        assert time.monotonic() < give_up, f"{name} never became {number}: {now}"


def form(served: Served) -> None:
    fields = ["--form", "name=value", "--form", f"file=@{served.site.big_file}"]
    done = curl(served.target, *fields, f"{served.target.url}/form")
    assert json.loads(done.stdout) == {
        "fields": {"name": "value"},
        "files": {"file": digest(served.site.big)},
    }


def all_streams(served: Served) -> None:
    assert h2load(served.target, "/", "-n500", "-m100", "-c1") == all_good(500)


def no_room(served: Served) -> None:
    before = counts(served)["produced"]
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 2 * PIECE)) as client:
        client.send(request(1, "/endless"))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        while len(content(frames, 1)) < 2 * PIECE:
            frames += client.until(lambda frame: frame.type == Type.DATA)
        # Two pieces were sent, and the third one waits. (Each query uses a separate connection.)
        assert {counts(served)["produced"] - before for _ in range(5)} <= {2, 3}
        client.send(wire.window_update(1, PIECE))
        assert len(client.until(lambda frame: frame.type == Type.DATA)[-1].data) == PIECE
        assert counts(served)["produced"] - before in {3, 4}


def slow_client(served: Served) -> None:
    closed, memory = counts(served)["closed"], resident(served)
    slow = ["--limit-rate", "1M", "--max-time", "2", "--output", "/dev/null"]
    done = curl(served.target, *slow, f"{served.target.url}/endless")
    assert done.returncode == 28, done  # time-out
    assert resident(served) - memory < 10 * MEGABYTE
    wait_for_count(served, "closed", closed + 1)


def reset_in_the_middle(served: Served) -> None:
    closed = counts(served)["closed"]
    paths = ["/endless", served.offer.small]
    command = [require_program("node"), str(PROGRAMS / "reset.mjs")]
    done = run([*command, served.target.url, served.target.trust, *paths])
    assert (done.stdout, done.stderr) == (f"200 {Code.CANCEL:d}\n200 0\n", "")
    wait_for_count(served, "closed", closed + 1)


def reading(served: Served) -> None:
    with RawClient(served.target) as client:
        client.pong()  # the window of the connection has been enlarged by now
        client.send(request(1, "/held", "POST", end_stream=False))
        pieces = [16_384] * 3 + [DEFAULT_WINDOW - 3 * 16_384]
        client.send(*(wire.data(1, bytes(size)) for size in pieces))
        assert counts(served)["read"] == 0
        assert client.pong() == []
        ask(served.target, "/gate", "POST", b"")
        frames = client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
        assert frames[-1].stream_id == 1
        client.send(wire.data(1, b"and this", end_stream=True))
        seen = answer(frames + client.until(ends(1)))
    assert json.loads(seen.content) == {"read": DEFAULT_WINDOW + 8}


#: The cases, by the peer (None for our client) and the name in the matrix.
GATEWAY: dict[tuple[str | None, str], Callable[[Served], None]] = {
    ("curl", "form with a file of 20 MB"): form,
    ("curl", "slow client that gives up"): slow_client,
    ("h2load", "100 requests at a time on a connection"): all_streams,
    ("Node http2", "reset in the middle of a response"): reset_in_the_middle,
    (None, "the application is held while the client has no room"): no_room,
    (None, "content is acknowledged as the application reads it"): reading,
}
