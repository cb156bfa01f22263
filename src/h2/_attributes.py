"""The attributes of a connection: what :class:`h2.connection.H2Connection` lets programs see."""

from __future__ import annotations

from typing import Any

from h2._core import hpack_views
from h2._core.state import Connection
from h2._core.stream import Stream
from h2._core.views import ConnectionStateMachine
from h2.config import H2Configuration
from h2.settings import Settings


class ConnectionAttributes:
    """State that programs read and assign, as properties of the connection behind the face."""

    def __init__(self, config: H2Configuration, header_list_size: int) -> None:
        self._core = Connection(config, header_list_size)

    @property
    def config(self) -> H2Configuration:
        """The configuration of this connection."""
        return self._core.config

    @config.setter
    def config(self, config: H2Configuration) -> None:
        self._core.config = config
        self._core.planner.options_changed()

    @property
    def local_settings(self) -> Settings:
        """Our settings (RFC 9113 section 6.5). May be replaced before the connection starts."""
        return self._core.local_settings

    @local_settings.setter
    def local_settings(self, settings: Settings) -> None:
        self._core.local_settings = settings

    @property
    def remote_settings(self) -> Settings:
        """The settings of the peer (RFC 9113 section 6.5)."""
        return self._core.remote_settings

    @remote_settings.setter
    def remote_settings(self, settings: Settings) -> None:
        self._core.remote_settings = settings
        self._core.send_windows.initial = settings.initial_window_size

    @property
    def max_inbound_frame_size(self) -> int:
        """The largest frame payload in octets that is accepted (RFC 9113 section 4.2)."""
        return self._core.max_inbound_frame_size

    @max_inbound_frame_size.setter
    def max_inbound_frame_size(self, size: int) -> None:
        self._core.max_inbound_frame_size = size

    @property
    def max_outbound_frame_size(self) -> int:
        """The largest frame payload in octets that the peer accepts (RFC 9113 section 4.2)."""
        return self._core.max_outbound_frame_size

    @max_outbound_frame_size.setter
    def max_outbound_frame_size(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"max_outbound_frame_size must be positive, not {size}")
        self._core.max_outbound_frame_size = size

    @property
    def open_inbound_streams(self) -> int:
        """How many streams that the peer opened are open or half-closed (section 5.1.2)."""
        return self._core.streams.inbound_open

    @property
    def open_outbound_streams(self) -> int:
        """How many streams that we opened are open or half-closed (section 5.1.2)."""
        return self._core.streams.outbound_open

    @property
    def inbound_flow_control_window(self) -> int:
        """How many octets the peer may send on the whole connection (section 6.9)."""
        return self._core.window.value

    @property
    def outbound_flow_control_window(self) -> int:
        """How many octets we may send on the whole connection (section 6.9)."""
        return self._core.send_windows.connection

    @property
    def highest_inbound_stream_id(self) -> int:
        """The highest identifier of a stream that the peer opened or promised; 0 for none."""
        return self._core.streams.highest_inbound

    @property
    def highest_outbound_stream_id(self) -> int:
        """The highest identifier of a stream that we opened or promised; 0 for none."""
        return self._core.streams.highest_outbound

    # Names that programs reach for although they were never documented.

    @property
    def streams(self) -> dict[int, Stream]:
        """The streams that are not closed, by identifier."""
        return self._core.streams

    @property
    def state_machine(self) -> ConnectionStateMachine:
        """The coarse state of the connection, in its attribute ``state``."""
        core = self._core
        used = bool(core.streams.highest_inbound or core.streams.highest_outbound)
        return ConnectionStateMachine(core.state, core.client, used)

    @property
    def encoder(self) -> Any:
        """The HPACK encoder of this connection, in the form of ``hpack.Encoder``.

        Another object of that form may be assigned, and encodes what is sent from then on.
        """
        return hpack_views.encoder_of(self._core)

    @encoder.setter
    def encoder(self, encoder: Any) -> None:
        hpack_views.assign_encoder(self._core, encoder)

    @property
    def decoder(self) -> Any:
        """The HPACK decoder of this connection, in the form of ``hpack.Decoder``.

        Another object of that form may be assigned, and decodes what arrives from then on.
        """
        return hpack_views.decoder_of(self._core)

    @decoder.setter
    def decoder(self, decoder: Any) -> None:
        hpack_views.assign_decoder(self._core, decoder)
