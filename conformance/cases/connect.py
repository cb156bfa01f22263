"""RFC 9113 section 8.5 and RFC 8441: CONNECT."""

from __future__ import annotations

import contextlib

from conformance.build import data, headers, message, trailers
from conformance.case import SERVER, Script, Situation, case
from conformance.expect import goes_on, malformed, stream
from conformance.hpack import Field, block
from conformance.peer import NotApplicableError, NotPossibleError, Peer
from conformance.wire import Code, Setting

FRESH = Situation.FRESH
CONNECT: list[Field] = [(b":method", b"CONNECT"), (b":authority", b"localhost:80")]
MALFORMED: list[tuple[str, str, list[Field]]] = [
    ("scheme", "with :scheme", [*CONNECT, (b":scheme", b"http")]),
    ("path", "with :path", [*CONNECT, (b":path", b"/")]),
    ("both", "with :scheme and :path", [*CONNECT, (b":scheme", b"http"), (b":path", b"/")]),
    ("no-authority", "without :authority", CONNECT[:1]),
]
for name, words, fields in MALFORMED:
    case(
        f"connect-{name}",
        "8.5",
        f"CONNECT {words}",
        [headers(block(fields))],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )


def _is_answered(peer: Peer) -> bool:
    return peer.seen.status(peer.stream) is not None or bool(peer.seen.resets)


def _tunnel(then: Script) -> Script:
    """Open a tunnel first, if the server supports that."""

    def script(peer: Peer) -> None:
        peer.send(headers(block(CONNECT))(peer))
        with contextlib.suppress(NotPossibleError):
            peer.wait("a response", _is_answered)
        if not 200 <= (peer.seen.status(peer.stream) or 0) < 300:
            raise NotApplicableError("the server opens no tunnels")
        then(peer)

    return script


case(
    "connect-data",
    "8.5",
    "DATA in a tunnel",
    _tunnel(lambda peer: peer.send(data(b"abc")(peer))),
    goes_on(),
    at=FRESH,
    roles=SERVER,
)
case(
    "connect-trailers",
    "8.5",
    "HEADERS in a tunnel",
    _tunnel(lambda peer: peer.send(trailers()(peer))),
    stream(Code.PROTOCOL_ERROR),
    at=FRESH,
    roles=SERVER,
)


def _without_setting(peer: Peer) -> bytes:
    if peer.settings.get(Setting.ENABLE_CONNECT_PROTOCOL):
        raise NotApplicableError("the server takes extended CONNECT")
    return message(first=((b":protocol", b"websocket"),), change={b":method": b"CONNECT"})(peer)


case(
    "connect-protocol",
    "8441 3",
    "Extended CONNECT that the server has not announced",
    [_without_setting],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "connect-protocol-get",
    "8441 4",
    "GET with :protocol",
    [message(first=((b":protocol", b"websocket"),))],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
