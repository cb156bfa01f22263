"""The C library nghttp2 with the few names of the h2 API that the attacks use, by ctypes.

The library acknowledges content by itself, and has its default limits. Output is taken after each
read, so only applications that take it can be tested.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterable, Mapping
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_uint8, c_uint32

from . import wire

HEADERS, DATA = wire.HEADERS, wire.DATA

Field = tuple[str, str]


class H2Error(Exception):
    """The library has ended the connection, or rejects a call."""


class StreamEnded:
    """The peer has ended a stream."""

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id


class DataReceived:
    """Never occurs: the library acknowledges content by itself."""


class WindowUpdated:
    """Never occurs: the application sends no content."""


class H2Configuration:
    """The role of a connection."""

    def __init__(self, client_side: bool) -> None:
        self.client_side = client_side


class _Header(ctypes.Structure):
    """nghttp2_frame_hd, with which every frame begins."""

    _fields_ = (
        ("length", c_size_t),
        ("stream_id", c_int32),
        ("type", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8),
    )


class _Field(ctypes.Structure):
    """nghttp2_nv, a field."""

    _fields_ = (
        ("name", c_char_p),
        ("value", c_char_p),
        ("name_length", c_size_t),
        ("value_length", c_size_t),
        ("flags", c_uint8),
    )


class _Setting(ctypes.Structure):
    """nghttp2_settings_entry."""

    _fields_ = (("identifier", c_int32), ("value", c_uint32))


_OnFrame = ctypes.CFUNCTYPE(c_int, ctypes.c_void_p, POINTER(_Header), ctypes.c_void_p)


def _load() -> ctypes.CDLL:
    """The library; raises OSError if it is not installed."""
    name = ctypes.util.find_library("nghttp2")
    if name is None:
        raise OSError("libnghttp2 is not installed")
    library = ctypes.CDLL(name)
    library.nghttp2_session_mem_recv.restype = c_ssize_t
    library.nghttp2_session_mem_recv.argtypes = [ctypes.c_void_p, c_char_p, c_size_t]
    library.nghttp2_session_mem_send.restype = c_ssize_t
    return library


_LIBRARY = _load()


def version() -> str:
    """The version of the library."""
    library = _LIBRARY
    library.nghttp2_version.restype = ctypes.c_void_p
    # nghttp2_info: two numbers, then the version as text.
    place = library.nghttp2_version(0) + 2 * ctypes.sizeof(c_int)
    return (ctypes.cast(place, POINTER(c_char_p))[0] or b"").decode()


class H2Connection:
    """A session of the library."""

    def __init__(self, config: H2Configuration) -> None:
        self._library = _LIBRARY
        self._events: list[StreamEnded] = []
        self._output = b""
        callbacks = ctypes.c_void_p()
        self._library.nghttp2_session_callbacks_new(byref(callbacks))
        self._on_frame = _OnFrame(self._frame)
        self._library.nghttp2_session_callbacks_set_on_frame_recv_callback(
            callbacks, self._on_frame
        )
        self._session = ctypes.c_void_p()
        role = "client" if config.client_side else "server"
        new = getattr(self._library, f"nghttp2_session_{role}_new")
        new(byref(self._session), callbacks, None)
        self._library.nghttp2_session_callbacks_del(callbacks)

    def __del__(self) -> None:
        self._library.nghttp2_session_del(self._session)

    def _frame(self, session: int, frame: ctypes.Array[_Header], _: int) -> int:
        header = frame[0]
        if header.flags & wire.END_STREAM and header.type in (HEADERS, DATA):
            self._events.append(StreamEnded(header.stream_id))
        return 0

    def initiate_connection(self) -> None:
        """Announce settings: 100 streams, as the packages with this API do."""
        self.update_settings({wire.MAX_CONCURRENT_STREAMS: 100})

    def update_settings(self, values: Mapping[int, int]) -> None:
        """Announce settings."""
        entries = (_Setting * len(values))(*(_Setting(*pair) for pair in values.items()))
        self._library.nghttp2_submit_settings(self._session, 0, entries, c_size_t(len(values)))

    def receive_data(self, octets: bytes) -> list[StreamEnded]:
        """Pass on what has arrived."""
        self._events = []
        taken = self._library.nghttp2_session_mem_recv(self._session, octets, len(octets))
        if taken < 0:
            raise H2Error(f"nghttp2: {taken}")
        # A session knows that it has ended once its GOAWAY frame has been sent.
        self._output += self._pending()
        if not self._library.nghttp2_session_want_read(self._session):
            raise H2Error("the session is over")
        return self._events

    def data_to_send(self) -> bytes:
        """Take what is pending."""
        taken = self._output + self._pending()
        self._output = b""
        return taken

    def _pending(self) -> bytes:
        """Return what the session wants to send."""
        found = []
        data = ctypes.c_void_p()
        while (size := self._library.nghttp2_session_mem_send(self._session, byref(data))) > 0:
            found.append(ctypes.string_at(data, size))
        return b"".join(found)

    def send_headers(self, stream_id: int, fields: Iterable[Field], end_stream: bool) -> None:
        """A request of a client, or a response; both always end the stream."""
        pairs = [(name.encode(), value.encode()) for name, value in fields]
        array = (_Field * len(pairs))(*(_Field(n, v, len(n), len(v), 0) for n, v in pairs))
        size = c_size_t(len(pairs))
        if fields_are_request(pairs):
            submit = self._library.nghttp2_submit_request
            result = submit(self._session, None, array, size, None, None)
        else:
            submit = self._library.nghttp2_submit_response
            result = submit(self._session, stream_id, array, size, None)
        if result < 0:
            raise H2Error(f"nghttp2: {result}")

    def local_flow_control_window(self, stream_id: int) -> int:
        """There is never content to send."""
        return 0


def fields_are_request(pairs: list[tuple[bytes, bytes]]) -> bool:
    """Whether these are the fields of a request."""
    return pairs[0][0] == b":method"
