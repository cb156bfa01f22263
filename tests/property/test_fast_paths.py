"""Fast paths equal slow paths: fields arrive, whatever their representation and the caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hpack import Decoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import given, settings
from hypothesis import strategies as st

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from support import wire
from support.fields import Field
from support.snapshot import frozen_events, snapshot

REQUEST = list(wire.REQUEST)
LONG = b"c" * 30
#: Requests with fields that enter tables, recur, are sensitive or change their form.
POOL: list[list[Field]] = [
    REQUEST,
    [*REQUEST, (b"user-agent", b"test"), (b"accept", b"*/*"), (b"accept-encoding", b"gzip")],
    [*REQUEST, (b"user-agent", b"test"), (b"X-Upper", b" in need of stripping ")],
    [*REQUEST, (b"authorization", b"secret"), (b"proxy-authorization", b"too")],
    [*REQUEST, (b"cookie", b"a=b"), (b"cookie", LONG), (b"cookie", b"e=f; " + LONG)],
    [*REQUEST, (b"connection", b"close"), (b"te", b"trailers"), (b"x", b"1"), (b"x", b"1")],
    [*REQUEST, (b"content-length", b"0"), (b"x", b"2"), (b"y", b"caf\xc3\xa9")],
    [*REQUEST, *((b"field-%d" % number, b"v" * 40) for number in range(60))],
]
FRESH = st.tuples(
    st.sampled_from([b"x", b"y", b"x-id", b"accept"]), st.sampled_from([b"", b"1", b"2", b"v" * 50])
)
# With another authority, the same octets of a block represent another request.
AUTHORITY = st.sampled_from([b"a.example", b"b.example", b"c.example"])
LISTS = st.one_of(
    st.sampled_from(POOL),
    st.lists(FRESH, max_size=4).map(lambda fields: [*REQUEST, *fields]),
    st.builds(
        lambda authority, fields: [*REQUEST[:2], (b":authority", authority), REQUEST[3], *fields],
        *(AUTHORITY, st.lists(FRESH, max_size=2)),
    ),
)
#: Repetitions matter: the first one fills caches, the second or third uses them.
HISTORIES = st.lists(st.tuples(LISTS, st.integers(1, 4)), min_size=1, max_size=6).map(
    lambda parts: [fields for fields, times in parts for _ in range(times)]
)


def empty_caches(conn: H2Connection) -> None:
    planner = conn._core.planner
    planner._blocks_generation = -1
    planner._normalized = None
    planner._repeats = False


def empty_decoder(conn: H2Connection) -> None:
    decoder = conn._core.decoder
    decoder._blocks.clear()
    decoder._runs.clear()
    decoder._changed = True


def as_text(fields: list[Field]) -> list[Any]:
    return [(name.decode(), value.decode()) for name, value in fields]


def as_header_tuples(fields: list[Field]) -> list[Any]:
    return [HeaderTuple(name, value) for name, value in fields]


def as_mixture(fields: list[Field]) -> list[Any]:
    """Each field in a form that differs from that of the previous one."""
    forms: list[Callable[[bytes, bytes], Any]] = [
        lambda name, value: (name, value),
        HeaderTuple,
        lambda name, value: (name.decode(), value),
        lambda name, value: [name, value],
        lambda name, value: HeaderTuple(name.decode(), value.decode()),
    ]
    return [forms[number % len(forms)](*field) for number, field in enumerate(fields)]


def as_new_objects(fields: list[Field]) -> list[Any]:
    """Equal fields that share no object with those sent before."""
    return [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in fields]


FORMS: dict[str, Callable[[list[Field]], Iterable[Any]]] = {
    "plain": lambda fields: fields,
    "new objects": as_new_objects,
    "text": as_text,
    "header tuples": as_header_tuples,
    "mixture": as_mixture,
    "tuple": tuple,
    "iterator": iter,
}


def normalized(fields: list[Field], split: bool) -> list[Field]:
    """The fields that must arrive, according to the documentation of the options."""
    arriving = []
    for name, value in fields:
        name, value = name.strip().lower(), value.strip()
        if name != b"connection":
            crumbs = value.split(b"; ") if split and name == b"cookie" else [value]
            arriving += [(name, crumb) for crumb in crumbs]
    return arriving


def is_sensitive(field: HeaderTuple) -> bool:
    """Whether a field must never be indexed (RFC 7541 section 7.1.3)."""
    name, value = field
    if name in (b"authorization", b"proxy-authorization"):
        return True
    return name == b"cookie" and len(value) < 20


class Wire:
    """A client, and a decoder of another package that reads all of its blocks."""

    def __init__(self, **config: Any) -> None:
        self.client = wire.client(**config)
        self.decoder = Decoder()

    def send(self, fields: Iterable[Any]) -> list[HeaderTuple]:
        """Send a request; return the fields as they were represented on the wire."""
        stream_id = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, fields)
        self.client.reset_stream(stream_id)
        frames = wire.parse(self.client.data_to_send())
        return list(self.decoder.decode(b"".join(f.fragment for f in frames[:-1]), raw=True))


@given(HISTORIES, st.booleans())
@settings(max_examples=100)
@pytest.mark.parametrize("form", FORMS)
def test_fields_arrive_in_whatever_form_they_were_given(
    form: str, history: list[list[Field]], split: bool
) -> None:
    link = Wire(split_outbound_cookies=split)
    for fields in history:
        arrived = link.send(FORMS[form](fields))
        assert [tuple(field) for field in arrived] == normalized(fields, split)
        assert [not field.indexable for field in arrived] == list(map(is_sensitive, arrived))


@given(HISTORIES, st.booleans(), st.booleans())
@settings(max_examples=100)
def test_emptied_caches_make_no_difference(
    history: list[list[Field]], split: bool, normalize: bool
) -> None:
    options = {"split_outbound_cookies": split, "normalize_outbound_headers": normalize}
    options["validate_outbound_headers"] = normalize
    fast, slow = Wire(**options), Wire(**options)
    for fields in history:
        empty_caches(slow.client)
        assert fast.send(fields) == slow.send(fields)


@given(st.lists(st.tuples(LISTS, st.sampled_from(list(FORMS))), min_size=2, max_size=12))
@settings(max_examples=150)
def test_forms_in_any_order(history: list[tuple[list[Field], str]]) -> None:
    link = Wire()
    for fields, form in history:
        assert [tuple(field) for field in link.send(FORMS[form](fields))] == (
            normalized(fields, False)
        )


# Never indexed ----------------------------------------------------------------------------------


@given(HISTORIES, st.data())
@settings(max_examples=150)
def test_never_indexed_fields_stay_so(history: list[list[Field]], data: st.DataObject) -> None:
    link = Wire()
    for fields in history:
        marked = data.draw(st.sets(st.integers(0, len(fields) - 1), max_size=3))
        given_fields = [
            NeverIndexedHeaderTuple(*field) if number in marked else field
            for number, field in enumerate(fields)
        ]
        kept = [number for number, field in enumerate(fields) if field[0] != b"connection"]
        for number, field in zip(kept, link.send(given_fields), strict=True):
            assert field.indexable == (number not in marked and not is_sensitive(field))


@pytest.mark.parametrize("form", [tuple, HeaderTuple])
@pytest.mark.parametrize("as_str", [False, True])
def test_a_never_indexed_field_that_is_in_table_and_caches(form: Any, as_str: bool) -> None:
    link = Wire()
    name, value = ("x", "secret") if as_str else (b"x", b"secret")
    plain = [*REQUEST, (name, value) if form is tuple else HeaderTuple(name, value)]
    for _ in range(4):
        assert link.send(plain)[-1].indexable
    assert (b"x", b"secret") in link.client._core.planner.encoder.fields
    never = [*REQUEST, NeverIndexedHeaderTuple(name, value)]
    for _ in range(4):
        assert not link.send(never)[-1].indexable
        assert link.send(plain)[-1].indexable


SECRETS = [(b"authorization", b"secret"), (b"cookie", b"short")]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("repeated", [1, 4])
def test_sensitive_fields_that_got_into_the_table_while_unprotected(
    secret: Field, repeated: int
) -> None:
    """Without normalization no field is protected; when it is switched on, all are."""
    link = Wire(normalize_outbound_headers=False)
    for _ in range(repeated):
        assert link.send([*REQUEST, secret])[-1].indexable
    link.client.config.normalize_outbound_headers = True
    for _ in range(3):
        assert not link.send([*REQUEST, secret])[-1].indexable


@pytest.mark.parametrize("secret", SECRETS)
def test_sensitive_fields_that_a_program_encoded_by_itself(secret: Field) -> None:
    link = Wire()
    link.decoder.decode(link.client.encoder.encode([secret]))
    assert not link.send([*REQUEST, secret])[-1].indexable


def test_a_name_that_got_into_the_table_before_normalization() -> None:
    link = Wire(normalize_outbound_headers=False, validate_outbound_headers=False)
    odd = (b"X-Odd", b" value ")
    assert tuple(link.send([*REQUEST, odd])[-1]) == odd
    link.client.config.normalize_outbound_headers = True
    for _ in range(3):
        assert tuple(link.send([*REQUEST, odd])[-1]) == (b"x-odd", b"value")


def test_another_configuration_takes_effect_at_once() -> None:
    link = Wire()
    fields = [*REQUEST, (b"cookie", b"%s; %s" % (LONG, LONG))]
    for _ in range(4):
        assert len(link.send(fields)) == len(fields)
    link.client.config = H2Configuration(split_outbound_cookies=True)
    assert len(link.send(fields)) == len(fields) + 1
    link.client.config.split_outbound_cookies = False
    assert len(link.send(fields)) == len(fields)


# Receiving --------------------------------------------------------------------------------------


@given(HISTORIES, st.booleans(), st.integers(0, 400))
@settings(max_examples=150)
def test_caches_of_the_decoder_make_no_difference(
    history: list[list[Field]], as_one: bool, table_size: int
) -> None:
    (client, fast), (_, slow) = wire.pair(), wire.pair()
    for number, fields in enumerate(history):
        if number == 3:
            client._core.planner.encoder.header_table_size = table_size
        stream_id = client.get_next_available_stream_id()
        client.send_headers(stream_id, fields)
        client.reset_stream(stream_id)
        octets = client.data_to_send()
        empty_decoder(slow)
        chunks = [octets] if as_one else [octets[:11], octets[11:]]
        events = [event for chunk in chunks for event in fast.receive_data(chunk)]
        again = [event for chunk in chunks for event in slow.receive_data(chunk)]
        assert frozen_events(events) == frozen_events(again)
        assert snapshot(fast) == snapshot(slow)


def test_events_do_not_share_their_lists() -> None:
    """Changes an application makes to the fields of one event do not affect the next one."""
    client, server = wire.pair()
    for stream_id in (1, 3, 5, 7):
        client.send_headers(stream_id, REQUEST)
        _, events = wire.exchange(client, server)
        (event,) = events
        assert isinstance(event, RequestReceived)
        assert event.headers == REQUEST
        event.headers.clear()
