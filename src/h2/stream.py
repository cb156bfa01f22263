"""Names for programs that inspect the streams of a connection."""

from __future__ import annotations

from h2._core.stream import Stream as H2Stream
from h2._core.views import StreamClosedBy, StreamState
from h2._core.views import StreamStateMachine as H2StreamStateMachine

__all__ = ["H2Stream", "H2StreamStateMachine", "StreamClosedBy", "StreamState"]
