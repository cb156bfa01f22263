"""Random histories of frames, reads and resets, compared with a simple, slow model.

The model keeps the octets of each stream as one string, and the windows as the peer sees them. It
predicts the result of each call, and checks at the end that no part of a window was lost.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from h2.errors import ErrorCodes
from h2.events import DataAvailable
from h2.exceptions import StreamClosedError
from support import wire
from support.receiving import PeerWindows, frames_of, receiving_of, started
from support.wire import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, Code, Setting

STREAMS = (1, 3, 5)
SIZES = (0, 1, 2, 100, 511, 512, 5_000, 16_384, 40_000, 10**6)

#: The steps, and their arguments. Some steps are more frequent.
ACTIONS: dict[str, tuple[Any, ...]] = {
    "send": SIZES,
    "read": (None, *SIZES),
    "flush": (None,),
    "end": (False, True),
    "peer resets": (Code.NO_ERROR, Code.CANCEL),
    "answer": (None,),
    "we reset": (None,),
    "discard": (None,),
    "resize": (1, 2, 10, 1_000, 20_000, 65_535, 100_000),
    "settle": (None,),
}
OFTEN = ["send", "send", "send", "send", "read", "read", "flush"]
Step = tuple[str, int, int]
STEPS: st.SearchStrategy[Step] = st.tuples(
    st.sampled_from([*ACTIONS, *OFTEN]), st.sampled_from(STREAMS), st.integers(0, 999)
)

#: The overhead that counts for each stream whose content is kept without a window.
OVERHEAD = 128


class Message:
    """The model's knowledge of the content of one stream."""

    def __init__(self) -> None:
        self.waiting = b""
        self.ended = False  #: by the peer
        self.answered = False  #: our message on the stream has ended
        self.reset = False  #: by either end
        self.lost = False  #: dropped, or discarded by the program
        self.ignored = False

    @property
    def closed(self) -> bool:
        return self.reset or (self.ended and self.answered)

    @property
    def complete(self) -> bool:
        return self.ended and not self.lost


class History:
    """An end that buffers content, its program, and its peer."""

    def __init__(
        self, client_side: bool, stream_window: int | None, connection_window: int | None
    ) -> None:
        self.client_side = client_side
        self.conn = started(
            client_side, stream_window=stream_window, connection_window=connection_window
        )
        self.windows = PeerWindows()
        self.messages = {stream_id: Message() for stream_id in STREAMS}
        self.kept: list[int] = []  #: streams whose content no longer has a window, oldest first
        self.letter = 0
        wire.feed(self.conn, b"" if client_side else wire.PREFACE, wire.settings())
        self.flush()
        for stream_id in STREAMS:
            if client_side:
                self.conn.send_headers(stream_id, wire.POST)
                self.flush()
            fields = wire.RESPONSE if client_side else wire.POST
            wire.feed(self.conn, wire.headers(stream_id, fields))
            self.windows.open(stream_id)

    def step(self, action: str, stream_id: int, choice: int) -> None:
        arguments = ACTIONS[action]
        getattr(self, action.replace(" ", "_"))(stream_id, arguments[choice % len(arguments)])
        self.check(stream_id)

    def check(self, stream_id: int) -> None:
        message = self.messages[stream_id]
        assert self.conn.readable(stream_id) == len(message.waiting)
        assert self.conn.at_end(stream_id) == (message.complete and not message.waiting)
        core = self.conn._core
        window = core.window
        unread = sum(len(self.messages[at].waiting) for at in STREAMS if at not in self.kept)
        assert window.value + window.handed_back + unread == window.limit
        stream = core.streams.get(stream_id)
        if stream is not None and not message.ended:
            window = stream.window
            assert window.value + window.handed_back + len(message.waiting) == window.limit

    # Steps of the peer.

    def send(self, stream_id: int, amount: int) -> None:
        """DATA as far as the windows allow, some of it padded, all in one read."""
        message = self.messages[stream_id]
        if message.ended or (message.reset and stream_id not in self.windows.streams):
            return
        frames = []
        sent = b""
        while True:
            allowed = min(self.windows.room(stream_id), amount, DEFAULT_FRAME_SIZE)
            if allowed <= 0:
                break
            pad = 3 if allowed % 2 and allowed > 9 else None
            self.letter = (self.letter + 1) % 256
            content = bytes([self.letter]) * (allowed if pad is None else allowed - pad - 1)
            frames.append(wire.data(stream_id, content, pad=pad))
            self.windows.spend(stream_id, allowed)
            amount -= allowed
            sent += content
        taken = sent and not message.reset and not message.ignored
        expected = [DataAvailable(stream_id=stream_id)] if taken else []
        assert wire.feed(self.conn, *frames) == expected
        if taken:
            message.waiting += sent

    def end(self, stream_id: int, with_trailers: bool) -> None:
        message = self.messages[stream_id]
        if not message.ended and not message.reset:
            frame = wire.data(stream_id, end_stream=True)
            if with_trailers:
                frame = wire.headers(stream_id, wire.TRAILERS, end_stream=True)
            wire.feed(self.conn, frame)
            message.ended = True
            del self.windows.streams[stream_id]

    def peer_resets(self, stream_id: int, code: int) -> None:
        message = self.messages[stream_id]
        if not message.closed:
            wire.feed(self.conn, wire.rst_stream(stream_id, code))
            message.reset = True
            self.windows.streams.pop(stream_id, None)
            if not message.ended or code != Code.NO_ERROR:
                self.keep(stream_id)
            self.flush()

    def settle(self, *_: object) -> None:
        """The peer acknowledges a SETTINGS frame."""
        if self.windows.unacknowledged:
            wire.feed(self.conn, self.windows.acknowledge())

    # Steps of the program.

    def read(self, stream_id: int, amount: int | None) -> None:
        message = self.messages[stream_id]
        if not message.waiting and message.closed and not message.complete:
            with pytest.raises(StreamClosedError):
                self.conn.read_data(stream_id, amount)
            return
        expected = message.waiting[:amount]
        assert self.conn.read_data(stream_id, amount) == expected
        message.waiting = message.waiting[len(expected) :]
        self.forget_what_is_empty()

    def answer(self, stream_id: int, _: None) -> None:
        message = self.messages[stream_id]
        if not message.answered and not message.closed:
            if self.client_side:
                self.conn.end_stream(stream_id)
            else:
                self.conn.send_headers(stream_id, wire.RESPONSE, end_stream=True)
            message.answered = True
            self.flush()

    def we_reset(self, stream_id: int, _: None) -> None:
        message = self.messages[stream_id]
        if message.closed:
            with pytest.raises(StreamClosedError):
                self.conn.reset_stream(stream_id, ErrorCodes.CANCEL)
            return
        self.conn.reset_stream(stream_id, ErrorCodes.CANCEL)
        message.reset = message.lost = True
        message.waiting = b""

    def discard(self, stream_id: int, _: None) -> None:
        message = self.messages[stream_id]
        self.conn.discard_data(stream_id)
        message.waiting = b""
        message.ignored = True
        self.forget_what_is_empty()

    def resize(self, _: int, size: int) -> None:
        self.conn.update_settings({Setting.INITIAL_WINDOW_SIZE: size})

    def flush(self, *_: object) -> None:
        """Deliver output. A server returns the windows of requests that it has answered."""
        for stream_id, message in self.messages.items():
            over = message.ended and message.closed and not self.client_side
            if over and stream_id not in self.kept:
                self.keep(stream_id)
        self.windows.read(frames_of(self.conn))

    # Content without a window.

    def keep(self, stream_id: int) -> None:
        if self.messages[stream_id].waiting:
            self.kept.append(stream_id)
            while len(self.kept) > 1 and self.kept_size() > self.conn._core.window.limit:
                dropped = self.messages[self.kept.pop(0)]
                dropped.waiting = b""
                dropped.lost = True

    def kept_size(self) -> int:
        return sum(len(self.messages[at].waiting) + OVERHEAD for at in self.kept)

    def forget_what_is_empty(self) -> None:
        self.kept = [at for at in self.kept if self.messages[at].waiting]

    # The end.

    def finish(self) -> None:
        """Read everything, and deliver everything; then no window may have lost an octet."""
        for stream_id, message in self.messages.items():
            if message.waiting:
                assert self.conn.read_data(stream_id) == message.waiting
        self.flush()
        while self.windows.unacknowledged:
            self.settle()
        self.flush()
        core = self.conn._core
        assert self.windows.connection == core.window.value
        assert core.window.value + core.window.handed_back == core.window.limit
        assert self.windows.connection > 0
        for stream_id, room in self.windows.streams.items():
            if not self.messages[stream_id].reset:
                window = core.streams[stream_id].window
                assert room == window.value
                assert window.value + window.handed_back == window.limit == self.windows.initial
                assert room > 0
        receiving = receiving_of(self.conn)
        assert not receiving._waiting
        left = receiving._leftovers
        assert left is None or (len(left) == 0 and left._size == 0)
        assert not receiving.unread_requests


@given(
    st.booleans(),
    st.sampled_from([None, 1, 1000, 100_000]),
    st.sampled_from([None, DEFAULT_WINDOW, 150_000]),
    st.lists(STEPS, min_size=10, max_size=60),
)
@run(max_examples=200)
def test_content_and_windows_in_any_history(
    client_side: bool,
    stream_window: int | None,
    connection_window: int | None,
    steps: list[Step],
) -> None:
    history = History(client_side, stream_window, connection_window)
    for step in steps:
        history.step(*step)
    history.finish()
