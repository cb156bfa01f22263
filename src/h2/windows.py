"""A receive window by itself, for programs that manage one."""

from __future__ import annotations

from h2._rules.flow_control import MAX_WINDOW, increment_due
from h2.exceptions import FlowControlError

__all__ = ["LARGEST_FLOW_CONTROL_WINDOW", "WindowManager"]

#: How many octets the largest window has (RFC 9113 section 6.9.1).
LARGEST_FLOW_CONTROL_WINDOW = MAX_WINDOW


class WindowManager:
    """A receive window that is opened again as its content is processed (RFC 9113 section 6.9).

    :param max_window_size: the size of the window in octets to start with
    """

    def __init__(self, max_window_size: int) -> None:
        self.max_window_size = max_window_size
        self.current_window_size = max_window_size
        self._bytes_processed = 0

    def window_consumed(self, size: int) -> None:
        """Take ``size`` octets that arrived off the window.

        :raises FlowControlError: if the window is smaller
        """
        if size > self.current_window_size:
            raise FlowControlError("Flow control window shrunk below 0")
        self.current_window_size -= size

    def window_opened(self, size: int) -> None:
        """Make the window ``size`` octets larger, beyond its largest size if need be.

        :raises FlowControlError: if it would be larger than 2**31 - 1
        """
        window = self.current_window_size + size
        if window > MAX_WINDOW:
            raise FlowControlError(f"Flow control window mustn't exceed {MAX_WINDOW}")
        self.current_window_size = window
        self.max_window_size = max(self.max_window_size, window)

    def process_bytes(self, size: int) -> int | None:
        """Count ``size`` octets as processed; return the increment to send now, if any."""
        self._bytes_processed += size
        increment = increment_due(
            self._bytes_processed, self.current_window_size, self.max_window_size
        )
        if increment <= 0:
            return None
        self.current_window_size += increment
        self._bytes_processed = 0
        return increment
