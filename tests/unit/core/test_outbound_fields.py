"""Header fields to send: forms, limits of caches, long blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hpack import Decoder, HeaderTuple, NeverIndexedHeaderTuple

from h2._core import field_lookup
from h2._core.field_lookup import Remembered
from h2._core.options import options_of
from h2._core.outbound_fields import FieldPlanner, Plan
from h2._hpack import Entry
from h2._rules.fields import REQUEST as REQUEST_KIND
from h2._rules.fields import RESPONSE as RESPONSE_KIND
from h2._rules.fields import TRAILERS as TRAILERS_KIND
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from support import wire
from support.snapshot import snapshot
from support.wire import Field, Flag, Setting, Type

REQUEST = list(wire.REQUEST)


def sent(conn: H2Connection, decoder: Decoder | None = None) -> list[Field]:
    """The fields of the one field block that is waiting to be sent."""
    fragments = [frame.fragment for frame in wire.parse(conn.data_to_send())]
    return wire.decode(*fragments, decoder=decoder)


def request(conn: H2Connection, fields: Any, decoder: Decoder) -> list[Field]:
    stream_id = conn.get_next_available_stream_id()
    conn.send_headers(stream_id, fields)
    got = sent(conn, decoder)
    conn.reset_stream(stream_id)
    conn.clear_outbound_data_buffer()
    return got


def test_hundreds_of_text_forms() -> None:
    """More variants than the cache holds, each sent often enough to be cached."""
    conn, decoder = wire.client((Setting.HEADER_TABLE_SIZE, 65_536)), Decoder()
    decoder.max_allowed_table_size = 65_536
    for round_ in range(3):
        for number in range(300):
            field = (f"X-Number-{number}", f" {number} ")
            got = request(conn, [*REQUEST, field, field], decoder)
            assert got[4:] == [(b"x-number-%d" % number, b"%d" % number)] * 2, round_
    assert conn._core.planner._normalized is not None
    assert 0 < len(conn._core.planner._normalized) <= 64


def test_text_forms_of_a_field_that_left_the_table() -> None:
    conn, decoder = wire.client(), Decoder()
    text = [*REQUEST, ("X-Text", "1")]
    for _ in range(3):
        assert request(conn, text, decoder)[-1] == (b"x-text", b"1")
    crowd = [*REQUEST, *((b"crowd-%d" % number, b"v" * 60) for number in range(60))]
    assert request(conn, crowd, decoder) == crowd
    for _ in range(3):
        assert request(conn, text, decoder)[-1] == (b"x-text", b"1")


def test_many_different_blocks_are_not_all_kept() -> None:
    conn, decoder = wire.client(), Decoder()
    names = [b"x-%d" % number for number in range(8)]
    for _ in range(3):
        for first in names:
            for second in names:
                fields = [*REQUEST, (first, b"1"), (second, b"1")]
                assert request(conn, fields, decoder) == fields
    assert 0 < len(conn._core.planner._blocks) <= 16


def test_a_block_that_was_kept_counts_for_one_state_of_the_table_only() -> None:
    conn, decoder = wire.client(), Decoder()
    fields = [*REQUEST, (b"x-kept", b"1")]
    for _ in range(4):
        assert request(conn, fields, decoder) == fields
    assert conn._core.planner._blocks
    wire.feed(conn, wire.settings((Setting.HEADER_TABLE_SIZE, 0)))
    conn.clear_outbound_data_buffer()
    decoder.max_allowed_table_size = 0  # the decoder requires a size update from now on
    for _ in range(3):
        assert request(conn, fields, decoder) == fields


@pytest.mark.parametrize(
    "field",
    [
        (b"x", bytearray(b"1")),
        (b"x", [1]),
        [b"x", None],
        (b"x", 1),
        (b"x",),
        (),
        b"xy",
        "xy",
        5,
        None,
        ("x", "\ud800"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("repeated", [False, True])
def test_fields_of_wrong_types(field: Any, repeated: bool) -> None:
    """Even if an equal block was sent before and is in the cache."""
    conn = wire.client()
    if repeated:
        for stream_id in (1, 3, 5):
            conn.send_headers(stream_id, REQUEST)
    before = snapshot(conn)
    with pytest.raises((TypeError, ValueError)):
        conn.send_headers(7, [*REQUEST, (b"new", b"field"), field])
    assert snapshot(conn) == before


@pytest.mark.parametrize("count", [0, 1, 3])
def test_connection_fields_in_any_form_are_left_out(count: int) -> None:
    forms: list[Any] = [
        *((b"Connection", b"close"), ("keep-alive", "timeout=5"), [b"UPGRADE ", b"h2c"]),
        *(HeaderTuple(b"Proxy-Connection", b"x"), NeverIndexedHeaderTuple("te", "trailers")),
    ]
    conn = wire.client()
    conn.send_headers(1, [*REQUEST[:count], *forms[:0], *REQUEST[count:], *forms])
    assert sent(conn) == [*REQUEST, (b"te", b"trailers")]


@pytest.mark.parametrize(
    ("cookie", "crumbs"),
    [
        (b"a=b", [b"a=b"]),
        (b"a=b; c=d; e=f", [b"a=b", b"c=d", b"e=f"]),
        (b" a=b;c=d; ", [b"a=b;c=d;"]),
        (b"a=b;  c=d", [b"a=b", b"c=d"]),
    ],
)
@pytest.mark.parametrize("never", [False, True])
def test_cookies_are_split(cookie: bytes, crumbs: list[bytes], never: bool) -> None:
    cls = NeverIndexedHeaderTuple if never else HeaderTuple
    for field in (cls(b"cookie", cookie), cls("Cookie", cookie.decode())):
        conn = wire.client(split_outbound_cookies=True)
        conn.send_headers(1, [*REQUEST, field])
        (frame,) = wire.parse(conn.data_to_send())
        got = list(Decoder().decode(frame.fragment, raw=True))[4:]
        assert got == [(b"cookie", crumb) for crumb in crumbs]
        assert not any(crumb.indexable for crumb in got)


def test_a_long_crumb_may_be_indexed_but_not_one_of_a_never_indexed_cookie() -> None:
    long = b"c" * 30
    for cls, indexable in ((HeaderTuple, True), (NeverIndexedHeaderTuple, False)):
        conn = wire.client(split_outbound_cookies=True)
        conn.send_headers(1, [*REQUEST, cls(b"cookie", long + b"; " + long)])
        (frame,) = wire.parse(conn.data_to_send())
        got = list(Decoder().decode(frame.fragment, raw=True))[4:]
        assert [crumb.indexable for crumb in got] == [indexable] * 2


def test_nothing_but_connection_fields() -> None:
    conn = wire.client(validate_outbound_headers=False)
    before = snapshot(conn)
    with pytest.raises(ValueError, match="at least one header field"):
        conn.send_headers(1, [(b"connection", b"close")])
    assert snapshot(conn) == before


def test_empty_trailers() -> None:
    conn = wire.client()
    conn.send_headers(1, wire.POST)
    conn.clear_outbound_data_buffer()
    conn.send_headers(1, [], end_stream=True)
    assert conn.data_to_send() == wire.headers(1, b"", end_stream=True)


# Long blocks ------------------------------------------------------------------------------------

SIZE = wire.DEFAULT_FRAME_SIZE


def incompressible(size: int) -> bytes:
    """A value that Huffman coding would lengthen, so it is sent as raw octets."""
    return b"\xfe" * size


@pytest.mark.parametrize("spare", [-2, -1, 0, 1, 2, SIZE, SIZE + 1, 2 * SIZE])
@pytest.mark.parametrize("with_priority", [False, True])
def test_blocks_around_the_largest_frame(spare: int, with_priority: bool) -> None:
    """``spare`` octets more than one frame holds, including the priority fields."""
    keywords: dict[str, Any] = {"priority_weight": 200, "priority_depends_on": 7}
    keywords = keywords if with_priority else {}
    prefix = 5 if with_priority else 0
    probe = wire.client()
    probe.send_headers(1, [*REQUEST, (b"x", incompressible(SIZE - 100))])
    around = sum(len(frame.payload) for frame in wire.parse(probe.data_to_send())) - SIZE + 100
    value = incompressible(SIZE + spare - around - prefix)
    conn = wire.client()
    conn.send_headers(1, [*REQUEST, (b"x", value)], end_stream=True, **keywords)
    first, *rest = wire.parse(conn.data_to_send())
    assert sum(len(frame.payload) for frame in (first, *rest)) in range(
        SIZE + spare - 2, SIZE + spare + 3
    )
    assert bool(rest) == (sum(len(f.payload) for f in (first, *rest)) > SIZE)
    assert first.has(Flag.END_STREAM)
    assert first.has(Flag.PRIORITY) == with_priority
    assert [frame.type for frame in rest] == [Type.CONTINUATION] * len(rest)
    assert [f.has(Flag.END_HEADERS) for f in (first, *rest)] == [False] * len(rest) + [True]
    assert max(len(frame.payload) for frame in (first, *rest)) <= SIZE
    fields = wire.decode(*(frame.fragment for frame in (first, *rest)))
    assert fields == [*REQUEST, (b"x", value)]
    if with_priority:
        assert first.payload[:5] == wire.priority_fields(7, 200)


@pytest.mark.parametrize("size", [10, SIZE - 20, SIZE, 3 * SIZE])
def test_long_promises(size: int) -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.clear_outbound_data_buffer()
    fields = [*REQUEST, (b"x", incompressible(size))]
    conn.push_stream(1, 2, fields)
    frames = wire.parse(conn.data_to_send())
    assert frames[0].type == Type.PUSH_PROMISE
    assert frames[0].promised_stream_id == 2
    assert max(len(frame.payload) for frame in frames) <= SIZE
    assert wire.decode(*(frame.fragment for frame in frames)) == fields


def test_the_peer_may_take_larger_frames() -> None:
    conn = wire.client((Setting.MAX_FRAME_SIZE, 100_000))
    conn.send_headers(1, [*REQUEST, (b"x", incompressible(60_000))])
    assert len(wire.parse(conn.data_to_send())) == 1


def test_a_long_block_arrives_at_the_other_end() -> None:
    client, server = wire.pair()
    fields = [*REQUEST, *((b"x-%d" % number, incompressible(500)) for number in range(100))]
    client.send_headers(1, fields, end_stream=True, priority_exclusive=True)
    events = server.receive_data(client.data_to_send())
    assert events[0].headers == fields  # type: ignore[attr-defined]  # a RequestReceived


def test_names_at_indices_beyond_the_usual() -> None:
    """With a large table, the index of a name may take three octets."""
    conn, decoder = wire.client((Setting.HEADER_TABLE_SIZE, 65_536)), Decoder()
    decoder.max_allowed_table_size = 65_536
    many = [(b"x-%d" % number, b"1") for number in range(300)]
    assert request(conn, [*REQUEST, *many], decoder) == [*REQUEST, *many]
    for again in range(6):
        old = [
            NeverIndexedHeaderTuple(b"x-3", b"secret"),
            (b"x-4", b"new %d" % again),
            *many[5:8],
        ]
        assert request(conn, [*REQUEST, *old], decoder) == [*REQUEST, *old]


@pytest.mark.parametrize("before", ["normalize_outbound_headers", "validate_outbound_headers"])
def test_options_that_change_before_anything_was_sent(before: str) -> None:
    conn = wire.client(**{before: False})
    setattr(conn.config, before, True)
    decoder = Decoder()
    for _ in range(3):
        assert request(conn, [*REQUEST, (b"X", b"1")], decoder)[-1] == (b"x", b"1")


@pytest.mark.parametrize(("length", "allowed"), [(b"0", True), (b"5", False)])
def test_promised_requests_have_no_content(length: bytes, allowed: bool) -> None:
    conn = wire.server()
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    fields = [*REQUEST, (b"content-length", length)]
    if allowed:
        conn.push_stream(1, 2, fields)
    else:
        with pytest.raises(ProtocolError) as caught:
            conn.push_stream(1, 2, fields)
        assert caught.value.rule == "push-not-safe"


def test_an_origin_that_is_too_long() -> None:
    conn = wire.server((Setting.MAX_FRAME_SIZE, 100_000))
    conn.advertise_alternative_service(b"h2=x", origin=bytes(65_535))
    before = snapshot(conn)
    with pytest.raises(ValueError, match="65535"):
        conn.advertise_alternative_service(b"h2=x", origin=bytes(65_536))
    assert snapshot(conn) == before


def test_text_without_normalization() -> None:
    conn = wire.client(normalize_outbound_headers=False)
    decoder = Decoder()
    text = [(name.decode(), value.decode()) for name, value in REQUEST]
    for _ in range(3):
        fields = [*text, ("x", "caf\xe9"), HeaderTuple("authorization", "secret")]
        assert request(conn, fields, decoder) == [
            *REQUEST,
            (b"x", b"caf\xc3\xa9"),
            (b"authorization", b"secret"),
        ]


# The planner by itself: what it keeps, and which blocks need the full check ----------------------


class Planned(NamedTuple):
    """A field block that has been planned and encoded."""

    plan: Plan
    block: bytes
    kept: bool  #: the octets come from the cache


class Sender:
    """A planner with its options, and the decoder at the other end."""

    def __init__(self, **options: Any) -> None:
        self.config = H2Configuration(**options)
        self.planner = FieldPlanner()
        self.decoder = Decoder()

    def send(self, fields: list[Any], kind: int = RESPONSE_KIND) -> Planned:
        plan = self.planner.plan(options_of(self.config), kind, fields)
        kept = bool(plan.encoded)
        block = plan.encoded or self.planner.encode(plan, kind, fields)
        assert wire.decode(block, decoder=self.decoder) == [(bytes(f[0]), f[1]) for f in fields]
        return Planned(plan, block, kept)


LENGTH = (b"content-length", b"5")


@pytest.mark.parametrize(
    ("kind", "fields", "valid"),
    [
        (REQUEST_KIND, REQUEST, True),
        (REQUEST_KIND, [*REQUEST, LENGTH, (b"x", b"1"), (b"x", b"2")], True),
        (REQUEST_KIND, [*REQUEST, LENGTH, LENGTH], False),
        (REQUEST_KIND, REQUEST[:3], False),
        (REQUEST_KIND, [*REQUEST, REQUEST[0]], False),
        (REQUEST_KIND, [*REQUEST[:3], (b"x", b"1"), REQUEST[3]], False),
        (REQUEST_KIND, [*REQUEST[:3], (b"x", b"1"), (b"y", b"1"), REQUEST[3]], False),
        (REQUEST_KIND, [(b"x", b"1"), *REQUEST], False),
        (RESPONSE_KIND, [(b":status", b"200"), LENGTH], True),
        (RESPONSE_KIND, [(b":status", b"200"), (b"x", b"a\nb")], False),
        (TRAILERS_KIND, [(b"x", b"1")], True),
        (TRAILERS_KIND, [(b":status", b"200")], False),
    ],
)
def test_which_blocks_need_the_full_check(kind: int, fields: list[Field], valid: bool) -> None:
    for _ in range(3):
        plan = Sender().planner.plan(options_of(H2Configuration()), kind, fields)
        assert plan.valid is valid


def test_the_plan_has_the_authority() -> None:
    assert Sender().send(REQUEST, REQUEST_KIND).plan.authority == b"example.com"
    assert Sender().send([(b":status", b"200")]).plan.authority is None


@pytest.mark.parametrize(("octets", "kept"), [(1, True), (128, True), (129, False)])
def test_a_short_block_of_indexed_fields_is_kept(octets: int, kept: bool) -> None:
    sender = Sender()
    fields = [(b":status", b"200")] * octets
    first = sender.send(fields)
    assert len(first.block) == octets
    for _ in range(2):
        again = sender.send(list(fields))
        assert (again.kept, again.plan is first.plan) == (kept, kept)
        assert again.block == first.block


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        # What a response to CONNECT means depends on the request.
        (REQUEST_KIND, [(b":method", b"CONNECT"), (b":path", b"/")]),
        (RESPONSE_KIND, [(b":status", b"200"), (b"authorization", b"secret")]),
        (RESPONSE_KIND, [NeverIndexedHeaderTuple(b":status", b"200")]),
        (RESPONSE_KIND, [[b":status", b"200"]]),
    ],
    ids=["CONNECT", "sensitive", "never-indexed", "list"],
)
def test_blocks_that_are_not_kept(kind: int, fields: list[Any]) -> None:
    sender = Sender()
    assert [sender.send(fields, kind).kept for _ in range(6)] == [False] * 6


def test_a_kept_block_counts_for_its_kind_and_not_for_never_indexed_fields() -> None:
    sender = Sender()
    fields = [(b"accept-encoding", b"gzip, deflate")]
    for _ in range(2):
        last = sender.send(fields, TRAILERS_KIND)
    assert last.kept
    assert sender.send([HeaderTuple(*fields[0])], TRAILERS_KIND).plan is last.plan
    assert not sender.send(fields, RESPONSE_KIND).plan.valid
    for _ in range(2):
        never = sender.send([NeverIndexedHeaderTuple(*fields[0])], TRAILERS_KIND)
        assert not never.kept
        assert never.block[0] >> 4 == 1  # RFC 7541 section 6.2.3
        assert sender.send(fields, TRAILERS_KIND).block == last.block


def test_the_seventeenth_block_replaces_the_kept_ones() -> None:
    sender = Sender()
    blocks = [[(b":status", b"200")] * count for count in range(1, 18)]
    for fields in blocks[:16]:
        sender.send(fields)
    assert all(sender.send(fields).kept for fields in blocks[:16])
    sender.send(blocks[16])
    assert len(sender.planner._blocks) == 1
    assert sender.send(blocks[16]).kept
    assert not sender.send(blocks[0]).kept


def test_blocks_are_kept_for_each_connection_alone() -> None:
    for _ in range(2):
        assert not Sender().send([(b":status", b"200")]).kept


def test_a_kept_block_is_not_sent_with_other_contents_of_the_table() -> None:
    """Its octets represent other fields after an insertion into the table."""
    sender = Sender()
    fields = [(b":status", b"200"), (b"x", b"1")]
    for number in range(6):
        for _ in range(3):
            last = sender.send(fields)
        assert last.kept
        sender.send([(b":status", b"200"), (b"new-%d" % number, b"1")])
        assert not sender.send(fields).kept


def test_fields_that_an_application_encoded_are_normalized_before_they_are_sent() -> None:
    conn, decoder = wire.client(), Decoder()
    for _ in range(3):
        decoder.decode(conn.encoder.encode([(b"X-Upper", b"1")]))
    for _ in range(3):
        fields = [*REQUEST, (b"X-Upper", b"1")]
        assert request(conn, fields, decoder)[-1] == (b"x-upper", b"1")


def test_fields_that_were_sent_as_they_are_do_not_pass_with_other_options() -> None:
    conn, decoder = wire.client(normalize_outbound_headers=False), Decoder()
    conn.config.validate_outbound_headers = False
    for _ in range(3):
        fields = [*REQUEST, (b"X-Upper", b"1"), ("X-Text", "1")]
        assert request(conn, fields, decoder)[4:] == [(b"X-Upper", b"1"), (b"X-Text", b"1")]
    conn.config.normalize_outbound_headers = True
    for _ in range(3):
        assert request(conn, fields, decoder)[4:] == [(b"x-upper", b"1"), (b"x-text", b"1")]


@pytest.mark.parametrize("normalize", [True, False])
def test_a_configuration_that_is_assigned_counts_for_the_next_block(normalize: bool) -> None:
    """Even if as many options were changed on it as on the previous one."""
    options: dict[str, Any] = {
        "normalize_outbound_headers": not normalize,
        "validate_outbound_headers": False,
    }
    conn, decoder = wire.client(**options), Decoder()
    fields = [*REQUEST, (b"X-Upper", b"1")]
    names = (b"x-upper", b"X-Upper")
    assert request(conn, fields, decoder)[-1] == (names[normalize], b"1")
    conn.config = H2Configuration(**{**options, "normalize_outbound_headers": normalize})
    assert request(conn, fields, decoder)[-1] == (names[not normalize], b"1")


def test_blocks_that_were_kept_are_forgotten_when_options_change() -> None:
    """Otherwise a message that was not validated would be sent again although it is malformed."""
    conn = wire.server(validate_outbound_headers=False)
    wire.feed(conn, *(wire.headers(stream_id, wire.REQUEST) for stream_id in range(1, 13, 2)))
    malformed = [(b":status", b"200"), (b":status", b"404")]
    for stream_id in (1, 3):
        conn.send_headers(stream_id, malformed)
    conn.config.validate_outbound_headers = True
    for stream_id in (5, 7):
        conn.send_headers(stream_id, [(b":status", b"200")])
    with pytest.raises(ProtocolError) as caught:
        conn.send_headers(9, malformed)
    assert caught.value.rule == "pseudo-repeated"


@pytest.mark.parametrize(
    "field", [("x-form", b"1"), (b"x-form", "1"), [b"x-form", b"1"], (b"x-form", b"1", b"more")]
)
def test_other_forms_of_fields(field: Any) -> None:
    conn, decoder = wire.client(), Decoder()
    for _ in range(3):
        conn.send_headers(conn.get_next_available_stream_id(), [*REQUEST, field])
        (frame,) = wire.parse(conn.data_to_send())
        got = list(decoder.decode(frame.fragment, raw=True))[-1]
        assert (tuple(got), got.indexable) == ((b"x-form", b"1"), True)


@pytest.mark.parametrize("name", [b"authorization", b"cookie"])
@pytest.mark.parametrize("normalize", [True, False])
def test_sensitive_fields_are_never_indexed_by_normalization(name: bytes, normalize: bool) -> None:
    conn = wire.client(normalize_outbound_headers=normalize)
    conn.send_headers(1, [*REQUEST, (name, b"secret")])
    (frame,) = wire.parse(conn.data_to_send())
    assert list(Decoder().decode(frame.fragment, raw=True))[-1].indexable is not normalize


@pytest.mark.parametrize("split", [True, False])
def test_only_cookies_are_split(split: bool) -> None:
    """Even when an omitted field makes the planner process all fields again."""
    long = b"c" * 30
    cookies = [(b"cookie", long)] * 2 if split else [(b"cookie", long + b"; " + long)]
    others = [(b"x", b"a; b"), (b"authorization", b"a; b")]
    for more in ([], [(b"connection", b"close")]):
        conn = wire.client(split_outbound_cookies=split)
        conn.send_headers(1, [*REQUEST, (b"cookie", long + b"; " + long), *others, *more])
        (frame,) = wire.parse(conn.data_to_send())
        got = list(Decoder().decode(frame.fragment, raw=True))[4:]
        assert got == [*cookies, *others]
        assert [field.indexable for field in got] == [True] * len(cookies) + [True, False]


def test_at_most_64_text_forms_are_kept() -> None:
    sender, sizes = Sender(), []
    for spaces in range(66):
        field = ("accept-encoding", "gzip, deflate" + spaces * " ")
        sender.planner.plan(options_of(sender.config), TRAILERS_KIND, [field])
        sizes.append(len(sender.planner._normalized or ()))
    assert sizes == [*range(1, 65), 1, 2]


def test_fields_in_the_table_are_indexed_beside_never_indexed_ones() -> None:
    sender = Sender()
    fields = [(b":status", b"200"), (b"x", b"1")]
    for _ in range(3):
        last = sender.send(fields)
    assert last.kept
    never = sender.send([*fields, NeverIndexedHeaderTuple(b"y", b"1")])
    assert never.block[:2] == last.block


def test_what_the_compiled_build_looks_up() -> None:
    """`find_entries` replaces the dict look-ups of the pure build."""
    sender = Sender()
    known = (b"x", b"1")
    for _ in range(2):
        sender.send([(b":status", b"200"), known])
    checked = sender.planner._checked
    headers: list[Any] = [
        *(known, HeaderTuple(*known), NeverIndexedHeaderTuple(*known), [*known]),
        *((b"y", b"1"), ("x", "1"), (b"x", [1])),
    ]
    remembered = Remembered()
    for _ in range(2):
        found = field_lookup.find_entries(checked, headers, remembered)
        assert found == [checked[known]] * 2 + [None] * 5
    assert remembered.fields == [known] * 2 + [field_lookup._NO_FIELD] * 5


def test_remembered_fields() -> None:
    """A field at the position of the last block needs no look-up while it is in the table."""
    sender = Sender()
    known = (b"x", b"1")
    for _ in range(2):
        sender.send([(b":status", b"200"), known])
    entry = sender.planner._checked[known]
    remembered = Remembered()

    def find(checked: dict[Any, Entry], headers: list[Any]) -> list[Entry | None]:
        return list(field_lookup.find_entries(checked, headers, remembered))

    assert find({}, [known]) == [None]
    assert find({known: entry}, [known, known]) == [entry, entry]
    assert find({}, [known, known]) == [entry, entry]
    # Another object, and fewer fields.
    assert find({}, [(b"x", bytes([49]))]) == [None]
    assert find({}, [known, None]) == [None, None]
    assert find({known: entry}, [known]) == [entry]
    sender.planner.encoder.header_table_size = 0
    assert find({}, [known]) == [None]


@pytest.mark.parametrize("later", [None, field_lookup.Remembered, "", ()])
def test_what_is_not_a_field_is_not_taken_for_an_earlier_one(later: Any) -> None:
    """The planner adds entries of new fields to the list of those that were found."""
    entry = Entry((b"x", b"1"), 0, seq=1)
    remembered = Remembered()
    found = field_lookup.find_entries({}, [(b"x", b"1")], remembered)
    assert found == [None]
    found[0] = entry
    assert field_lookup.find_entries({}, [later], remembered) == [None]


@pytest.mark.parametrize("kind", [REQUEST_KIND, TRAILERS_KIND])
def test_a_block_with_none_in_the_place_of_a_field_is_refused(kind: int) -> None:
    sender = Sender()
    fields = [*REQUEST, (b"x-secret", b"1")] if kind == REQUEST_KIND else [(b"x-secret", b"1")]
    options = options_of(sender.config)
    for _ in range(3):
        sender.planner.encode(sender.planner.plan(options, kind, fields), kind, fields)
        with pytest.raises(TypeError):
            sender.planner.plan(options, kind, [*fields[:-1], None])


class Octets(bytes):
    """What a program may use for octets."""


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("field", [(Octets(b"x"), b"1"), (b"x", Octets(b"1")), (Octets(b"x"), "1")])
def test_an_encoder_gets_plain_octets(normalize: bool, field: Any) -> None:
    sender = Sender(normalize_outbound_headers=normalize)
    (entry,) = sender.planner.plan(options_of(sender.config), TRAILERS_KIND, [field]).entries
    assert entry.field == (b"x", b"1")
    assert [*map(type, entry.field)] == [bytes, bytes]


def test_fields_of_other_options_are_not_remembered() -> None:
    sender = Sender(validate_outbound_headers=False)
    fields = [(b":status", b"200"), (b"x", b"1"), (b"connection", b"close")]
    sender.config.normalize_outbound_headers = False
    for _ in range(3):
        sender.send(fields)
    sender.config.normalize_outbound_headers = True
    plan = sender.planner.plan(options_of(sender.config), RESPONSE_KIND, fields)
    assert [entry.field for entry in plan.entries] == fields[:2]


def test_a_field_that_calls_the_connection_while_it_is_looked_up() -> None:
    conn, decoder = wire.client(), Decoder()
    fields = [*REQUEST, (b"x", b"1"), (b"y", b"2")]
    other = [*REQUEST, (b"x", b"3"), (b"y", b"4"), (b"z", b"5")]

    class Calling(bytes):
        """A value that sends another request when its hash is computed, once."""

        def __hash__(self) -> int:
            if not calls:
                calls.append(1)
                assert request(conn, other, decoder) == other
            return super().__hash__()

    calls: list[int] = []
    for _ in range(3):
        assert request(conn, fields, decoder) == fields
    conn.send_headers(conn.get_next_available_stream_id(), [*fields, (b"w", Calling(b"6"))])
    assert sent(conn, decoder) == [*fields, (b"w", b"6")]
    assert calls


def test_how_the_compiled_build_finds_a_kept_block() -> None:
    """`_find_block` does what `plan` does in the pure build."""
    sender = Sender()
    fields = [(b"accept-encoding", b"gzip, deflate")]
    other = [(b"accept-encoding", b"gzip, deflate"), *fields]
    find = sender.planner._find_block
    assert find(TRAILERS_KIND, fields) is None
    plan = sender.send(fields, TRAILERS_KIND).plan
    longer = sender.send(other, TRAILERS_KIND).plan
    for _ in range(2):
        assert find(TRAILERS_KIND, list(fields)) is plan
        assert find(RESPONSE_KIND, fields) is None
        assert find(TRAILERS_KIND, [NeverIndexedHeaderTuple(*fields[0])]) is None
        assert find(TRAILERS_KIND, [HeaderTuple(*fields[0])]) is plan
        assert find(TRAILERS_KIND, other) is longer
        assert find(TRAILERS_KIND, [(b"x", [])]) is None
        assert find(TRAILERS_KIND, []) is None
        assert find(TRAILERS_KIND, [(b"accept-encoding", b"gzip, deflate"[:])]) is plan


def test_a_kept_block_has_its_entries() -> None:
    """Later blocks use the list of a plan again, but not that of a kept block."""
    sender = Sender()
    fields = [(b":status", b"200"), (b"accept-ranges", b"")]
    sender.send(fields)
    plan = sender.send(fields).plan
    assert plan.encoded
    sender.send([(b":status", b"404"), (b"age", b"1")])
    assert [entry.field for entry in plan.entries] == fields
    assert plan.fields == fields


def test_memory_of_a_planner() -> None:
    """Only the compiled build remembers fields, in one list for each planner and its options."""
    one, other = FieldPlanner(), FieldPlanner()
    memory = one._memory()
    assert memory == [None, None, None]
    assert one._memory() is memory
    assert other._memory() is not memory
    one.use_encoder(other.encoder)
    assert one._memory() is not memory
