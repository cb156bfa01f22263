"""The knowledge of an application about its streams, from its own calls and from events.

This is a model of RFC 9113 sections 5.1, 6.8 and 8.1 that shares nothing with the tables of the
package: it says which calls are legal, and which events may occur.
"""

from __future__ import annotations

from typing import NamedTuple

# The progress of the message in one direction.
NOTHING = 0
BEGUN = 1  #: the header section, without informational responses
ENDED = 2


class Facts(NamedTuple):
    """One stream as one of the applications sees it."""

    mine: bool  #: opened or promised by this end
    sent: int = NOTHING
    received: int = NOTHING
    promised: bool = False  #: promised, and no part of the response has been sent or received
    connect: bool = False  #: the request is CONNECT
    tunnel: bool = False  #: CONNECT was answered with success
    reset: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self.reset or (self.sent == ENDED and self.received == ENDED)

    @property
    def counted(self) -> bool:
        """Whether the stream counts toward a limit of concurrent streams (section 5.1.2)."""
        return not self.promised and not self.over


class Fault(Exception):  # noqa: N818  (a finding, not an error of this program)
    """Something that must not happen between two ends that follow the protocol."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind
        self.what = what


def may_send(facts: Facts, name: str, client: bool) -> bool:
    """Return whether a stream as such allows a call; windows and limits are another matter."""
    if facts.over or name == "trailers-open":
        return False
    if name in ("headers", "headers-end", "refuse", "info"):
        return not client and facts.sent == NOTHING
    if name in ("data", "padded", "data-end", "fill", "end"):
        return facts.sent == BEGUN
    if name in ("trailers", "trailers-long"):
        unanswered = facts.connect and facts.mine and facts.received == NOTHING
        return facts.sent == BEGUN and not (facts.tunnel or unanswered)
    if name == "push":
        return not client and not facts.mine and facts.sent != ENDED and not facts.tunnel
    if name == "altsvc":
        return not client and facts.sent == NOTHING
    if name == "enlarge":
        return not (facts.mine and facts.promised)
    return True  # reset


def after_call(facts: Facts, name: str) -> Facts:
    """Return the facts after a call on a stream has succeeded."""
    if name == "headers":
        return facts._replace(sent=BEGUN, promised=False, tunnel=facts.connect)
    if name == "refuse":
        return facts._replace(sent=BEGUN, promised=False)
    if name in ("headers-end", "data-end", "end", "trailers", "trailers-long"):
        tunnel = facts.tunnel or (name == "headers-end" and facts.connect)
        return facts._replace(sent=ENDED, promised=False, tunnel=tunnel)
    if name == "info":
        return facts._replace(promised=False)
    if name in ("reset", "reset-no-error"):
        return facts._replace(reset=True)
    return facts


def after_event(facts: Facts | None, name: str, success: bool, connect: bool) -> Facts:
    """Return the facts after an event on a stream, or raise the fault that it is."""
    if facts is None:
        if name == "RequestReceived":
            return Facts(mine=False, received=BEGUN, connect=connect)
        if name == "PushedStreamReceived":
            return Facts(mine=False, sent=ENDED, promised=True)
        raise Fault("event", f"{name} on a stream that does not exist")
    if name == "StreamReset" and not facts.over:
        return facts._replace(reset=True)
    if facts.reset or facts.received == ENDED:
        raise Fault("event", f"{name} on a stream that has ended")
    if name in ("ResponseReceived", "InformationalResponseReceived"):
        if facts.received != NOTHING:
            raise Fault("event", f"{name} after the response")
        if name == "InformationalResponseReceived":
            return facts._replace(promised=False)
        tunnel = facts.connect and success
        return facts._replace(received=BEGUN, promised=False, tunnel=tunnel)
    if facts.received != BEGUN:
        raise Fault("event", f"{name} before the header section")
    if name == "StreamEnded":
        return facts._replace(received=ENDED)
    return facts  # content or trailers
