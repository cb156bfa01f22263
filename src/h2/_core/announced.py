"""Our settings as the peer knows them: SETTINGS frames in flight, and what it acknowledged."""

from __future__ import annotations

from typing import Any, Final

from h2._native import mypyc_attr
from h2.settings import SettingCodes

Values = dict[Any, int]

# Looking up a setting is fastest with the object that is usually the key.
_ENABLE_CONNECT_PROTOCOL: Final[Any] = SettingCodes.ENABLE_CONNECT_PROTOCOL
_INITIAL_WINDOW_SIZE: Final[Any] = SettingCodes.INITIAL_WINDOW_SIZE
_MAX_CONCURRENT_STREAMS: Final[Any] = SettingCodes.MAX_CONCURRENT_STREAMS

#: The values of a SETTINGS frame, and those that take effect when it is acknowledged. Declared with
#: any length because the compiler does not treat a pair as an object with an identity.
Frame = tuple[Any, ...]

_NOTHING: Final[Values] = {}


@mypyc_attr(acyclic=True)
class AnnouncedSettings:
    """Our SETTINGS frames, matched with their acknowledgments (RFC 9113 section 6.5.3).

    :class:`h2.settings.Settings` has the values that are in effect and those that the application
    has assigned. This has what was sent, one entry for each frame, even if the application
    replaces its settings in the meantime.
    """

    __slots__ = ("acknowledged_stream_limit", "connect_protocol", "in_flight", "window_is_known")

    def __init__(self) -> None:
        #: Unacknowledged frames, oldest first.
        self.in_flight: tuple[Frame, ...] = ()
        #: The MAX_CONCURRENT_STREAMS that the peer acknowledged last, None if it never did.
        self.acknowledged_stream_limit: int | None = None
        #: The peer has acknowledged an INITIAL_WINDOW_SIZE.
        self.window_is_known = False
        #: Some frame enables extended CONNECT (RFC 8441 section 3); it may still be in flight.
        self.connect_protocol = False

    def send(self, values: Values) -> None:
        """Add a frame that changes settings."""
        self.in_flight += ((values, values),)
        if values.get(_ENABLE_CONNECT_PROTOCOL):
            self.connect_protocol = True

    def send_first(self, values: Values, place: int) -> None:
        """Add the frame of the connection preface, whose values are already in effect.

        ``place`` is the number of frames in flight that the peer receives before it.
        """
        if self.in_flight:
            before, after = self.in_flight[:place], self.in_flight[place:]
            told = {code: value for frame, _ in before for code, value in frame.items()}
            changes = {
                code: value for code, value in values.items() if told.get(code, value) != value
            }
            self.in_flight = (*before, (values, changes), *after)
        else:
            self.in_flight = ((values, _NOTHING),)
        if values.get(_ENABLE_CONNECT_PROTOCOL):
            self.connect_protocol = True

    def acknowledge(self) -> Frame | None:
        """Count the oldest frame in flight as acknowledged, and return its entry.

        Returns None if no frame is in flight.
        """
        # "SETTINGS frames are acknowledged in the order in which they are received" (6.5.3)
        if not self.in_flight:
            return None
        frame = self.in_flight[0]
        self.in_flight = self.in_flight[1:]
        values, _ = frame
        if _MAX_CONCURRENT_STREAMS in values:
            self.acknowledged_stream_limit = values[_MAX_CONCURRENT_STREAMS]
        if _INITIAL_WINDOW_SIZE in values:
            self.window_is_known = True
        return frame

    def window_growth(self, initial_window: int) -> int:
        """Return by how many octets the frames in flight can enlarge the window of a stream.

        ``initial_window`` is the INITIAL_WINDOW_SIZE that its window contains now (section 6.9.2).
        """
        if not self.in_flight:
            return 0
        sizes: list[int] = [values.get(_INITIAL_WINDOW_SIZE, 0) for values, _ in self.in_flight]
        return max(0, max(sizes) - initial_window)
