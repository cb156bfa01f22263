"""A case: what is sent in which situation, and the expected reaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from conformance.expect import Expectation
from conformance.peer import Peer, Role


class Situation(Enum):
    """The state of a connection when the action of a case begins."""

    START = "nothing was sent by the suite"
    CONNECTED = "both prefaces were sent and acknowledged"
    FRESH = "the suite is about to send a message on the stream"
    OPEN = "the suite has sent a header section and no end of the message"
    ENDED = "the message of the suite is complete, the other one is not"
    CLOSED = "request and response are complete"
    RESET = "the suite has reset the stream"
    REFUSED = "the endpoint has reset the stream"
    PROMISED = "the suite has promised a response"


class Need(Enum):
    """The requirement that an endpoint must meet for a case to apply."""

    PUSH = "a client that takes pushed responses"
    NO_PUSH = "a client that sends SETTINGS_ENABLE_PUSH = 0"
    UPLOAD = "a client that sends content of 100,000 octets or more (`--upload`)"


Script = Callable[[Peer], None]
Item = bytes | Callable[[Peer], bytes]
SERVER, CLIENT = (Role.SERVER,), (Role.CLIENT,)
BOTH = (Role.SERVER, Role.CLIENT)


@dataclass(frozen=True)
class Case:
    """One declaration, for all roles that the rule binds."""

    id: str
    section: str
    title: str
    situation: Situation
    roles: tuple[Role, ...]
    script: Script
    expect: Expectation
    by_default: Expectation | None = None
    needs: Need | None = None
    probe: bool = True

    def name(self, role: Role) -> str:
        """The identifier of the case for this role."""
        return f"{role.value}/{self.id}"


CASES: list[Case] = []
_known: set[str] = set()


def case(
    identifier: str,
    section: str,
    title: str,
    send: Iterable[Item] | Script,
    expect: Expectation,
    *,
    at: Situation = Situation.CONNECTED,
    roles: tuple[Role, ...] = BOTH,
    by_default: Expectation | None = None,
    needs: Need | None = None,
    probe: bool = True,
) -> None:
    """Declare a case.

    ``by_default`` is what a package may do in its default mode if the RFC demands more. Without
    ``probe`` there is no PING at the end, which would interrupt something.
    """
    if identifier in _known:
        raise ValueError(f"there are two cases {identifier}")
    _known.add(identifier)
    script = send if callable(send) else _sending(list(send))
    CASES.append(
        Case(identifier, section, title, at, roles, script, expect, by_default, needs, probe)
    )


def _sending(items: list[Item]) -> Script:
    def script(peer: Peer) -> None:
        for item in items:
            peer.send(item if isinstance(item, bytes) else item(peer))

    return script
