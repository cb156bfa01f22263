"""The life of a stream as one table: RFC 9113 section 5.1, with the message phases of 8.1.

The states of the RFC are split where the message matters: "open" before and after the response
has begun, and so on. So the table alone says what a HEADERS frame means; no flag is needed.
The table drives the code, the diagrams of the documentation and the tests.
"""

from __future__ import annotations

from typing import Final

from h2._rules.fields import REQUEST, RESPONSE, TRAILERS

# States
IDLE: Final = 0
RESERVED_LOCAL: Final = 1
RESERVED_REMOTE: Final = 2
OPEN_REQUEST_SENT: Final = 3  #: our request continues, no final response yet
OPEN_REQUEST_RECEIVED: Final = 4  #: the peer's request continues, we have not responded yet
OPEN_BOTH: Final = 5  #: both messages have begun, neither has ended
HALF_LOCAL_WAITING: Final = 6  #: request sent in full, no final response yet
HALF_LOCAL: Final = 7  #: our message ended, the peer's continues
HALF_REMOTE_WAITING: Final = 8  #: request received in full, we have not responded yet
HALF_REMOTE: Final = 9  #: the peer's message ended, ours continues
CLOSED: Final = 10  #: both ended
CLOSED_BY_US: Final = 11  #: we sent RST_STREAM
CLOSED_BY_PEER: Final = 12  #: the peer sent RST_STREAM

STATE_NAMES: Final = (
    "IDLE", "RESERVED_LOCAL", "RESERVED_REMOTE", "OPEN_REQUEST_SENT", "OPEN_REQUEST_RECEIVED",
    "OPEN_BOTH", "HALF_LOCAL_WAITING", "HALF_LOCAL", "HALF_REMOTE_WAITING", "HALF_REMOTE",
    "CLOSED", "CLOSED_BY_US", "CLOSED_BY_PEER",
)  # fmt: skip

# Inputs. A frame with END_STREAM is a separate input.
SEND_HEADERS: Final = 0
SEND_HEADERS_END: Final = 1
SEND_INFORMATIONAL: Final = 2
SEND_DATA: Final = 3
SEND_DATA_END: Final = 4
SEND_PUSH_PROMISE: Final = 5  #: on the stream of the request
SEND_RST_STREAM: Final = 6
SEND_WINDOW_UPDATE: Final = 7
SEND_ALTSVC: Final = 8
RECV_HEADERS: Final = 9
RECV_HEADERS_END: Final = 10
RECV_INFORMATIONAL: Final = 11
RECV_DATA: Final = 12
RECV_DATA_END: Final = 13
RECV_PUSH_PROMISE: Final = 14
RECV_RST_STREAM: Final = 15
RECV_WINDOW_UPDATE: Final = 16
RECV_ALTSVC: Final = 17

INPUT_NAMES: Final = (
    "SEND_HEADERS", "SEND_HEADERS_END", "SEND_INFORMATIONAL", "SEND_DATA", "SEND_DATA_END",
    "SEND_PUSH_PROMISE", "SEND_RST_STREAM", "SEND_WINDOW_UPDATE", "SEND_ALTSVC",
    "RECV_HEADERS", "RECV_HEADERS_END", "RECV_INFORMATIONAL", "RECV_DATA", "RECV_DATA_END",
    "RECV_PUSH_PROMISE", "RECV_RST_STREAM", "RECV_WINDOW_UPDATE", "RECV_ALTSVC",
)  # fmt: skip

# Reactions that are not a next state
MISUSE: Final = -1  #: the application must not do this now
IGNORE: Final = -2  #: minimally process and discard
HALF_CLOSED_ERROR: Final = -3  #: the peer has sent END_STREAM
RESET_ERROR: Final = -4  #: the peer has sent RST_STREAM
CLOSED_ERROR: Final = -5  #: both ends have sent END_STREAM
IDLE_ERROR: Final = -6  #: it has not been opened
RESERVED_ERROR: Final = -7  #: it was promised, and allows few frames until the response
EARLY_DATA_ERROR: Final = -8  #: DATA before the HEADERS of its message
PUSH_ERROR: Final = -9  #: PUSH_PROMISE on a stream that is neither open nor half-closed (local)
TRAILERS_ERROR: Final = -10  #: a second HEADERS without END_STREAM

REACTION_NAMES: Final = {
    MISUSE: "misuse", IGNORE: "ignore",
    HALF_CLOSED_ERROR: "error: the peer has ended the stream",
    RESET_ERROR: "error: the peer has reset the stream",
    CLOSED_ERROR: "error: the stream is closed", IDLE_ERROR: "error: the stream is idle",
    RESERVED_ERROR: "error: the stream is reserved",
    EARLY_DATA_ERROR: "error: DATA before HEADERS",
    PUSH_ERROR: "error: PUSH_PROMISE not allowed on this stream",
    TRAILERS_ERROR: "error: trailers without END_STREAM",
}  # fmt: skip

_M = MISUSE
_I = IGNORE
_H = HALF_CLOSED_ERROR
_R = RESET_ERROR
_C = CLOSED_ERROR
_E = IDLE_ERROR
_V = RESERVED_ERROR
_D = EARLY_DATA_ERROR
_P = PUSH_ERROR
_T = TRAILERS_ERROR

#: One row for each input, one column for each state, in the order above; a cell is the next state
#: or a reaction. Opening a stream is the first HEADERS frame in IDLE; who may open which stream is
#: checked by identifier (section 5.1.1), promised streams start reserved (section 8.4.1).
TABLE: Final[tuple[tuple[int, ...], ...]] = (
    # columns:          IDLE  RL  RR  OS  OR  OB  LW  HL  RW  HR CLO CUS CPE
    (OPEN_REQUEST_SENT, HALF_REMOTE, _M, _M, OPEN_BOTH, _M,
     _M, _M, HALF_REMOTE, _M, _M, _M, _M),                                # SEND_HEADERS
    (HALF_LOCAL_WAITING, CLOSED, _M, HALF_LOCAL_WAITING, HALF_LOCAL, HALF_LOCAL,
     _M, _M, CLOSED, CLOSED, _M, _M, _M),                                 # SEND_HEADERS_END
    (_M, HALF_REMOTE_WAITING, _M, _M, OPEN_REQUEST_RECEIVED, _M,
     _M, _M, HALF_REMOTE_WAITING, _M, _M, _M, _M),                        # SEND_INFORMATIONAL
    (_M, _M, _M, OPEN_REQUEST_SENT, _M, OPEN_BOTH,
     _M, _M, _M, HALF_REMOTE, _M, _M, _M),                                # SEND_DATA
    (_M, _M, _M, HALF_LOCAL_WAITING, _M, HALF_LOCAL,
     _M, _M, _M, CLOSED, _M, _M, _M),                                     # SEND_DATA_END
    (_M, _M, _M, _M, OPEN_REQUEST_RECEIVED, OPEN_BOTH,
     _M, _M, HALF_REMOTE_WAITING, HALF_REMOTE, _M, _M, _M),               # SEND_PUSH_PROMISE
    (_M, CLOSED_BY_US, CLOSED_BY_US, CLOSED_BY_US, CLOSED_BY_US, CLOSED_BY_US,
     CLOSED_BY_US, CLOSED_BY_US, CLOSED_BY_US, CLOSED_BY_US, _M, _M, _M),  # SEND_RST_STREAM
    (_M, _M, RESERVED_REMOTE, OPEN_REQUEST_SENT, OPEN_REQUEST_RECEIVED, OPEN_BOTH,
     HALF_LOCAL_WAITING, HALF_LOCAL, HALF_REMOTE_WAITING, HALF_REMOTE,
     _M, _M, _M),                                                         # SEND_WINDOW_UPDATE
    (_M, RESERVED_LOCAL, _M, _M, OPEN_REQUEST_RECEIVED, _M,
     _M, _M, HALF_REMOTE_WAITING, _M, _M, _M, _M),                        # SEND_ALTSVC
    (OPEN_REQUEST_RECEIVED, _V, HALF_LOCAL, OPEN_BOTH, _T, _T,
     HALF_LOCAL, _T, _H, _H, _C, _I, _R),                                 # RECV_HEADERS
    (HALF_REMOTE_WAITING, _V, CLOSED, HALF_REMOTE, HALF_REMOTE_WAITING, HALF_REMOTE,
     CLOSED, CLOSED, _H, _H, _C, _I, _R),                                 # RECV_HEADERS_END
    (_E, _V, HALF_LOCAL_WAITING, OPEN_REQUEST_SENT, _T, _T,
     HALF_LOCAL_WAITING, _T, _H, _H, _C, _I, _R),                         # RECV_INFORMATIONAL
    (_E, _V, _V, _D, OPEN_REQUEST_RECEIVED, OPEN_BOTH,
     _D, HALF_LOCAL, _H, _H, _H, _I, _R),                                 # RECV_DATA
    (_E, _V, _V, _D, HALF_REMOTE_WAITING, HALF_REMOTE,
     _D, CLOSED, _H, _H, _H, _I, _R),                                     # RECV_DATA_END
    (_P, _P, _P, OPEN_REQUEST_SENT, _P, OPEN_BOTH,
     HALF_LOCAL_WAITING, HALF_LOCAL, _P, _P, _P, _I, _P),                 # RECV_PUSH_PROMISE
    (_E, CLOSED_BY_PEER, CLOSED_BY_PEER, CLOSED_BY_PEER, CLOSED_BY_PEER, CLOSED_BY_PEER,
     CLOSED_BY_PEER, CLOSED_BY_PEER, CLOSED_BY_PEER, CLOSED_BY_PEER,
     _I, _I, _I),                                                         # RECV_RST_STREAM
    (_E, RESERVED_LOCAL, _V, OPEN_REQUEST_SENT, OPEN_REQUEST_RECEIVED, OPEN_BOTH,
     HALF_LOCAL_WAITING, HALF_LOCAL, HALF_REMOTE_WAITING, HALF_REMOTE,
     _I, _I, _I),                                                         # RECV_WINDOW_UPDATE
    (_I, _I, RESERVED_REMOTE, OPEN_REQUEST_SENT, _I, OPEN_BOTH,
     HALF_LOCAL_WAITING, HALF_LOCAL, _I, HALF_REMOTE, _I, _I, _I),        # RECV_ALTSVC
)  # fmt: skip

#: The kind of field block that is sent or received in a state; -1 where none is allowed.
SENT_KIND: Final[tuple[int, ...]] = (
    REQUEST, RESPONSE, -1, TRAILERS, RESPONSE, TRAILERS, -1, -1, RESPONSE, TRAILERS, -1, -1, -1,
)  # fmt: skip
RECEIVED_KIND: Final[tuple[int, ...]] = (
    REQUEST, -1, RESPONSE, RESPONSE, TRAILERS, TRAILERS, RESPONSE, TRAILERS, -1, -1, -1, -1, -1,
)  # fmt: skip

#: "Streams that are in the 'open' state or in either of the 'half-closed' states count toward
#: the maximum number of streams that an endpoint is permitted to open." (section 5.1.2)
FIRST_COUNTED: Final = OPEN_REQUEST_SENT

#: From here on the peer has ended its side: no more content can come.
FIRST_PEER_ENDED: Final = HALF_REMOTE_WAITING

#: A request that we have not responded to yet.
UNANSWERED: Final = (OPEN_REQUEST_RECEIVED, HALF_REMOTE_WAITING)

#: We have not ended our side: more of our message may follow, or it has yet to begin.
UNENDED: Final = (
    RESERVED_LOCAL, OPEN_REQUEST_SENT, OPEN_REQUEST_RECEIVED, OPEN_BOTH, HALF_REMOTE_WAITING,
    HALF_REMOTE,
)  # fmt: skip

#: We have ended our side, and the peer has not.
HALF_CLOSED_LOCAL: Final = (HALF_LOCAL_WAITING, HALF_LOCAL)
