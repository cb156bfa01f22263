"""Puts the connection that buffers in the place of `H2Connection`, in every program that starts.

Python imports a module of this name by itself when it begins, if its folder is on the path.
"""

import h2.connection
from h2.buffered import BufferedH2Connection

h2.connection.H2Connection = BufferedH2Connection  # type: ignore[misc]  # that is what it is for
