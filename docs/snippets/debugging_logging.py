import logging
import sys

import h2.connection
from h2.config import DummyLogger, H2Configuration


class FrameLog(DummyLogger):
    """Forwards log messages of h2 to the logging module, with a name for the connection."""

    def __init__(self, name):
        self.log = logging.getLogger("http2")
        self.name = name

    def debug(self, message, *arguments):
        self.log.debug("%s " + message, self.name, *arguments)


logging.basicConfig(level="DEBUG", format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
config = H2Configuration(client_side=True, strict=True, logger=FrameLog("192.0.2.7:443"))
client = h2.connection.H2Connection(config)
client.initiate_connection()
client.ping(b"01234567")
client.data_to_send()

# The logger of a connection can be changed at any time; None turns it off.
client.config.logger = None
client.ping(b"89abcdef")
client.data_to_send()
