"""What a program says about keepalive."""

from __future__ import annotations

from typing import NamedTuple


class Keepalive(NamedTuple):
    """When to check whether the peer is still there, and how long to wait for it.

    A server may treat frequent PING frames as an attack, in particular while no stream is open: do
    not make ``idle`` smaller than necessary, which is usually some tens of seconds.
    """

    #: A PING is sent after this many seconds without anything from the peer.
    idle: float

    #: The peer then has this many seconds to send anything at all.
    timeout: float
