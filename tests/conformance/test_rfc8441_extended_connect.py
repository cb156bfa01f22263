"""RFC 8441: extended CONNECT and its setting."""

from __future__ import annotations

import pytest

from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
)
from h2.settings import SettingCodes
from support import wire
from support.outcome import (
    assert_connection_error,
    assert_malformed,
    assert_refused,
    kinds,
    only,
    sent,
)
from support.wire import Code, Setting

WEBSOCKET: wire.Fields = (
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":path", b"/chat"),
    (b":authority", b"server.example.com"),
    (b"sec-websocket-protocol", b"chat, superchat"),
    (b"sec-websocket-extensions", b"permessage-deflate"),
    (b"sec-websocket-version", b"13"),
    (b"origin", b"http://www.example.com"),
)
ENABLED = (Setting.ENABLE_CONNECT_PROTOCOL, 1)
DISABLED = (Setting.ENABLE_CONNECT_PROTOCOL, 0)


def enabled_server() -> H2Connection:
    """A server that offered extended CONNECT; the client acknowledged it."""
    conn = wire.server()
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    wire.feed(conn, wire.settings(ack=True))
    conn.clear_outbound_data_buffer()
    return conn


def test_the_example_of_section_5() -> None:
    """CONNECT with :protocol, a 200, WebSocket data in both directions."""
    conn = enabled_server()
    event = only(wire.feed(conn, wire.headers(1, WEBSOCKET)), RequestReceived)
    assert tuple(event.headers) == WEBSOCKET
    conn.send_headers(1, [*wire.RESPONSE, (b"sec-websocket-protocol", b"chat")])
    assert kinds(wire.feed(conn, wire.data(1, b"frame"))) == [DataReceived]
    conn.send_data(1, b"frame", end_stream=True)
    assert len(sent(conn)) == 2


def test_a_client_sends_it_when_the_server_offered_it() -> None:
    """After SETTINGS_ENABLE_CONNECT_PROTOCOL with 1 a client may use it."""
    conn = wire.client(ENABLED)
    conn.send_headers(1, WEBSOCKET)
    assert tuple(wire.decode(sent(conn)[0].fragment)) == WEBSOCKET
    assert kinds(wire.feed(conn, wire.headers(1, wire.RESPONSE))) == [ResponseReceived]


def test_a_client_does_not_send_it_otherwise() -> None:
    """The request is rejected before the offer, and works after it."""
    conn = wire.client()
    assert_refused(conn, "send_headers", 1, WEBSOCKET)
    wire.feed(conn, wire.settings(ENABLED))
    conn.clear_outbound_data_buffer()
    conn.send_headers(1, WEBSOCKET)
    assert len(sent(conn)) == 1


def test_a_server_that_did_not_offer_it() -> None:
    """:protocol without the offer makes a request malformed."""
    request = wire.headers(1, WEBSOCKET)
    assert_malformed(wire.server(), request, known=False)


def test_the_offer_of_the_client_means_nothing() -> None:
    """Receipt of the setting by a server has no effect."""
    conn, request = wire.server(ENABLED), wire.headers(1, WEBSOCKET)
    assert_malformed(conn, request, known=False)


def test_a_request_may_follow_the_offer_before_its_ack() -> None:
    """A client may use the offer as soon as it has seen it; its ACK comes first."""
    conn = wire.server()
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    events = wire.feed(conn, wire.settings(ack=True), wire.headers(1, WEBSOCKET))
    assert kinds(events) == [SettingsAcknowledged, RequestReceived]


METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY = WEBSOCKET[:5]
MALFORMED = {
    "no scheme": [METHOD, PROTOCOL, PATH, AUTHORITY],
    "no path": [METHOD, PROTOCOL, SCHEME, AUTHORITY],
    "no scheme and path": [METHOD, PROTOCOL, AUTHORITY],
    "no authority": [METHOD, PROTOCOL, SCHEME, PATH],
    "empty path": [METHOD, PROTOCOL, SCHEME, (b":path", b""), AUTHORITY],
    "other method": [(b":method", b"GET"), PROTOCOL, SCHEME, PATH, AUTHORITY],
    "two protocols": [METHOD, PROTOCOL, PROTOCOL, SCHEME, PATH, AUTHORITY],
    "connection field": [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY, (b"connection", b"upgrade")],
    "upgrade field": [METHOD, PROTOCOL, SCHEME, PATH, AUTHORITY, (b"upgrade", b"websocket")],
    "protocol after a field": [METHOD, SCHEME, PATH, AUTHORITY, (b"origin", b"x"), PROTOCOL],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_malformed_extended_connect(fields: wire.Fields) -> None:
    """With :protocol, :scheme and :path are required, an authority, and CONNECT."""
    assert_malformed(enabled_server(), wire.headers(1, fields))


@pytest.mark.parametrize(
    "fields",
    [fields for name, fields in MALFORMED.items() if not name.endswith(" field")],
    ids=[name for name in MALFORMED if not name.endswith(" field")],
)
def test_malformed_extended_connect_is_not_sent(fields: wire.Fields) -> None:
    """The same rules apply to what we send."""
    conn = wire.client(ENABLED)
    assert_refused(conn, "send_headers", 1, fields)


@pytest.mark.parametrize("field", [(b"connection", b"upgrade"), (b"upgrade", b"websocket")])
def test_the_fields_of_the_upgrade_are_not_sent(field: wire.Field) -> None:
    """Connection and Upgrade are removed, or rejected if normalization is off."""
    conn = wire.client(ENABLED)
    conn.send_headers(1, [*WEBSOCKET, field])
    assert tuple(wire.decode(sent(conn)[0].fragment)) == WEBSOCKET
    conn = wire.client(ENABLED, normalize_outbound_headers=False)
    assert_refused(conn, "send_headers", 1, [*WEBSOCKET, field])


def test_host_may_stand_for_the_authority() -> None:
    """Here :authority has its ordinary meaning, so host may take its place."""
    fields = [METHOD, PROTOCOL, SCHEME, PATH, (b"host", b"server.example.com")]
    event = only(wire.feed(enabled_server(), wire.headers(1, fields)), RequestReceived)
    assert event.headers == fields


@pytest.mark.parametrize("path", [b"*", b"chat"])
def test_the_path_is_that_of_the_target_uri(path: bytes) -> None:
    """It begins with a slash, for http and https."""
    fields = [METHOD, PROTOCOL, SCHEME, (b":path", path), AUTHORITY]
    request = wire.headers(1, fields)
    assert_malformed(enabled_server(), request, known=False)
    assert_refused(wire.client(ENABLED), "send_headers", 1, fields)


def test_plain_connect_still_works() -> None:
    """The offer changes nothing for a CONNECT without :protocol."""
    plain = ((b":method", b"CONNECT"), (b":authority", b"proxy.example:443"))
    event = only(wire.feed(enabled_server(), wire.headers(1, plain)), RequestReceived)
    assert tuple(event.headers) == plain


@pytest.mark.parametrize("value", [2, 255, 2**32 - 1])
def test_values_other_than_0_and_1(value: int) -> None:
    """The value must be 0 or 1."""
    assert_connection_error(
        wire.client(),
        wire.settings((Setting.ENABLE_CONNECT_PROTOCOL, value)),
        code=Code.PROTOCOL_ERROR,
    )


def test_the_offer_is_not_taken_back_by_the_peer() -> None:
    """A 0 after a 1 violates section 3: connection error PROTOCOL_ERROR."""
    error = assert_connection_error(
        wire.client(ENABLED, strict=True), wire.settings(DISABLED), code=Code.PROTOCOL_ERROR
    )
    assert error.rule == "connect-protocol-revoked"


@pytest.mark.parametrize("pairs", [(ENABLED, DISABLED), (DISABLED, ENABLED, DISABLED)])
def test_the_offer_is_not_taken_back_within_one_frame(pairs: list[tuple[int, int]]) -> None:
    """Settings are processed in order, so 1 and then 0 in one frame is the same."""
    conn = wire.client(strict=True)
    error = assert_connection_error(conn, wire.settings(*pairs), code=Code.PROTOCOL_ERROR)
    assert error.rule == "connect-protocol-revoked"
    assert conn.remote_settings.enable_connect_protocol == 0


def test_the_offer_is_repeated() -> None:
    """A 1 after a 1, and a 0 before a 1, are valid."""
    conn = wire.client(ENABLED, strict=True)
    wire.feed(conn, wire.settings(ENABLED, ENABLED))
    conn = wire.client(DISABLED, strict=True)
    wire.feed(conn, wire.settings(DISABLED, ENABLED))
    assert conn.remote_settings.enable_connect_protocol == 1


def test_an_offer_that_is_taken_back_ends_the_connection_only_if_strict() -> None:
    """By default the last value applies, as in h2 4.4.1: extended CONNECT is then rejected."""
    for conn in (wire.client(ENABLED), wire.client()):
        if conn.config.strict:
            frame = wire.settings(ENABLED, DISABLED)
            assert_connection_error(conn, frame, code=Code.PROTOCOL_ERROR)
            continue
        event = only(wire.feed(conn, wire.settings(ENABLED, DISABLED)), RemoteSettingsChanged)
        assert event.changed_settings[Setting.ENABLE_CONNECT_PROTOCOL].new_value == 0
        assert conn.data_to_send() == wire.settings(ack=True)
        assert_refused(conn, "send_headers", 1, WEBSOCKET)
        wire.feed(conn, wire.settings(ENABLED))
        conn.send_headers(1, WEBSOCKET)


def test_the_client_may_use_it_before_its_acknowledgment_is_read() -> None:
    """Section 3: a client may use it upon receipt of the setting."""
    conn = wire.server()
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    conn.update_settings({Setting.MAX_CONCURRENT_STREAMS: 7})
    assert kinds(wire.feed(conn, wire.headers(1, WEBSOCKET))) == [RequestReceived]
    wire.feed(conn, wire.settings(ack=True), wire.settings(ack=True))
    assert kinds(wire.feed(conn, wire.headers(3, WEBSOCKET))) == [RequestReceived]


def test_the_client_may_use_it_before_it_has_acknowledged_the_first_settings() -> None:
    """The same if the offer is in the first SETTINGS frame."""
    conn = H2Connection(wire.configuration(client_side=False))
    conn.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
    conn.local_settings.acknowledge()
    conn.initiate_connection()
    events = wire.feed(conn, wire.PREFACE, wire.settings(), wire.headers(1, WEBSOCKET))
    assert kinds(events) == [RemoteSettingsChanged, RequestReceived]


def test_what_a_client_announces_is_no_offer() -> None:
    """Only the server's setting enables it."""
    conn = wire.client()
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    assert_refused(conn, "send_headers", 1, WEBSOCKET)


def test_we_do_not_take_the_offer_back() -> None:
    """Sending a 0 after a 1 is rejected, before and after the ACK."""
    conn = wire.server()
    conn.update_settings({Setting.ENABLE_CONNECT_PROTOCOL: 1})
    assert_refused(conn, "update_settings", {Setting.ENABLE_CONNECT_PROTOCOL: 0})
    wire.feed(conn, wire.settings(ack=True))
    assert_refused(conn, "update_settings", {Setting.ENABLE_CONNECT_PROTOCOL: 0})
    assert kinds(wire.feed(conn, wire.headers(1, WEBSOCKET))) == [RequestReceived]


def test_0_before_any_1_is_fine() -> None:
    """A 0 that changes nothing may be repeated."""
    zero = (Setting.ENABLE_CONNECT_PROTOCOL, 0)
    conn = wire.client(zero)
    wire.feed(conn, wire.settings(zero), wire.settings(ENABLED), wire.settings(ENABLED))
    assert conn.remote_settings.enable_connect_protocol == 1
