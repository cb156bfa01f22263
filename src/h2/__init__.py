"""HTTP/2 without I/O: bytes go in, events come out; calls go in, bytes come out."""

__version__ = "4.5.0"
