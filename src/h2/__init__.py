"""HTTP/2 without I/O: bytes go in, events come out; calls go in, bytes come out."""

from h2._compiled import COMPILED

__all__ = ["__compiled__", "__version__"]

__version__ = "4.5.0"

#: Whether the inner layers of the package are compiled. The behaviour is the same either way.
__compiled__: bool = COMPILED
