"""The buffered connection with the names of the h2 API, as a package to attack."""

from h2.buffered import BufferedH2Connection as H2Connection
from h2.config import H2Configuration
from h2.events import DataReceived, StreamEnded, WindowUpdated
from h2.exceptions import H2Error

__all__ = [
    "DataReceived",
    "H2Configuration",
    "H2Connection",
    "H2Error",
    "StreamEnded",
    "WindowUpdated",
]
