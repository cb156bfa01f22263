"""Expected reactions: the scope and the error code, with the alternatives in the RFC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from conformance.peer import On, Peer, Role, Stream
from conformance.wire import Code, code_name


class Grade(IntEnum):
    """How well an endpoint did."""

    FAILED = 0
    LENIENT = 1  # what the default mode of a package does on purpose
    ALLOWED = 2  # something that the RFC allows instead
    EXACT = 3  # the scope and the error code of the RFC


@dataclass(frozen=True)
class Expectation:
    """The expected reaction, in words and as a function that judges the actual one."""

    words: str
    judge: Callable[[Peer], Grade]


Check = Callable[[Peer], str]

#: RFC 9113 section 5.4: "a generic error code (such as PROTOCOL_ERROR or INTERNAL_ERROR) can
#: always be used in place of more specific error codes."
GENERIC = (Code.PROTOCOL_ERROR, Code.INTERNAL_ERROR)
#: With these a client rejects a pushed response, section 8.4.2.
_UNWANTED = (Code.CANCEL, Code.REFUSED_STREAM)


def _names(codes: tuple[int, ...]) -> str:
    return " or ".join(map(code_name, codes))


def connection(*codes: Code, silent: bool = False) -> Expectation:
    """A connection error with one of these codes; silent: GOAWAY may be omitted."""

    def judge(peer: Peer) -> Grade:
        seen = peer.seen
        if seen.goaway is None:
            if not seen.closed:
                return Grade.FAILED
            return Grade.EXACT if silent else Grade.ALLOWED  # section 5.4.1: SHOULD
        return _graded(seen.goaway, codes)

    suffix = ", or the connection closes" if silent else ""
    return Expectation(f"connection error {_names(codes)}{suffix}", judge)


def stream(*codes: Code, on: Stream = On.CURRENT, malformed: bool = False) -> Expectation:
    """A stream error with one of these codes; for a malformed request also a response 4xx."""

    def judge(peer: Peer) -> Grade:
        seen, number = peer.seen, peer.resolve(on)
        if seen.goaway:
            # Section 5.4.1: "an endpoint MAY choose to treat a stream error as a connection error"
            return min(Grade.ALLOWED, _graded(seen.goaway, codes))
        code = seen.resets.get(number)
        if code is not None and code != Code.NO_ERROR:
            grade = _graded(code, codes)
            # The end of the connection counts, whatever happened to the stream before.
            return max(grade, Grade.ALLOWED) if seen.closed else grade
        status = seen.status(number)
        if malformed and status is not None and 400 <= status < 600:
            return Grade.ALLOWED
        return Grade.ALLOWED if seen.closed else Grade.FAILED

    where = "" if on is On.CURRENT else f" on {on.value if isinstance(on, On) else on}"
    return Expectation(f"stream error {_names(codes)}{where}", judge)


def malformed(on: Stream = On.CURRENT) -> Expectation:
    """A malformed message, section 8.1.1."""
    return stream(Code.PROTOCOL_ERROR, on=on, malformed=True)


def _graded(code: int, codes: tuple[int, ...]) -> Grade:
    if code in codes:
        return Grade.EXACT
    return Grade.ALLOWED if code in GENERIC else Grade.FAILED


def goes_on(
    words: str = "no error", answered: Stream | None = None, check: Check | None = None
) -> Expectation:
    """No error: the PING after it is acknowledged.

    A server may also have to send a response on a stream, with a status code other than 400. The
    check, if any, returns what is wrong.
    """

    def judge(peer: Peer) -> Grade:
        seen = peer.seen
        if seen.goaway or not seen.alive or peer.problem:
            return Grade.FAILED
        for number, code in seen.resets.items():
            unwanted = peer.role is Role.CLIENT and number % 2 == 0 and code in _UNWANTED
            if code != Code.NO_ERROR and not unwanted:
                return Grade.FAILED
        if answered is not None and peer.role is Role.SERVER:
            status = seen.status(peer.resolve(answered))
            if status is None or status == 400:
                return Grade.FAILED
        peer.complaint = check(peer) if check else ""
        return Grade.FAILED if peer.complaint else Grade.EXACT

    if answered is not None:
        words += "; a server responds"
    return Expectation(words, judge)


def leaves() -> Expectation:
    """The endpoint ends the connection without reporting an error."""

    def judge(peer: Peer) -> Grade:
        seen = peer.seen
        error = seen.goaway or any(code != Code.NO_ERROR for code in seen.resets.values())
        ended = seen.closed or seen.goaway is not None
        return Grade.EXACT if ended and not error else Grade.FAILED

    return Expectation("the connection ends without an error", judge)


def client_leaves() -> Expectation:
    """The same for a client, which may disconnect when it has its response."""
    by_anyone = leaves()

    def judge(peer: Peer) -> Grade:
        return by_anyone.judge(peer) if peer.role is Role.CLIENT else Grade.FAILED

    return Expectation("a client disconnects", judge)


def gives_up() -> Expectation:
    """A client cancels its request."""

    def judge(peer: Peer) -> Grade:
        seen = peer.seen
        if peer.role is not Role.CLIENT or seen.goaway:
            return Grade.FAILED
        others = set(seen.resets) - {peer.stream}
        cancelled = seen.resets.get(peer.stream) == Code.CANCEL
        return Grade.EXACT if cancelled and not others else Grade.FAILED

    return Expectation("a client cancels the request", judge)


def speaks_http1() -> Expectation:
    """An HTTP/1.1 response, from a server that also speaks it on the same port."""

    def judge(peer: Peer) -> Grade:
        return Grade.EXACT if peer.no_frames.startswith(b"HTTP/1.") else Grade.FAILED

    return Expectation("an HTTP/1.1 response", judge)


def tolerably(expectation: Expectation) -> Expectation:
    """A reaction that no sentence requires or forbids."""

    def judge(peer: Peer) -> Grade:
        return min(expectation.judge(peer), Grade.ALLOWED)

    return Expectation(expectation.words, judge)


def either(*expectations: Expectation) -> Expectation:
    """Alternatives that the RFC allows instead of the rule itself."""

    def judge(peer: Peer) -> Grade:
        return max(expectation.judge(peer) for expectation in expectations)

    return Expectation(", or ".join(item.words for item in expectations), judge)
