"""The order in which content is sent, compared with nghttpd, which also uses RFC 9218."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
)
from h2.priorities import Priority
from h2.settings import SettingCodes, Settings
from support.peers import require_program
from support.processes import TIMEOUT, free_port, listening

FRAME = 16_384
SIZE = 6 * FRAME
WIDEST = 2**31 - 1

#: Of the 31 frames that depend only on urgency, this many come after the first window.
BEFORE_OTHERS = 26

# The priorities of Chromium 156 for the parts of a page: the document, style sheet, font, script in
# the head, two images, script in the body, asynchronous script, a fetch by a script, a frame, and a
# prefetch. Its RFC 7540 weights are for servers that do not support RFC 9218.
CHROMIUM = ("u=0, i", "u=0", "u=1", "u=1", "u=2, i", "u=2, i", "u=2", None, "u=1, i", "u=4, i")

# Firefox only sends an urgency, and PRIORITY_UPDATE without "i".
FIREFOX = ("u=0", "u=2", "u=2", "u=1", "u=5", "u=4", "u=6", None)


def serve(listener: socket.socket) -> None:
    """Answer the requests of one connection with content of one size."""
    sock, _ = listener.accept()
    # The client disconnects as soon as it has everything.
    with sock, suppress(OSError):
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn = BufferedH2Connection(H2Configuration(client_side=False))
        conn.initiate_connection()
        sock.sendall(conn.data_to_send())
        while data := sock.recv(65_536):
            for event in conn.receive_data(data):
                if isinstance(event, RequestReceived):
                    conn.send_headers(event.stream_id, [(":status", "200")])
                    conn.send_data(event.stream_id, bytes(SIZE), end_stream=True)
            sock.sendall(conn.data_to_send())


@contextmanager
def ours() -> Iterator[int]:
    """A server with a buffering connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(TIMEOUT)
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(TIMEOUT)
    listener.close()
    assert not thread.is_alive()


@contextmanager
def nghttpd(folder: Path) -> Iterator[int]:
    """An nghttpd that uses only RFC 9218."""
    for number in range(10):
        (folder / str(number)).write_bytes(bytes(SIZE))
    port = free_port()
    command = [require_program("nghttpd"), "--no-tls", "--no-rfc7540-pri", f"--htdocs={folder}"]
    with listening([*command, str(port)], port):
        yield port


class Client:
    """Requests several resources at once, and records the order of their content."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.conn = H2Connection()
        self.conn.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WIDEST,
                SettingCodes.NO_RFC7540_PRIORITIES: 1,
            },
        )
        self.conn.initiate_connection()
        self.order: list[int] = []
        self.ended: set[int] = set()
        self.settings: dict[int, int] = {}
        while not self.settings:
            self.turn(0)

    def turn(self, window: int) -> None:
        """Write and read once, and give the window of the connection this many octets."""
        if window:
            self.conn.increment_flow_control_window(window)
        self.sock.sendall(self.conn.data_to_send())
        for event in self.conn.receive_data(self.sock.recv(65_536)):
            if isinstance(event, RemoteSettingsChanged):
                changed = event.changed_settings
                self.settings = {int(code): setting.new_value for code, setting in changed.items()}
            elif isinstance(event, DataReceived) and event.data:
                self.order += [event.stream_id // 2] * (len(event.data) == FRAME)
            elif isinstance(event, StreamEnded):
                self.ended.add(event.stream_id)
        self.sock.sendall(self.conn.data_to_send())

    def ask(self, priorities: tuple[str | None, ...]) -> None:
        """Send a request for each priority, in one write."""
        for number, priority in enumerate(priorities):
            fields = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost")]
            fields.append((":path", f"/{number}"))
            if priority is not None:
                fields.append(("priority", priority))
            self.conn.send_headers(2 * number + 1, fields, end_stream=True)
        self.sock.sendall(self.conn.data_to_send())


def order(
    port: int,
    priorities: tuple[str | None, ...],
    meanwhile: Callable[[H2Connection], None] | None = None,
) -> list[int]:
    """The number of the response for each whole frame, in order.

    Four frames fill the window of the connection. So the server has all of the requests long
    before it can send the rest. The frames in flight before that mean nothing, and are omitted.
    """
    client = Client(port)
    with client.sock:
        client.ask(priorities)
        while len(client.order) < 3:
            client.turn(0)
        if meanwhile is not None:
            meanwhile(client.conn)
            client.sock.sendall(client.conn.data_to_send())
        time.sleep(0.1)
        client.conn.increment_flow_control_window(WIDEST - 65_535)
        while len(client.ended) < len(priorities):
            client.turn(0)
        client.sock.shutdown(socket.SHUT_WR)
    assert client.settings[SettingCodes.NO_RFC7540_PRIORITIES] == 1
    return client.order[3:]


def here(
    priorities: tuple[str | None, ...], meanwhile: Callable[[H2Connection], None] | None = None
) -> list[int]:
    """The order in which our server sends."""
    with ours() as port:
        return order(port, priorities, meanwhile)


@pytest.fixture
def there(tmp_path: Path) -> Callable[[tuple[str | None, ...]], list[int]]:
    """The order in which nghttpd sends."""

    def ask(priorities: tuple[str | None, ...]) -> list[int]:
        with nghttpd(tmp_path) as port:
            return order(port, priorities)

    return ask


Asked = Callable[[tuple[str | None, ...]], list[int]]


def urgencies(found: list[int], priorities: tuple[str | None, ...]) -> list[int]:
    """The urgency of each frame."""
    return [Priority.parse(priorities[number] or "").urgency for number in found]


@pytest.mark.parametrize(
    "priorities",
    [
        ("u=5", "u=3", "u=1", "u=0", "u=7"),
        ("u=3", "u=3", "u=3", "u=3"),
        ("u=4, i", "u=3", "u=5, i", "u=1, i", "u=0"),
    ],
    ids=["urgency", "one after the other", "one of a kind at each level"],
)
def test_the_same_order(priorities: tuple[str | None, ...], there: Asked) -> None:
    assert here(priorities) == there(priorities)


def test_incremental_responses_share(there: Asked) -> None:
    for found in (here(("u=3, i",) * 4), there(("u=3, i",) * 4)):
        rounds = [found[start : start + 4] for start in range(0, len(found) - 4, 4)]
        assert len(rounds) >= 4
        assert all(sorted(one) == [0, 1, 2, 3] for one in rounds)


def test_the_page_of_firefox(there: Asked) -> None:
    """The order is the same, except that less urgent responses get one frame in 32."""
    found, expected = here(FIREFOX), there(FIREFOX)
    assert found[:BEFORE_OTHERS] == expected[:BEFORE_OTHERS]
    early = Priority.parse(FIREFOX[found[BEFORE_OTHERS]] or "")
    assert early.urgency > Priority.parse(FIREFOX[expected[BEFORE_OTHERS]] or "").urgency


def test_the_page_of_chromium(there: Asked) -> None:
    """The order of levels is the same; within a level, both kinds take turns here."""
    found, expected = here(CHROMIUM), there(CHROMIUM)
    assert (
        urgencies(found, CHROMIUM)[:BEFORE_OTHERS] == urgencies(expected, CHROMIUM)[:BEFORE_OTHERS]
    )
    script, font, fetched = 3, 2, 8
    level = [number for number in found if number in (script, font, fetched)]
    assert level[:6] == [font, fetched] * 3
    level = [number for number in expected if number in (script, font, fetched)]
    assert level == [font] * 6 + [script] * 6 + [fetched] * 6


def test_clients_that_say_nothing_get_all_side_by_side(there: Asked) -> None:
    found = here((None,) * 4)
    assert Counter(found[:12]) == {0: 3, 1: 3, 2: 3, 3: 3}
    assert there((None,) * 4) == sorted(there((None,) * 4))  # nghttpd: one after the other


def test_priority_update_counts_from_the_next_frame() -> None:
    def hurry(conn: H2Connection) -> None:
        conn.send_priority_update(9, urgency=0)

    assert here(("u=3",) * 5, hurry)[:6] == [4] * 6
    assert here(("u=3",) * 5)[:3] == [0, 0, 1]
