"""Write docs/_static/waterfall.html: the recording that the manual shows, with a simulated clock.

usage: python -m tools.waterfall_example [--check]

A client and a server exchange octets over a simulated link with a delay and a rate, so the page is
the same each time. With `--check` nothing is written, and the exit status is 1 if
the page is out of date. `docs/_static/waterfall-*.png` are pictures of it, made with Chromium
(`preferredColorScheme=0` is dark):

    chromium --headless=new --hide-scrollbars --window-size=450,660 --force-device-scale-factor=2 \
        --blink-settings=preferredColorScheme=1 --screenshot=docs/_static/waterfall-1-light.png \
        docs/_static/waterfall.html#1
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events
from h2.recorder import Recorder, to_json, waterfall
from h2.settings import SettingCodes, Settings
from tools.pages import write_or_check

NAME = "_static/waterfall.html"
DELAY = 0.020  # seconds, one way
RATE = 4_000_000  # octets in a second, to the client
STEP = 0.001
PIECE = 4_000  # octets that the link accepts in a step

#: The requests: path, octets of the response, seconds until the server has it, urgency.
REQUESTS = [
    ("/page.html", 6_000, 0.060, 1),
    ("/film.mp4", 260_000, 0.0, 5),
    ("/style.css", 60_000, 0.0, 1),
    ("/picture.jpg", 150_000, 0.0, 3),
]
LARGE_WINDOW = 1_000_000
SMALL_WINDOW = 20_000
#: The client does not read the film between these times, so it gets no window.
PAUSE = (0.30, 0.42)


class Link:
    """One direction: what is sent arrives later."""

    def __init__(self) -> None:
        self._under_way: deque[tuple[float, bytes]] = deque()

    def put(self, now: float, data: bytes) -> None:
        """Send octets."""
        if data:
            self._under_way.append((now + DELAY, data))

    def get(self, now: float) -> bytes:
        """Return what has arrived."""
        found = b""
        while self._under_way and self._under_way[0][0] <= now:
            found += self._under_way.popleft()[1]
        return found


class Server:
    """Answers requests: the most urgent first, those of the same urgency alternately."""

    def __init__(self, connection: h2.connection.H2Connection) -> None:
        self.connection = connection
        self._left: dict[int, int] = {}
        self._ready: dict[int, float] = {}
        self._urgency: dict[int, int] = {}

    def take(self, now: float, data: bytes) -> None:
        """Process what has arrived."""
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                fields = dict(event.headers)
                path = fields[b":path"].decode()
                size, seconds, urgency = {row[0]: row[1:] for row in REQUESTS}[path]
                self._left[event.stream_id] = size
                self._ready[event.stream_id] = now + seconds
                self._urgency[event.stream_id] = urgency

    def write(self, now: float) -> bytes:
        """Return what is sent in this step."""
        for stream_id, ready in list(self._ready.items()):
            if ready <= now:
                del self._ready[stream_id]
                length = str(self._left[stream_id])
                fields = [(":status", "200"), ("content-length", length)]
                self.connection.send_headers(stream_id, fields)
        room = PIECE
        turns = [stream for stream in self._left if stream not in self._ready]
        for stream_id in sorted(turns, key=self._urgency.__getitem__):
            window = self.connection.local_flow_control_window(stream_id)
            octets = min(room, window, self._left[stream_id])
            if octets > 0:
                self._left[stream_id] -= octets
                room -= octets
                end = not self._left[stream_id]
                self.connection.send_data(stream_id, bytes(octets), end_stream=end)
                if end:
                    del self._left[stream_id]
        return self.connection.data_to_send()


class Client:
    """Requests everything, and acknowledges what it has read."""

    def __init__(self, connection: h2.connection.H2Connection) -> None:
        self.connection = connection
        self.missing = set()
        self._owed: list[tuple[int, int]] = []
        for path, _, _, urgency in REQUESTS:
            stream_id = connection.get_next_available_stream_id()
            self.missing.add(stream_id)
            priority = ("priority", f"u={urgency}")
            target = [(":scheme", "https"), (":authority", "example.com"), (":path", path)]
            connection.send_headers(
                stream_id, [(":method", "GET"), *target, priority], end_stream=True
            )

    def take(self, now: float, data: bytes) -> None:
        """Process what has arrived."""
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._owed.append((event.stream_id, event.flow_controlled_length))
            elif isinstance(event, h2.events.StreamEnded):
                self.missing.discard(event.stream_id)
        waiting = []
        for stream_id, octets in self._owed:
            if stream_id == 3 and PAUSE[0] <= now < PAUSE[1]:
                waiting.append((stream_id, octets))
            else:
                self.connection.acknowledge_received_data(octets, stream_id)
        self._owed = waiting


def record(title: str, window: int, *, at_server: bool) -> Recorder:
    """Run the exchange, with this window for each stream, as seen by one of the ends."""
    now = 0.0
    recorder = Recorder(title, clock=lambda: now)
    recorder.began = "2026-01-01T00:00:00"
    logger = None if at_server else recorder
    config = h2.config.H2Configuration(strict=True, logger=logger)
    connection = h2.connection.H2Connection(config)
    settings = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: window}
    connection.local_settings = Settings(initial_values=settings)
    connection.initiate_connection()
    connection.increment_flow_control_window(LARGE_WINDOW)
    logger = recorder if at_server else None
    config = h2.config.H2Configuration(client_side=False, strict=True, logger=logger)
    server = Server(h2.connection.H2Connection(config))
    server.connection.initiate_connection()
    client = Client(connection)
    up, down = Link(), Link()
    step = 0
    while client.missing:
        up.put(now, connection.data_to_send())
        server.take(now, up.get(now))
        down.put(now, server.write(now))
        step += 1
        now = step * STEP
        client.take(now, down.get(now))
    connection.close_connection()
    connection.data_to_send()
    return recorder


def page() -> str:
    """The text of the page."""
    recorders = [
        record("1. large windows, at the client", LARGE_WINDOW, at_server=False),
        record("2. windows of 20 kB, at the client", SMALL_WINDOW, at_server=False),
        record("3. windows of 20 kB, at the server", SMALL_WINDOW, at_server=True),
    ]
    return waterfall(to_json(*recorders), "The same page, three times")


def main(arguments: Sequence[str]) -> int:
    """Write the page, or compare it; returns the exit status."""
    return write_or_check("tools.waterfall_example", {NAME: page()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
