"""The streams that a side knows from successful calls and received events.

The generator writes steps such as "send DATA on a stream that accepts it"; the driver picks the
stream here. The implementation under test is not consulted, so both pick the same stream until the
first difference, and the picked number is part of the trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NOTHING, STARTED, ENDED = range(3)


@dataclass
class StreamView:
    """One stream as one side sees it."""

    mine: bool
    sent: int = NOTHING
    received: int = NOTHING
    reset: bool = False
    promised: bool = False
    unacknowledged: int = 0

    @property
    def closed(self) -> bool:
        """Whether both directions have ended."""
        return self.reset or (self.sent == ENDED and self.received == ENDED)


@dataclass
class Shadow:
    """All streams of one side."""

    client: bool
    streams: dict[int, StreamView] = field(default_factory=dict)

    def pick(self, kind: str, number: int) -> int | None:
        """A stream of the required kind, or None if there is none."""
        if kind in ("idle", "foreign"):
            parity = self.client == (kind == "idle")
            highest = max((sid for sid in self.streams if sid % 2 == parity), default=parity - 2)
            return highest + 2 * (1 + number % 3)
        wanted = [sid for sid, view in sorted(self.streams.items()) if self._fits(kind, view)]
        return wanted[number % len(wanted)] if wanted else None

    def _fits(self, kind: str, view: StreamView) -> bool:
        if kind == "any":
            return True
        if kind == "unacknowledged":
            return view.unacknowledged > 0
        if kind == "closed":
            return view.closed
        if view.closed:
            return False
        return {
            "open": True,
            "sendable": view.sent == STARTED,
            "respondable": view.sent == NOTHING and (view.received > NOTHING or view.promised),
            "pushable": not view.mine and view.sent < ENDED,
            "ended": view.sent == ENDED,
            "awaiting": view.received == NOTHING and not view.promised,
        }[kind]

    def called(self, method: str, args: dict[str, Any]) -> None:
        """A call succeeded."""
        sid = args.get("stream_id")
        if method == "initiate_upgrade_connection":
            sent, received = (ENDED, NOTHING) if self.client else (NOTHING, ENDED)
            self.streams[1] = StreamView(mine=self.client, sent=sent, received=received)
            return
        if method == "push_stream":
            self.streams[args["promised_stream_id"]] = StreamView(
                mine=True, received=ENDED, promised=True
            )
            return
        if sid is None:
            return
        if method == "send_headers" and sid not in self.streams:
            self.streams[sid] = StreamView(mine=True)
        view = self.streams.get(sid)
        if view is None:
            return
        if method == "send_headers" and not _informational(args["headers"]):
            view.sent = ENDED if args.get("end_stream") else STARTED
        elif (method == "send_data" and args.get("end_stream")) or method == "end_stream":
            view.sent = ENDED
        elif method == "reset_stream":
            view.reset = True
        elif method == "acknowledge_received_data":
            view.unacknowledged = max(0, view.unacknowledged - args["acknowledged_size"])

    def received(self, event: Any) -> None:
        """An event was received."""
        name = type(event).__name__
        if name == "PushedStreamReceived":
            self.streams[event.pushed_stream_id] = StreamView(mine=False, sent=ENDED)
            return
        sid = getattr(event, "stream_id", None)
        if name == "RequestReceived":
            self.streams.setdefault(event.stream_id, StreamView(mine=False))
        view = self.streams.get(sid) if sid else None
        if view is None:
            return
        if name in ("RequestReceived", "ResponseReceived"):
            view.received = STARTED
        elif name == "DataReceived":
            view.unacknowledged += event.flow_controlled_length
        elif name == "StreamEnded":
            view.received = ENDED
        elif name == "StreamReset":
            view.reset = True


def _informational(headers: Any) -> bool:
    return any(
        item[0] in (b":status", ":status") and str(item[1]).strip("b'").startswith("1")
        for item in headers
    )
