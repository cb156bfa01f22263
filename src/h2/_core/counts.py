"""The number of streams, counted as they come and go."""

from __future__ import annotations

from h2._native import mypyc_attr


@mypyc_attr(acyclic=True)
class Counts:
    """How many streams are open or half-closed (RFC 9113 section 5.1.2)."""

    __slots__ = ("_inbound_parity", "altered", "inbound", "outbound")

    def __init__(self, inbound_parity: int) -> None:
        self._inbound_parity = inbound_parity
        self.inbound = 0
        self.outbound = 0
        #: A program has added or removed streams itself.
        self.altered = False

    def change(self, stream_id: int, by: int) -> None:
        """Count a stream that was opened or closed."""
        if stream_id & 1 == self._inbound_parity:
            self.inbound += by
        else:
            self.outbound += by
