"""A change of an option takes effect on connections that already use the configuration."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from h2 import settings
from h2._core import lifecycle, state
from h2.buffered import BufferedH2Connection
from h2.config import DummyLogger, H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.limits import AbuseLimits
from h2.settings import SettingCodes, Settings
from tests.support.wire import PREFACE

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]


class Collector(DummyLogger):
    """Counts its calls."""

    def __init__(self) -> None:
        self.told = 0

    def debug(self, *vargs: Any, **kwargs: Any) -> None:
        """Count a message."""
        self.told += 1


def server(config: H2Configuration) -> H2Connection:
    """A server that has received the preface of its client and a request."""
    connection = H2Connection(config)
    connection.initiate_connection()
    return connection


def request() -> bytes:
    """The bytes of a client that sends one request."""
    client = H2Connection()
    client.initiate_connection()
    client.send_headers(1, [*REQUEST, ("Cookie", "a=1"), ("cookie", "b=2")], end_stream=True)
    return client.data_to_send()


def received(connection: H2Connection, data: bytes) -> list[Any]:
    """The fields of the request that arrives."""
    [event] = [e for e in connection.receive_data(data) if isinstance(e, RequestReceived)]
    return event.headers


def test_all_connections_of_a_configuration_notice_a_change() -> None:
    config = H2Configuration(client_side=False)
    connections = [server(config), server(config)]
    assert connections[0]._core.options is connections[1]._core.options
    config.header_encoding = "ascii"
    config.normalize_inbound_headers = False
    for connection in connections:
        fields = received(connection, request())
        assert fields[0] == (":method", "GET")
        assert [name for name, _ in fields].count("cookie") == 2
    config.header_encoding = False
    assert not connections[0]._core.options.encoding


def test_a_logger_that_is_set_later_is_told() -> None:
    config = H2Configuration(client_side=False)
    connection = server(config)
    config.logger = logger = Collector()
    connection.receive_data(PREFACE + b"\0\0\0\x04\0\0\0\0\0")
    assert logger.told == 1
    connection.data_to_send()
    assert logger.told > 1


def test_limits_that_are_set_later_count() -> None:
    config = H2Configuration(client_side=False)
    connection = server(config)
    config.limits = AbuseLimits(pending_answers=3, fields=5)
    assert connection._core.options.few_answers == 3
    assert connection._core.options.suspect_list == 160


def test_a_change_of_the_outbound_options_counts_for_the_next_block() -> None:
    config = H2Configuration(validate_outbound_headers=False)
    client, other = H2Connection(config), H2Connection(H2Configuration(client_side=False))
    for connection in (client, other):
        connection.initiate_connection()
    config.normalize_outbound_headers = False
    other.config.validate_inbound_headers = False
    client.send_headers(1, [*REQUEST, ("Upper", " x")], end_stream=True)
    assert received(other, client.data_to_send())[-1] == (b"Upper", b" x")


def test_another_configuration_can_be_assigned() -> None:
    connection = server(H2Configuration(client_side=False))
    connection.config = config = H2Configuration(client_side=False, header_encoding="ascii")
    assert received(connection, request())[0] == (":method", "GET")
    config.header_encoding = None
    assert connection._core.options.encoding is None


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))]
)
def test_copies_of_a_configuration_have_options_of_their_own(duplicate: Any) -> None:
    config = H2Configuration(client_side=False)
    connection = server(config)
    twin = duplicate(config)
    twin.header_encoding = "ascii"
    assert connection._core.options.encoding is None
    assert server(twin)._core.options.encoding == "ascii"


def test_first_frames_of_connections_with_settings_of_their_own() -> None:
    for size in range(1, 10):
        for _ in range(2):
            connection = H2Connection()
            connection.local_settings = Settings(
                initial_values={SettingCodes.HEADER_TABLE_SIZE: size}
            )
            connection.initiate_connection()
            assert (1).to_bytes(2, "big") + size.to_bytes(4, "big") in connection.data_to_send()
    assert len(lifecycle._FIRST_SETTINGS) <= 4


def test_shared_settings_and_frames_are_bounded() -> None:
    class Limited(H2Connection):
        DEFAULT_MAX_HEADER_LIST_SIZE = 0

    for size in range(20_000, 20_100):
        BufferedH2Connection(stream_window=size)
        Limited.DEFAULT_MAX_HEADER_LIST_SIZE = size
        connection = Limited()
        connection.initiate_connection()
        connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
        assert connection.data_to_send().endswith(size.to_bytes(4, "big"))
    assert settings._shared.cache_info().currsize == 64
    assert state._limited_values.cache_info().currsize == 8
    assert lifecycle._encoded_settings.cache_info().currsize == 8


def test_a_subclass_may_compute_an_option() -> None:
    """Its attributes are read as such, not from the dict of the object."""

    class Configuration(H2Configuration):
        @property
        def header_encoding(self) -> str:  # type: ignore[override] # computed, so not assigned
            return "ascii"

    config = Configuration.__new__(Configuration)
    vars(config).update(vars(H2Configuration(client_side=False)))
    assert (":path", "/") in received(server(config), request())
