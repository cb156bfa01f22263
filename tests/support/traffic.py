"""Generated traffic: byte streams that are valid, nearly valid or random, and their receivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from h2.config import H2Configuration
from h2.connection import H2Connection
from support import fields, wire
from support.wire import Setting

# Receivers -------------------------------------------------------------------------------------

Config = dict[str, Any]


def fresh_server(config: Config) -> H2Connection:
    return H2Connection(H2Configuration(client_side=False, **config))


def beginning_server(config: Config) -> H2Connection:
    conn = fresh_server(config)
    conn.initiate_connection()
    wire.feed(conn, wire.PREFACE)
    return conn


def server(config: Config) -> H2Connection:
    return wire.server(**config)


def busy_server(config: Config) -> H2Connection:
    """Streams 1 (open), 3 (half-closed, answered), 5 (reset by us), 2 (promised)."""
    conn = server(config)
    block = wire.block(wire.POST, add=True)
    wire.feed(conn, *(wire.headers(stream_id, block) for stream_id in (1, 3, 5)))
    wire.feed(conn, wire.data(3, b"all", end_stream=True))
    conn.send_headers(3, wire.RESPONSE)
    conn.push_stream(1, 2, wire.REQUEST)
    conn.reset_stream(5)
    return conn


def leaving_server(config: Config) -> H2Connection:
    conn = busy_server(config)
    conn.close_connection(last_stream_id=7)
    return conn


def fresh_client(config: Config) -> H2Connection:
    return H2Connection(H2Configuration(**config))


def client(config: Config) -> H2Connection:
    conn = wire.client(**config)
    conn.send_headers(1, wire.POST)
    conn.send_headers(3, [(b":method", b"HEAD"), *wire.REQUEST[1:]], end_stream=True)
    conn.send_headers(5, wire.REQUEST)
    return conn


def busy_client(config: Config) -> H2Connection:
    """Streams 1 and 3 as above, 5 (reset by us), 7 (tunnel), 2 (promised)."""
    conn = client(config)
    conn.reset_stream(5)
    conn.send_headers(7, [(b":method", b"CONNECT"), (b":authority", b"a.b:1")])
    wire.feed(conn, wire.headers(7, wire.block(wire.RESPONSE, add=True)), wire.push_promise(1, 2))
    conn.update_settings({Setting.INITIAL_WINDOW_SIZE: 100, Setting.HEADER_TABLE_SIZE: 0})
    return conn


class Scene(NamedTuple):
    """A receiver, its streams, and the octets that it must receive first."""

    build: Callable[[Config], H2Connection]
    client: bool
    streams: tuple[int, ...]
    begin: bytes = b""


SCENES = [
    Scene(fresh_server, False, (), wire.PREFACE + wire.settings()),
    Scene(beginning_server, False, (), wire.settings()),
    Scene(server, False, ()),
    Scene(busy_server, False, (1, 1, 1, 3, 5, 2)),
    Scene(leaving_server, False, (1, 1, 1, 3, 5, 2)),
    Scene(fresh_client, True, (), wire.settings((Setting.ENABLE_CONNECT_PROTOCOL, 1))),
    Scene(client, True, (1, 1, 3, 5)),
    Scene(busy_client, True, (1, 1, 3, 5, 7, 2)),
]
CONFIGS: list[Config] = [
    {},
    {},
    {"validate_inbound_headers": False, "normalize_inbound_headers": False},
    {"header_encoding": "utf-8"},
]

# Frames that are valid by chance at most --------------------------------------------------------

IDS = st.sampled_from([1, 1, 3, 5, 2, 4, 0, 7, 2**31 - 1])
CODES = st.sampled_from([0, 1, 8, 13, 99, 2**32 - 1])
PADDING = st.sampled_from([None, None, None, 0, 7, 255])
CONTENT = st.sampled_from([b"", b"x", b"some content", bytes(600), bytes(16_000)])
SETTINGS = st.tuples(
    st.sampled_from([*Setting, 99]),
    st.sampled_from([0, 1, 1, 100, 4_096, 16_384, 65_535, 2**31 - 1, 2**31]),
)
FLAG = st.booleans()


@st.composite
def wild_blocks(draw: st.DrawFn) -> bytes:
    parts = [
        wire.literal(name, value, pattern=draw(st.sampled_from([0x00, 0x40, 0x10])))
        for name, value in draw(fields.field_lists())
    ]
    index = st.sampled_from([62, 63, 64, 2, 8, 1, 0, 70])
    parts += [wire.indexed(number) for number in draw(st.lists(index, max_size=3))]
    parts += draw(st.sampled_from([[], [], [wire.table_size_update(100)], [b"\x40\x81"]]))
    return b"".join(parts)


WILD = st.one_of(
    st.builds(wire.headers, *(IDS, wild_blocks()), end_stream=FLAG, end_headers=FLAG, pad=PADDING),
    st.builds(wire.push_promise, IDS, st.sampled_from([2, 4, 6, 3, 0]), wild_blocks()),
    st.builds(wire.data, IDS, CONTENT, end_stream=FLAG, pad=PADDING),
    st.builds(wire.priority, IDS, st.sampled_from([0, 1, 9]), exclusive=FLAG),
    st.builds(wire.rst_stream, IDS, CODES),
    st.lists(SETTINGS, max_size=3).map(lambda pairs: wire.settings(*pairs)),
    st.just(wire.settings(ack=True)),
    st.builds(wire.goaway, IDS, CODES, st.sampled_from([b"", b"why"])),
    st.builds(wire.window_update, IDS, st.sampled_from([0, 1, 2**31 - 1])),
    st.builds(wire.continuation, IDS, st.just(b"")),
    st.builds(wire.altsvc, IDS, st.sampled_from([b"", b"https://a.b"]), st.just(b"h2=x")),
    st.builds(wire.frame, st.integers(0, 14), st.integers(0, 255), IDS, st.binary(max_size=12)),
    st.builds(wire.frame, st.just(0), length=st.sampled_from([16_384, 16_385, 2**24 - 1])),
)

# Mostly valid frames ----------------------------------------------------------------------------

REQUESTS: list[list[wire.Field]] = [
    *(list(wire.REQUEST), list(wire.POST), list(wire.POST), list(wire.POST)),
    [*wire.POST, (b"content-length", b"12")],
    [(b":method", b"HEAD"), *wire.REQUEST[1:], (b"x", b"y"), (b"te", b"trailers")],
    [*wire.REQUEST, (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d")],
    [(b":method", b"CONNECT"), (b":authority", b"a.b:1")],
]
RESPONSES: list[list[wire.Field]] = [
    *(list(wire.RESPONSE), [*wire.RESPONSE, (b"set-cookie", b"a=b")]),
    [*wire.RESPONSE, (b"content-length", b"12")],
    [(b":status", b"103"), (b"link", b"</a>")],
    [(b":status", b"204")],
]
QUIET = [
    *(wire.ping(), wire.ping(ack=True), wire.frame(0x42, 3, 5, b"what is this")),
    *(wire.window_update(0, 1_000), wire.priority(9, 1), wire.altsvc(0, b"https://a.b", b"h2=x")),
    *(wire.settings(), wire.settings((Setting.INITIAL_WINDOW_SIZE, 70_000), (99, 1))),
    *(wire.settings((Setting.HEADER_TABLE_SIZE, 0), (Setting.HEADER_TABLE_SIZE, 99)),),
    *(wire.goaway(2**31 - 1), wire.goaway(1, 2, b"why")),
]


@st.composite
def blocks(draw: st.DrawFn, messages: list[list[wire.Field]]) -> bytes:
    """The block of a message, its fields represented in any way, and one repeated by its index."""
    parts = [
        wire.literal(name, value, pattern=draw(st.sampled_from([0x00, 0x40, 0x40, 0x10])))
        for name, value in draw(st.sampled_from(messages))
    ]
    if draw(FLAG):
        parts.append(wire.literal(b"more", b"of it", pattern=0x40))
        parts += [wire.indexed(62)] * draw(st.integers(0, 5))
    return b"".join(parts)


@st.composite
def header_frames(
    draw: st.DrawFn, stream_id: int, messages: list[list[wire.Field]], end_stream: bool
) -> bytes:
    """HEADERS and its CONTINUATION frames."""
    block = draw(blocks(messages))
    cut = draw(st.integers(0, len(block)) | st.just(len(block)))
    frames = wire.headers(
        stream_id,
        block[:cut],
        end_stream=end_stream,
        end_headers=cut == len(block),
        pad=draw(PADDING),
        priority=draw(st.sampled_from([b"", b"", wire.priority_fields(0, 9, True)])),
    )
    if cut < len(block):
        middle = draw(st.integers(cut, len(block)))
        frames += wire.continuation(stream_id, block[cut:middle], end_headers=False)
        frames += wire.continuation(stream_id, block[middle:])
    return frames


@st.composite
def sensible_frame(draw: st.DrawFn, scene: Scene, streams: list[int], answered: set[int]) -> bytes:
    """A frame that is often valid in its place; records the streams that it opens."""
    kind = draw(st.sampled_from(["open", "open", "answer", "data", "data", "end", "quiet", "else"]))
    if kind == "quiet" or (scene.client and not streams):
        return draw(st.sampled_from(QUIET))
    if kind == "open" or not streams:
        if scene.client:
            promised = 2 + max([4, *(stream for stream in streams if stream % 2 == 0)])
            streams.append(promised)
            return wire.push_promise(1, promised, draw(blocks(REQUESTS[:1])))
        stream_id = 2 + max([5, *(stream for stream in streams if stream % 2)])
        streams += [stream_id] * 2
        return draw(header_frames(stream_id, REQUESTS, draw(FLAG)))
    stream_id = draw(st.sampled_from(streams))
    if kind in ("data", "end") and scene.client and stream_id not in answered:
        kind = "answer"
    if kind == "answer":
        answered.add(stream_id)
        messages = RESPONSES if scene.client else [list(wire.TRAILERS)]
        return draw(header_frames(stream_id, messages, not scene.client))
    if kind in ("data", "end") and (scene.client or stream_id % 2):
        return wire.data(stream_id, draw(CONTENT), end_stream=kind == "end", pad=draw(PADDING))
    return draw(
        st.sampled_from(
            [
                *(wire.window_update(stream_id, 1_000), wire.rst_stream(stream_id)),
                *(wire.priority(stream_id, 0), wire.altsvc(stream_id, b"", b"h2=x")),
                *(wire.window_update(stream_id, 0), wire.priority(stream_id, 0)[:-1] + b"\x05"),
            ]
        )
    )


@st.composite
def damaged(draw: st.DrawFn, octets: bytes) -> bytes:
    """The same octets with a few changes."""
    stream = bytearray(octets)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(stream) - 1, 0)))
        change = draw(st.sampled_from(["set", "flip", "drop", "insert", "cut", "repeat"]))
        if change == "insert" or not stream:
            stream[place:place] = draw(st.binary(max_size=9))
        elif change == "set":
            stream[place] = draw(st.integers(0, 255))
        elif change == "flip":
            stream[place] ^= 1 << draw(st.integers(0, 7))
        elif change == "drop":
            del stream[place]
        elif change == "cut":
            del stream[place:]
        else:
            stream += stream[place : place + 40]
    return bytes(stream)


@st.composite
def byte_streams(draw: st.DrawFn, scene: Scene) -> bytes:
    """A sequence of frames, intact or damaged; sometimes random octets."""
    streams = list(scene.streams)
    answered: set[int] = set()
    frames = [scene.begin]
    wild = draw(st.sampled_from([0, 0, 0, 1, 3]))
    for _ in range(draw(st.integers(0, 12))):
        if draw(st.integers(0, 9)) < wild:
            frames.append(draw(WILD))
        else:
            frames.append(draw(sensible_frame(scene, streams, answered)))
    octets = b"".join(frames)
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(damaged(octets))
    return octets + draw(st.binary(max_size=30)) if kind == 1 else octets


Situation = tuple[Callable[[], H2Connection], bytes]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """A function that creates a connection (as often as needed), and the octets that arrive."""
    scene, config = draw(st.sampled_from(SCENES)), draw(st.sampled_from(CONFIGS))
    octets = draw(byte_streams(scene))
    return lambda: scene.build(config), octets
