"""RFC 9113 section 3.4: the connection preface."""

from __future__ import annotations

from conformance import wire
from conformance.build import message
from conformance.case import CLIENT, SERVER, Situation, case
from conformance.expect import connection, either, goes_on, speaks_http1
from conformance.peer import On, Peer, Role
from conformance.wire import PREFACE, Code, Type

INVALID = connection(Code.PROTOCOL_ERROR, silent=True)
START = Situation.START
# In its default mode the package accepts other frames before SETTINGS, because some peers send
# them.
TAKEN = goes_on("no error")


def _preface(peer: Peer) -> bytes:
    return PREFACE if peer.role is Role.SERVER else b""


def _first_is_settings(peer: Peer) -> str:
    frames = peer.before.frames + peer.seen.frames
    first = frames[0] if frames else None
    if first is None or first.type != Type.SETTINGS or first.has(wire.ACK):
        return f"the first frame is {first}"
    if peer.role is Role.CLIENT and peer.preface != PREFACE:
        return f"the client begins with {peer.preface!r}"
    return ""


def _acknowledged_once(peer: Peer) -> str:
    frames = peer.before.frames + peer.seen.frames
    acks = [place for place, item in enumerate(frames) if _is_ack(item)]
    if len(acks) != 1:
        return f"{len(acks)} acknowledgments"
    return "" if acks[0] > 0 else "the acknowledgment comes before the preface"


def _is_ack(frame: wire.Frame) -> bool:
    return frame.type == Type.SETTINGS and frame.has(wire.ACK)


def _octet_by_octet(peer: Peer) -> None:
    for octet in _preface(peer) + wire.settings():
        peer.send(bytes([octet]))
        peer.flush()


case(
    "preface",
    "3.4",
    "A preface with an empty SETTINGS frame",
    [_preface, wire.settings()],
    goes_on("SETTINGS is the first frame of the endpoint", check=_first_is_settings),
    at=START,
)
case(
    "preface-acknowledged",
    "3.4",
    "A preface whose SETTINGS have a value",
    [_preface, wire.settings((wire.Setting.MAX_CONCURRENT_STREAMS, 10))],
    goes_on("one acknowledgment, after SETTINGS", check=_acknowledged_once),
    at=START,
)
case(
    "preface-octet-by-octet",
    "3.4",
    "A preface that arrives octet by octet",
    _octet_by_octet,
    goes_on("SETTINGS is the first frame of the endpoint", check=_first_is_settings),
    at=START,
)
case(
    "preface-request-at-once",
    "3.4",
    "Preface and request in one piece, without waiting for the preface of the server",
    [PREFACE, wire.settings(), message()],
    goes_on(answered=On.CURRENT),
    at=START,
    roles=SERVER,
)
case(
    "preface-of-http1",
    "3.4",
    "An HTTP/1.1 request instead of a preface",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    either(INVALID, speaks_http1()),
    at=START,
    roles=SERVER,
    probe=False,
)
case(
    "preface-last-octet-wrong",
    "3.4",
    "A preface whose last octet is wrong",
    [PREFACE[:-1] + b"x", wire.settings()],
    INVALID,
    at=START,
    roles=SERVER,
    probe=False,
)
case(
    "preface-of-tls",
    "3.4",
    "The beginning of a TLS handshake instead of a preface",
    [bytes.fromhex("1603010200010001fc0303") + bytes(502) + b"\r\n\r\n"],
    either(INVALID, speaks_http1()),
    at=START,
    roles=SERVER,
    probe=False,
)
case(
    "preface-without-settings",
    "3.4",
    "PING as the first frame",
    [_preface],
    INVALID,
    at=START,
    by_default=TAKEN,
)
case(
    "preface-request-before-settings",
    "3.4",
    "HEADERS as the first frame",
    [PREFACE, message()],
    INVALID,
    at=START,
    roles=SERVER,
    by_default=TAKEN,
)
case(
    "preface-window-update-before-settings",
    "3.4",
    "WINDOW_UPDATE as the first frame",
    [_preface, wire.frame(Type.WINDOW_UPDATE, 0, 0, wire.u32(1))],
    INVALID,
    at=START,
    by_default=TAKEN,
)
case(
    "preface-acknowledgment-first",
    "3.4",
    "An acknowledgment of SETTINGS as the first frame",
    [_preface, wire.settings(ack=True)],
    INVALID,
    at=START,
    by_default=TAKEN,
)
case(
    "preface-of-http1-server",
    "3.4",
    "An HTTP/1.1 response instead of the preface of the server",
    [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"],
    connection(Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR, silent=True),
    at=START,
    roles=CLIENT,
    probe=False,
)
