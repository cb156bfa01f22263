"""Draw docs/diagrams/flow-control.svg: a sender uses up a window, and the receiver opens it again.

usage: python -m tools.flow_control [--check]

With `--check` nothing is written, and the exit status is 1 if the drawing is out of date. The
figures in it are real: two connections run while it is drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, WindowUpdated
from tools.drawing import Drawing
from tools.pages import write_or_check

_TITLE = (
    "A sender sends DATA frames until its window of 65,535 octets is used up, and waits. The "
    "receiver's program acknowledges what it has dealt with, WINDOW_UPDATE frames open the window, "
    "and the sender goes on."
)
_REQUEST = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
_WIDTH = 400
_SENDER, _RECEIVER = 100, 300  # the horizontal positions of the two ends
_ROW = 30
_SIZE = 10


class _Story:
    """Two connections, and the drawing of what happens between them."""

    def __init__(self) -> None:
        self.sender = H2Connection()
        self.receiver = H2Connection(H2Configuration(client_side=False))
        self.sender.initiate_connection()
        self.receiver.initiate_connection()
        self.sender.send_headers(1, _REQUEST)
        self.receiver.receive_data(self.sender.data_to_send())
        self.sender.receive_data(self.receiver.data_to_send())
        self.receiver.receive_data(self.sender.data_to_send())
        self.drawing = Drawing(_TITLE, _WIDTH, 0)
        self.y = 60.0

    def heads(self) -> None:
        """Draw the two ends."""
        for x, name, role in ((_SENDER, "sender", "a client"), (_RECEIVER, "receiver", "a server")):
            self.drawing.box(x - 85, 5, 170, 38)
            self.drawing.text([name], x, 18, _SIZE + 1)
            self.drawing.text([role], x, 32, _SIZE - 1, kind="muted")

    def window(self, remark: str = "") -> None:
        """Show the sender's window as a bar."""
        size = self.sender.local_flow_control_window(1)
        self.drawing.box(_SENDER - 85, self.y, 80, 12, "group")
        if size:
            self.drawing.box(_SENDER - 85, self.y, 80 * size / 65_535, 12)
        text = f"{size:,}{remark}"
        self.drawing.text([text], _SENDER, self.y + 6, _SIZE, "start")
        self.y += _ROW * 0.75

    def send(self) -> None:
        """Send as large a frame as may be sent, and let it arrive."""
        room = self.sender.local_flow_control_window(1)
        size = min(room, self.sender.max_outbound_frame_size)
        self.sender.send_data(1, bytes(size))
        (event,) = self.receiver.receive_data(self.sender.data_to_send())
        assert isinstance(event, DataReceived)
        self._arrow(_SENDER, _RECEIVER, f"DATA, {event.flow_controlled_length:,} octets", "send")

    def acknowledge(self, size: int) -> None:
        """Let the receiver's program acknowledge, which sends a WINDOW_UPDATE for each window."""
        self.receiver.acknowledge_received_data(size, 1)
        self.drawing.text(["acknowledge_received_data(", f"{size:,}, 1)"], _RECEIVER, self.y + 4, 9)
        self.y += _ROW * 0.8
        updates = self.sender.receive_data(self.receiver.data_to_send())
        deltas = {event.delta for event in updates if isinstance(event, WindowUpdated)}
        assert (len(updates), len(deltas)) == (2, 1)
        text = f"2 x WINDOW_UPDATE, +{deltas.pop():,}"
        self._arrow(_RECEIVER, _SENDER, text, "receive")

    def _arrow(self, start: float, end: float, text: str, kind: str) -> None:
        middle = (start + end) / 2
        self.drawing.text([text], middle, self.y, 9, kind=kind)
        self.drawing.arrow([(start, self.y + 10), (end, self.y + 10)], kind)
        self.y += _ROW * 0.8


def drawing() -> str:
    """The drawing as the text of an SVG file."""
    story = _Story()
    story.heads()
    story.window()
    while story.sender.local_flow_control_window(1):
        story.send()
        wait = "" if story.sender.local_flow_control_window(1) else ": it must wait"
        story.window(wait)
    story.acknowledge(65_535)
    story.window(": it goes on")
    story.send()
    story.drawing.height = story.y
    return story.drawing.svg()


def main(arguments: Sequence[str]) -> int:
    """Write or check the drawing; returns the exit status."""
    return write_or_check("tools.flow_control", {"diagrams/flow-control.svg": drawing()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
