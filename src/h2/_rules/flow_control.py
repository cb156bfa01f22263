"""Flow-control arithmetic: RFC 9113 sections 5.2 and 6.9. Pure functions, no connection state."""

from __future__ import annotations

from typing import Final

#: "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets." (section 6.9.1)
MAX_WINDOW: Final = 2**31 - 1

#: The window of the connection, and of streams until SETTINGS says otherwise (section 6.9.2).
DEFAULT_WINDOW: Final = 65_535

#: An exhausted window is reopened as soon as more than this was processed (or a quarter of
#: a smaller window), so that the peer is not kept waiting for half a window.
_EXHAUSTED_STEP: Final = 1024


def increment_due(processed: int, window: int, limit: int) -> int:
    """Return the increment to send in WINDOW_UPDATE now; 0 or less to go on collecting.

    ``processed`` octets were handed back by the application, ``window`` is what the peer may
    still send, ``limit`` the largest size the window had: it does not grow beyond that.

    "Receivers are advised to have mechanisms in place to avoid sending WINDOW_UPDATE frames with
    very small increments" (section 6.9.1): half a window is collected, or less when the peer has
    nothing left to send with.
    """
    if processed >= limit // 2 or (window <= 0 and processed > min(_EXHAUSTED_STEP, limit // 4)):
        room = limit - window
        return processed if processed < room else room
    return 0
