"""The gevent file server, started as documented, with various clients."""

from __future__ import annotations

from support.example import Example
from support.fileserver import FILE_OFFER
from support.standard import FileServerTests

PROGRAM = Example("examples.gevent.server", FILE_OFFER, ("gevent",), serves_files=True)


class TestServer(FileServerTests):
    side = "gevent file server"
