"""The curio file server, started as documented, with various clients."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.endings import SOON, goaways, last_call
from support.example import Example, finish
from support.fileserver import FILE_OFFER
from support.raw import RawClient, content, request
from support.site import Site
from support.standard import FileServerTests
from support.wire import Code, Flag, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="curio 1.6 uses what Python 3.12 has removed"
)

PROGRAM = Example("examples.curio.server", FILE_OFFER, ("curio",), serves_files=True)


class TestServer(FileServerTests):
    side = "curio file server"


#: The signal interrupts a coroutine, once a request has arrived: curio lets some functions do other
#: things then.
INTERRUPTED = """
import signal
receive = module.Client.receive
async def interrupted(self):
    data = await receive(self)
    if data[3:4] == b"\\x01":  # HEADERS
        signal.raise_signal(signal.SIGTERM)
    return data
module.Client.receive = interrupted
"""


def test_a_signal_that_interrupts_a_coroutine(site: Site, certificates: Certificate) -> None:
    with PROGRAM.running(site, certificates, patch=INTERRUPTED) as served:
        with RawClient(served.target) as client:
            client.until(lambda frame: frame.type == Type.SETTINGS and frame.has(Flag.ACK))
            client.send(request(1, served.offer.small))
            frames, pong = last_call(client)
            client.send(pong)
            frames += client.to_end()
        assert goaways(frames) == [SOON, (1, Code.NO_ERROR)]
        assert content(frames, 1) == site.hello
        finish(served)
