"""Starting on a connection that was upgraded from HTTP/1.1 (RFC 7540 section 3.2)."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded, TrailersReceived
from h2.exceptions import InvalidSettingsValueError, ProtocolError
from h2.settings import SettingCodes, Settings
from support import wire
from support.exchange import assert_works, server_connection
from support.outcome import kinds
from support.snapshot import snapshot
from support.wire import Setting


def http2_settings(*pairs: tuple[int, int]) -> bytes:
    payload = b"".join(struct.pack(">HL", *pair) for pair in pairs)
    return base64.urlsafe_b64encode(payload).rstrip(b"=")


def test_both_ends_know_stream_1_and_go_on() -> None:
    client, server = H2Connection(), server_connection()
    value = client.initiate_upgrade_connection()
    assert server.initiate_upgrade_connection(value) is None
    wire.exchange(client, server)
    server.send_headers(1, wire.RESPONSE, end_stream=True)
    events, _ = wire.exchange(client, server)
    assert kinds(events) == [ResponseReceived, StreamEnded]
    assert_works(client, server)


@pytest.mark.parametrize("end", ["HEADERS", "DATA"])
def test_the_request_may_have_been_head(end: str) -> None:
    client = H2Connection()
    client.initiate_upgrade_connection()
    response = [*wire.RESPONSE, (b"content-length", b"5")]
    frames = wire.settings() + wire.headers(1, response, end_stream=end == "HEADERS")
    if end == "DATA":
        frames += wire.data(1, b"", end_stream=True)
    assert kinds(client.receive_data(frames))[-1] is StreamEnded


def test_the_client_tells_its_settings() -> None:
    client = H2Connection()
    client.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: 99})
    value = client.initiate_upgrade_connection()
    assert value is not None
    pairs = dict(struct.iter_unpack(">HL", base64.urlsafe_b64decode(value)))
    assert pairs[Setting.INITIAL_WINDOW_SIZE] == 99
    assert client.data_to_send().startswith(wire.PREFACE)


@pytest.mark.parametrize("padding", [b"", b"=", b"==", b" ", b"\t "])
def test_the_server_takes_them_over(padding: bytes) -> None:
    server = server_connection()
    header = http2_settings((Setting.INITIAL_WINDOW_SIZE, 7), (Setting.MAX_FRAME_SIZE, 20_000))
    if padding.startswith(b"="):
        header = base64.urlsafe_b64encode(base64.urlsafe_b64decode(header + b"=="))
    server.initiate_upgrade_connection(padding.strip(b"=") + header)
    assert server.remote_settings.initial_window_size == 7
    assert server.local_flow_control_window(1) == 7
    assert server.max_outbound_frame_size == 20_000


def test_text_is_taken_as_well() -> None:
    server = server_connection()
    header: Any = http2_settings((Setting.INITIAL_WINDOW_SIZE, 7)).decode()
    server.initiate_upgrade_connection(header)
    assert server.remote_settings.initial_window_size == 7


@pytest.mark.parametrize("header", [None, b""])
def test_no_settings(header: bytes | None) -> None:
    server = server_connection()
    server.initiate_upgrade_connection(header)
    assert server.remote_settings.initial_window_size == 65_535


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (b"?", "upgrade-settings-invalid"),
        (b"AAE", "upgrade-settings-invalid"),  # two octets are not a setting
        (b"AAEAAAAAA", "upgrade-settings-invalid"),
        (b"AAEA", "upgrade-settings-invalid"),  # three octets are not a setting
        (b"AAQA\nAAH", "upgrade-settings-invalid"),
        ("\xff", "upgrade-settings-invalid"),
        (2**62, "upgrade-settings-invalid"),  # not taken as a number of octets to allocate
        (["no", "bytes"], "upgrade-settings-invalid"),
        (http2_settings((Setting.ENABLE_PUSH, 2)), "setting-invalid"),
        (http2_settings((Setting.INITIAL_WINDOW_SIZE, 2**31)), "setting-invalid"),
    ],
)
def test_settings_that_are_not_valid(header: Any, rule: str) -> None:
    server = server_connection()
    before = snapshot(server)
    with pytest.raises(ProtocolError) as caught:
        server.initiate_upgrade_connection(header)
    assert caught.value.rule == rule
    assert snapshot(server) == before


@pytest.mark.parametrize(
    ("pairs", "rule"),
    [
        ([(8, 1), (8, 0)], "connect-protocol-revoked"),
        ([(5, 1), (5, 20_000)], "setting-invalid"),
    ],
)
def test_every_value_counts_if_strict(pairs: list[tuple[int, int]], rule: str) -> None:
    header = http2_settings(*pairs)
    server = H2Connection(H2Configuration(client_side=False, strict=True))
    before = snapshot(server)
    with pytest.raises(InvalidSettingsValueError) as caught:
        server.initiate_upgrade_connection(header)
    assert caught.value.rule == rule
    assert snapshot(server) == before
    server = server_connection()
    server.initiate_upgrade_connection(header)
    assert server.remote_settings[pairs[-1][0]] == pairs[-1][1]


def test_settings_that_were_deleted_are_not_offered() -> None:
    client = H2Connection()
    for setting in (1, 2, 4, 5, 8):
        del client.local_settings[setting]
    value = client.initiate_upgrade_connection()
    assert value is not None
    pairs = list(struct.iter_unpack(">HL", base64.urlsafe_b64decode(value)))
    assert pairs == [(3, 100), (6, 65_536)]
    assert wire.parse(client.data_to_send())[0].settings == pairs


@pytest.mark.parametrize("is_client", [True, False])
def test_an_upgrade_comes_first(is_client: bool) -> None:
    conn = H2Connection() if is_client else server_connection()
    conn.initiate_upgrade_connection()
    with pytest.raises(ProtocolError) as caught:
        conn.initiate_upgrade_connection()
    assert caught.value.rule == "upgrade-too-late"


@pytest.mark.parametrize("is_client", [True, False])
def test_an_upgrade_after_the_other_start_repeats_no_preface(is_client: bool) -> None:
    """Programs written for 4.4.1 may make both calls: settings are sent twice, the octets once."""
    conn = H2Connection() if is_client else server_connection()
    conn.initiate_connection()
    started = conn.data_to_send()
    conn.initiate_upgrade_connection()
    assert conn.data_to_send() == started.removeprefix(wire.PREFACE)
    assert conn.local_flow_control_window(1) == 65_535


def test_the_request_was_not_connect() -> None:
    """A successful response may have trailers: the stream is not a tunnel."""
    client = H2Connection()
    client.initiate_upgrade_connection()
    wire.feed(client, wire.settings(), wire.headers(1, wire.RESPONSE), wire.data(1, b"content"))
    events = wire.feed(client, wire.headers(1, wire.TRAILERS, end_stream=True))
    assert kinds(events) == [TrailersReceived, StreamEnded]
    for request, is_tunnel in (
        (wire.POST, False),
        ([(b":method", b"CONNECT"), wire.REQUEST[2]], True),
    ):
        client.send_headers(client.get_next_available_stream_id(), request)
        stream_id = client._core.streams.highest_outbound
        wire.feed(client, wire.headers(stream_id, wire.RESPONSE))
        assert client._core.streams[stream_id].tunnel is is_tunnel


def test_settings_of_an_upgrade_are_no_event() -> None:
    server = server_connection()
    server.initiate_upgrade_connection(http2_settings((Setting.INITIAL_WINDOW_SIZE, 5)))
    assert server.remote_settings.initial_window_size == 5
    assert server._core.no_events == []
    assert server.receive_data(wire.PREFACE) == []
