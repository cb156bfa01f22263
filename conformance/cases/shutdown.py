"""RFC 9113 sections 5.4 and 6.8: GOAWAY, and the end of a connection."""

from __future__ import annotations

from conformance import wire
from conformance.build import data, message, raw
from conformance.case import CLIENT, SERVER, Situation, case
from conformance.expect import (
    Expectation,
    Grade,
    connection,
    either,
    gives_up,
    goes_on,
    leaves,
    tolerably,
)
from conformance.peer import On, Peer, Role
from conformance.wire import Code, Type, goaway

OPEN = Situation.OPEN
#: After GOAWAY an endpoint that no longer needs the connection may end it.
#: A request that the suite has not processed may be retried elsewhere.
FINE = either(goes_on(), leaves(), gives_up())
#: "An endpoint can end a connection at any time" (section 5.4.1), and say what to retry.
NOT_PROCESSED = tolerably(leaves())


def _highest(peer: Peer) -> bytes:
    """GOAWAY with the highest stream that the endpoint may open."""
    return goaway(2**31 - 1 if peer.role is Role.CLIENT else 2**31 - 2)


case(
    "goaway-stream",
    "6.8",
    "GOAWAY on a stream",
    [raw(Type.GOAWAY, goaway()[9:])],
    connection(Code.PROTOCOL_ERROR),
    at=OPEN,
)
case("goaway", "6.8", "GOAWAY with NO_ERROR", [goaway()], FINE)
case(
    "goaway-debug",
    "6.8",
    "GOAWAY with 1,000 octets of debug data",
    [goaway(debug=bytes(1000))],
    FINE,
)
case("goaway-twice", "6.8", "GOAWAY twice", [_highest, goaway()], FINE)
case("goaway-unknown-code", "7", "GOAWAY with an unknown code", [goaway(code=0xFACE)], FINE)
case(
    "goaway-reserved-bit",
    "6.8",
    "GOAWAY with the reserved bit before the last stream identifier",
    [goaway(last=2**31)],
    FINE,
)
case(
    "goaway-request-in-flight",
    "6.8",
    "GOAWAY after a request",
    [message(), goaway()],
    either(goes_on("no error", answered=On.CURRENT), NOT_PROCESSED),
    at=Situation.FRESH,
    roles=SERVER,
)
case(
    "goaway-upload-in-flight",
    "6.8",
    "GOAWAY in the middle of a request",
    [goaway(), data(b"abc"), data(b"abc", end=True)],
    either(goes_on("no error", answered=On.CURRENT), NOT_PROCESSED),
    at=OPEN,
    roles=SERVER,
)
case(
    "goaway-response-in-flight",
    "6.8",
    "GOAWAY that includes the request, in the middle of the response",
    [lambda peer: goaway(peer.stream), data(b"abc"), data(b"abc")],
    goes_on(),
    at=OPEN,
    roles=CLIENT,
)
case(
    "goaway-response-to-come",
    "6.8",
    "GOAWAY that includes the request, then the response",
    [lambda peer: goaway(peer.stream), message(), data(b"abc")],
    goes_on(),
    at=Situation.FRESH,
    roles=CLIENT,
)
case(
    "goaway-graceful",
    "6.8",
    "GOAWAY for the highest stream, then one that includes the request, then the response",
    [
        goaway(2**31 - 1),
        wire.ping(b"roundtrp"),
        lambda peer: goaway(peer.stream),
        message(),
        data(b"abc"),
    ],
    goes_on(),
    at=Situation.FRESH,
    roles=CLIENT,
)


def _ends() -> Expectation:
    def judge(peer: Peer) -> Grade:
        seen = peer.seen
        return Grade.EXACT if seen.closed else Grade.FAILED

    return Expectation("the connection closes", judge)


case(
    "closes-after-error",
    "5.4.1",
    "DATA on stream 0; the connection must then be closed",
    [data(b"abc", on=0)],
    _ends(),
)


def _answers_to_others(peer: Peer) -> str:
    return "a response after the error" if peer.seen.status(peer.resolve(On.NEXT)) else ""


def _no_more() -> Expectation:
    error = connection(Code.PROTOCOL_ERROR)

    def judge(peer: Peer) -> Grade:
        peer.complaint = _answers_to_others(peer)
        return Grade.FAILED if peer.complaint else error.judge(peer)

    return Expectation(f"{error.words}, and no response to anything after it", judge)


case(
    "nothing-after-error",
    "5.4.1",
    "DATA on stream 0, then a request",
    [data(b"abc", on=0), message(on=On.NEXT)],
    _no_more(),
    roles=SERVER,
)
