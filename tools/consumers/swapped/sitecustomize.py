"""Replaces `H2Connection` by the buffered connection, in every program that starts.

Python imports a module of this name automatically when it starts, if its folder is on the path.
"""

import h2.connection
from h2.buffered import BufferedH2Connection

h2.connection.H2Connection = BufferedH2Connection  # type: ignore[misc]  # that is what it is for
