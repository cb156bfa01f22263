"""The properties of both ends in a history, and the choices of their programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings

from .simulation_end import End
from .simulation_text import Choices

POST: Final = [
    *((b":method", b"POST"), (b":scheme", b"https")),
    *((b":authority", b"example.com"), (b":path", b"/")),
]
CONNECT: Final = [(b":method", b"CONNECT"), (b":authority", b"example.com:443")]
WEBSOCKET: Final = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *POST[1:]]
OK: Final = [(b":status", b"200")]
TRAILERS: Final = [(b"checksum", b"0")]

PRIORITIES: Final = (None, None, b"u=1", b"u=3, i", b"u=7, i", b"u=0", b"u=5", b"i", b"?", b"u=9")
SIZES: Final = (200, 0, 1, 10, 3_000, 40_000, 9, 16_384, 16_385, 70_000, 120_000)
AMOUNTS: Final = (None, 1, 9, 50, 1_000, 20_000, 65_536, 30, 17_000, 0)
WINDOWS: Final = (65_535, 1, 10, 100, 5_000, 20_000, 0, 1_000_000, 2**31 - 1)
LIMITS: Final = (100, 1, 2, 3, 5, 10, 0)
FRAMES: Final = (16_384, 16_385, 20_000, 65_536, 2**24 - 1)
CODES: Final = (8, 0, 7, 2, 8, 11, 99)
_MARKS: Final = ((65_536, 16_384), (1_000, 500), (1, 0), (20_000, 0), (65_536, 16_384))

VALUES: Final[dict[int, tuple[int, ...]]] = {
    1: (4_096, 0, 100, 10_000),
    2: (1, 0),
    3: LIMITS,
    4: WINDOWS,
    5: FRAMES,
}


class Marks(BufferedH2Connection):
    """A connection with its own buffer limits, set on the instance."""


def build(client: bool, choices: Choices, hasty: bool, clock: Callable[[], float]) -> End:
    """Create one end, with windows and limits of any size."""
    # By default, which is strict, a server refuses requests above its limit; else it is an error.
    mode: dict[str, Any] = {} if hasty or choices.below(3) else {"strict": False}
    config = H2Configuration(client_side=client, header_encoding=None, **mode)
    buffering = choices.one_in(3)
    conn = Marks(
        config,
        receive_buffering=buffering,
        stream_window=choices.pick((None, None, 1, 100_000, None, 2**31 - 1)),
        connection_window=choices.pick((None, None, 65_535, 1_000_000, None, 2**31 - 1)),
        automatic_window=choices.one_in(4),
        keepalive=Keepalive(idle=10, timeout=5) if choices.one_in(4) else None,
        clock=clock,
    )
    conn.SEND_BUFFER_HIGH, conn.SEND_BUFFER_LOW = choices.pick(_MARKS)
    values = {
        SettingCodes.INITIAL_WINDOW_SIZE: choices.pick(WINDOWS),
        SettingCodes.MAX_CONCURRENT_STREAMS: choices.pick(LIMITS),
        SettingCodes.MAX_FRAME_SIZE: choices.pick(FRAMES),
    }
    if client:
        values[SettingCodes.ENABLE_PUSH] = int(not choices.one_in(3))
    else:
        values[SettingCodes.ENABLE_CONNECT_PROTOCOL] = choices.below(2)
    conn.local_settings = Settings(client=client, initial_values=values)
    return End(conn, buffering)
