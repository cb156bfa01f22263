"""The targets: functions that take an input and raise if something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from . import calls as application
from . import compression, grammar, wire
from .buffered import buffered
from .play import Receive, Step, Take, check_history, cut_into
from .scenes import scene
from .source import Source

Target = Callable[[bytes], None]


def octets(data: bytes) -> None:
    """Any octets, to both roles in both modes, in different states of a connection."""
    source = Source(data)
    begin = scene(source.octet())
    cut = cut_into(1 + source.octet() % 40)
    received = source.rest()
    if not begin.before and not begin.client and len(received) % 2:
        received = wire.PREFACE + received
    check_history(begin, [Receive(received)], cut)


def frames(data: bytes) -> None:
    """Valid and nearly valid frames, one or several in a read."""
    source = Source(data)
    begin = scene(source.octet())
    cut = cut_into(1 + source.octet() % 40)
    peer = grammar.Peer(not begin.client)
    steps: list[Step] = []
    if not begin.before:
        steps.append(Receive(b"" if begin.client else wire.PREFACE))
    pending: list[bytes] = []
    while source.more and len(steps) < 100:
        pending.append(grammar.frame(source, peer))
        behind = source.octet()
        if behind & 3:
            steps.append(Receive(b"".join(pending)))
            pending.clear()
        if behind & 0x1C == 0x1C:
            steps.append(Take(source.octet() if behind & 0x20 else None))
    steps.append(Receive(b"".join(pending)))
    check_history(begin, steps, cut)


def calls(data: bytes) -> None:
    """Calls of the application and frames of the peer in any order."""
    source = Source(data)
    begin = scene(source.octet())
    cut = cut_into(1 + source.octet() % 40)
    peer = grammar.Peer(not begin.client)
    steps: list[Step] = []
    if not begin.before and not begin.client:
        steps.append(Receive(wire.PREFACE))
    while source.more and len(steps) < 100:
        choice = source.octet()
        if choice < 0x60:
            steps.append(Receive(grammar.frame(source, peer)))
        elif choice < 0xE8:
            steps.append(application.call(source))
        else:
            steps.append(Take(source.octet() * 8 if choice & 1 else None))
    check_history(begin, steps, cut)


TARGETS: Final[dict[str, Target]] = {
    "octets": octets,
    "frames": frames,
    "calls": calls,
    "buffered": buffered,
    "hpack-decode": compression.decode,
    "hpack-encode": compression.encode,
    "hpack-foreign": compression.encode_elsewhere,
}
