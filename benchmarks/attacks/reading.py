"""The connection that buffers received content as well, as a package to attack."""

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration
from h2.events import DataAvailable as DataReceived
from h2.events import StreamEnded, WindowUpdated
from h2.exceptions import H2Error

__all__ = [
    "DataReceived",
    "H2Configuration",
    "H2Connection",
    "H2Error",
    "StreamEnded",
    "WindowUpdated",
]


class H2Connection(BufferedH2Connection):
    """A connection whose application reads content as soon as it is available."""

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config, receive_buffering=True)
