"""Flow-control windows: RFC 9113 sections 5.2 and 6.9. They know no frames."""

from __future__ import annotations

from typing import Final

from h2._native import mypyc_attr

#: "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets." (section 6.9.1)
MAX_WINDOW: Final = 2**31 - 1

#: The window of the connection, and of streams until SETTINGS says otherwise (section 6.9.2).
DEFAULT_WINDOW: Final = 65_535


@mypyc_attr(acyclic=True, free_list_len=1)
class ReceiveWindow:
    """How much the peer may still send, and the octets acknowledged since the last WINDOW_UPDATE.

    ``value`` is what the peer may still send; it is negative after SETTINGS_INITIAL_WINDOW_SIZE
    became smaller. ``limit`` is the size to which the window reopens. ``handed_back`` counts
    octets that the application has processed but no WINDOW_UPDATE has announced yet.
    """

    __slots__ = ("handed_back", "limit", "value")

    def __init__(self, size: int) -> None:
        self.value: int = size
        self.limit: int = size
        self.handed_back: int = 0

    def hand_back(self, length: int) -> int:
        """Count octets as processed; return the increment to announce now, 0 for none.

        "Receivers are advised to have mechanisms in place to avoid sending WINDOW_UPDATE frames
        with very small increments" (section 6.9.1): half a window is collected first. A peer that
        cannot send at all gets whatever there is, because the application may keep the rest and
        acknowledge nothing more.
        """
        handed_back = self.handed_back + length
        value = self.value
        if handed_back >= self.limit >> 1 or value <= 0 < value + handed_back:
            increment = self.limit - value
            if increment > handed_back:
                increment = handed_back
            if increment > 0:
                self.value = value + increment
                self.handed_back = 0
                return increment
        self.handed_back = handed_back
        return 0

    def enlarge(self, increment: int) -> None:
        """Let the peer send more, and raise the limit if necessary. Checks nothing."""
        self.value += increment
        if self.value > self.limit:
            self.limit = self.value

    def resize(self, change: int) -> int:
        """Follow a change of SETTINGS_INITIAL_WINDOW_SIZE (section 6.9.2).

        Returns the increment to announce now, 0 for none: what was acknowledged so far may be
        enough for the smaller window.
        """
        self.value += change
        self.limit += change
        return self.hand_back(0)


@mypyc_attr(acyclic=True)
class SendWindows:
    """How much we may send: the connection window, and the initial window of streams.

    A stream keeps its window as an offset from ``initial``, the peer's
    SETTINGS_INITIAL_WINDOW_SIZE, so a change of that setting does not touch any stream.
    ``largest_offset`` is a bound: no stream has a larger offset.
    """

    __slots__ = ("connection", "initial", "largest_offset")

    def __init__(self) -> None:
        self.connection = DEFAULT_WINDOW
        self.initial = DEFAULT_WINDOW
        self.largest_offset = 0

    def of_stream(self, offset: int) -> int:
        """Return how much a stream with this offset may send now. May be negative."""
        window = self.initial + offset
        return window if window < self.connection else self.connection
