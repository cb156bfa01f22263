"""A stand-alone receive window, for programs that manage one."""

from __future__ import annotations

from h2._rules.flow_control import MAX_WINDOW, ReceiveWindow
from h2.exceptions import FlowControlError

__all__ = ["LARGEST_FLOW_CONTROL_WINDOW", "WindowManager"]

#: How many octets the largest window has (RFC 9113 section 6.9.1).
LARGEST_FLOW_CONTROL_WINDOW = MAX_WINDOW


class WindowManager:
    """A receive window that reopens as its content is processed (RFC 9113 section 6.9).

    :param max_window_size: the initial size of the window in octets
    """

    def __init__(self, max_window_size: int) -> None:
        self._window = ReceiveWindow(max_window_size)

    @property
    def max_window_size(self) -> int:
        """The size in octets to which the window reopens."""
        return self._window.limit

    @max_window_size.setter
    def max_window_size(self, size: int) -> None:
        self._window.limit = size

    @property
    def current_window_size(self) -> int:
        """How many octets may still arrive."""
        return self._window.value

    @current_window_size.setter
    def current_window_size(self, size: int) -> None:
        self._window.value = size

    def window_consumed(self, size: int) -> None:
        """Subtract ``size`` received octets from the window.

        :raises FlowControlError: if the window is smaller
        """
        if size > self._window.value:
            raise FlowControlError("Flow control window shrunk below 0")
        self._window.value -= size

    def window_opened(self, size: int) -> None:
        """Enlarge the window by ``size`` octets, beyond its maximum size if necessary.

        :raises FlowControlError: if it would be larger than 2**31 - 1
        """
        if self._window.value + size > MAX_WINDOW:
            raise FlowControlError(f"Flow control window mustn't exceed {MAX_WINDOW}")
        self._window.enlarge(size)

    def process_bytes(self, size: int) -> int | None:
        """Count ``size`` octets as processed; return the increment to send now, if any."""
        return self._window.hand_back(size) or None
