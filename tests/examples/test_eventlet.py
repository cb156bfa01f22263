"""The eventlet server, started as documented, with various clients."""

from __future__ import annotations

from support.cases import Offer
from support.example import Example
from support.standard import ServerTests

OFFER = Offer(small="/", echo="/echo", refused=("DELETE", "/"))
PROGRAM = Example("examples.eventlet.server", OFFER, ("eventlet", "OpenSSL"))


class TestServer(ServerTests):
    side = "eventlet server"
