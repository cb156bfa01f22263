"""Merges all priority signals for a stream into the priority of its content (RFC 9218)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from h2._core.state import Connection
from h2._core.stream import CONNECT_METHOD
from h2._rules.stream_states import UNENDED
from h2.priorities import Priority

#: "a server can determine if a request came from an intermediary through configuration or can check
#: to see if the request contains one of the following header fields" (section 13.1).
_OF_PROXIES: Final = (b"via", b"forwarded", b"x-forwarded-for")

#: For streams without any signal: one after the other for clients that know priorities, as section
#: 4 specifies. For other clients one download would block everything else.
_DEFAULT: Final = Priority()
_SIDE_BY_SIDE: Final = Priority(incremental=True)

#: This many priorities are kept before those of ended streams are pruned.
_FEW: Final = 128


class Priorities:
    """The priorities of the streams on which we send.

    The latest signal counts: the ``priority`` field of the request, PRIORITY_UPDATE, the
    ``priority`` field of the response, or the program itself. The exception is the field of a
    request, which does not override an earlier PRIORITY_UPDATE.
    """

    __slots__ = ("_conn", "_many", "_proxy", "_signals", "known")

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        #: The priorities other than the default; created for the first one.
        self.known: dict[int, Priority] | None = None
        self._many: int = _FEW
        #: The client has shown that it knows RFC 9218.
        self._signals: bool = False
        #: The requests are those of a proxy.
        self._proxy: bool = False

    def of(self, stream_id: int) -> Priority:
        """Return the priority of a stream."""
        known = self.known
        if known is not None:
            priority = known.get(stream_id)
            if priority is not None:
                return priority
        elif not self._signals:
            return _SIDE_BY_SIDE  # the usual case of `_default`, without a call
        return self._default(stream_id)

    def _default(self, stream_id: int) -> Priority:
        """Return the priority of a stream without any signal."""
        if not self._signals or self._proxy:
            return _SIDE_BY_SIDE
        # A tunnel may last forever: sharing is what keeps "one CONNECT stream from blocking others"
        # (section 11).
        stream = self._conn.streams.table.get(stream_id)
        if stream is not None and stream.method == CONNECT_METHOD:
            return _SIDE_BY_SIDE
        return _DEFAULT

    def set(self, stream_id: int, priority: Priority) -> None:
        """Remember the priority of a stream."""
        known = self.known
        if known is None:
            known = self.known = {}
        known[stream_id] = priority
        if len(known) > self._many:
            self._prune(known)

    def _prune(self, known: dict[int, Priority]) -> None:
        """Forget identifiers that were skipped."""
        streams = self._conn.streams
        for stream_id in list(known):
            if stream_id not in streams and streams.is_used(stream_id):
                del known[stream_id]
        # Next when there are twice as many, so that the cost stays linear.
        self._many = max(_FEW, 2 * len(known))

    def request_received(self, stream_id: int, fields: Iterable[Any]) -> None:
        """Process a request that has a field about priorities."""
        values = []
        for name, value in fields:
            octets = _octets(name)
            if octets == b"priority":
                values.append(_octets(value))
            elif octets in _OF_PROXIES:
                # "if a server knows the intermediary is coalescing requests, then it could avoid
                # serving the responses in their entirety and instead distribute bandwidth (for
                # example, in a round-robin manner)." (section 13.1)
                self._proxy = True
        if self._proxy:
            if self.known is not None:
                self.known.pop(stream_id, None)  # of a PRIORITY_UPDATE before the request
            return
        self._signals = True
        # "Reception of a PRIORITY_UPDATE" before the request overrides the field (section 7).
        if self._is_sendable(stream_id) and not (self.known and stream_id in self.known):
            self.set(stream_id, self._default(stream_id).merge(b", ".join(values)))

    def update_received(self, stream_id: int, priority: Priority) -> bool:
        """Process a PRIORITY_UPDATE frame; return whether it changes anything."""
        self._signals = True
        if self._proxy or not (self._is_sendable(stream_id) or self._is_expected(stream_id)):
            return False
        self.set(stream_id, priority)
        return True

    def _is_expected(self, stream_id: int) -> bool:
        """Return whether a stream is idle, and one of the limited number that are remembered."""
        conn = self._conn
        idle = conn.idle_priorities
        return not conn.streams.is_used(stream_id) and idle is not None and stream_id in idle

    def _is_sendable(self, stream_id: int) -> bool:
        stream = self._conn.streams.table.get(stream_id)
        return stream is not None and stream.state in UNENDED


def _octets(text: str | bytes) -> bytes:
    """Return a name or a value as octets; those that matter here are ASCII."""
    return text.encode("ascii", "replace") if isinstance(text, str) else text
