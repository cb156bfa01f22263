"""Name for programs that look up how far a field block may be split."""

from __future__ import annotations

from h2.connection import H2Connection

__all__ = ["CONTINUATION_BACKLOG"]

#: The limit that connections start with; see :class:`h2.connection.H2Connection`.
CONTINUATION_BACKLOG = H2Connection.CONTINUATION_BACKLOG
