"""RFC 9113 sections 5.3 and 6.3: PRIORITY, which is deprecated but still parsed."""

from __future__ import annotations

from conformance.build import message, priority
from conformance.case import SERVER, Situation, case
from conformance.expect import connection, either, goes_on, stream, tolerably
from conformance.peer import On, Peer
from conformance.wire import Code, u32

FINE = goes_on()
#: RFC 7540 section 5.3.1 made it a stream error; RFC 9113 has no such rule.
AS_BEFORE = tolerably(stream(Code.PROTOCOL_ERROR))

case(
    "priority-zero",
    "6.3",
    "PRIORITY on stream 0",
    [priority(on=0)],
    connection(Code.PROTOCOL_ERROR),
)
case("priority-open", "6.3", "PRIORITY on an open stream", [priority()], FINE, at=Situation.OPEN)
case(
    "priority-other",
    "6.3",
    "PRIORITY that depends on an idle stream, exclusively, with the highest weight",
    [priority(2**31 + 99, 255)],
    FINE,
    at=Situation.OPEN,
)
case(
    "priority-many",
    "5.3.2",
    "PRIORITY for ten idle streams, as browsers send it",
    [priority(number - 2, on=number) for number in range(101, 121, 2)],
    FINE,
)


def _itself(peer: Peer) -> bytes:
    return priority(peer.stream)(peer)


def _message_itself(peer: Peer) -> bytes:
    return message(priority=u32(peer.stream) + b"\x0f")(peer)


case(
    "priority-itself",
    "5.3.2",
    "PRIORITY of a stream that depends on itself",
    [_itself],
    either(FINE, AS_BEFORE),
    at=Situation.OPEN,
)
case(
    "priority-itself-headers",
    "5.3.2",
    "HEADERS with the priority of a stream that depends on itself",
    [_message_itself],
    either(goes_on(answered=On.CURRENT), AS_BEFORE),
    at=Situation.FRESH,
)
case(
    "priority-itself-idle",
    "5.3.2",
    "PRIORITY of an idle stream that depends on itself",
    [priority(1_000_001, on=1_000_001)],
    either(FINE, AS_BEFORE),
    roles=SERVER,
)
