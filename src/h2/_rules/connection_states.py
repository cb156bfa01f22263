"""The life of a connection as one table: RFC 9113 sections 3.4, 5.4.1, 6.8, and who sends what.

``GOAWAY`` does not close a connection, it drains it: existing streams continue, and neither end
opens new ones. Only a connection error ends everything at once.
"""

from __future__ import annotations

from typing import Final

# States
STARTING: Final = 0  #: the peer's SETTINGS has not arrived
OPEN: Final = 1
STARTING_GOAWAY_SENT: Final = 2
GOAWAY_SENT: Final = 3
GOAWAY_RECEIVED: Final = 4
GOAWAY_BOTH: Final = 5
TERMINATED: Final = 6  #: connection error, detected or sent by the program

STATE_NAMES: Final = (
    "STARTING", "OPEN", "STARTING_GOAWAY_SENT", "GOAWAY_SENT", "GOAWAY_RECEIVED", "GOAWAY_BOTH",
    "TERMINATED",
)  # fmt: skip

# Inputs: a received frame has the number of its kind (h2._frames.layout), so that the receive loop
# needs no mapping.
RECV_DATA: Final = 0
RECV_HEADERS: Final = 1
RECV_PRIORITY: Final = 2
RECV_RST_STREAM: Final = 3
RECV_SETTINGS: Final = 4
RECV_PUSH_PROMISE: Final = 5
RECV_PING: Final = 6
RECV_GOAWAY: Final = 7
RECV_WINDOW_UPDATE: Final = 8
RECV_CONTINUATION: Final = 9
RECV_ALTSVC: Final = 10
RECV_ORIGIN: Final = 11
RECV_PRIORITY_UPDATE: Final = 12
RECV_UNKNOWN: Final = 13
SEND_ON_STREAM: Final = 14  #: any frame on an existing stream
SEND_OPEN: Final = 15  #: HEADERS that open a stream (client)
SEND_PUSH_PROMISE: Final = 16
SEND_PRIORITY: Final = 17
SEND_CONTROL: Final = 18  #: SETTINGS, PING, WINDOW_UPDATE on stream 0
SEND_ALTSVC: Final = 19
SEND_ORIGIN: Final = 20
SEND_PRIORITY_UPDATE: Final = 21
SEND_GOAWAY: Final = 22  #: with NO_ERROR
SEND_GOAWAY_ERROR: Final = 23

INPUT_NAMES: Final = (
    "RECV_DATA", "RECV_HEADERS", "RECV_PRIORITY", "RECV_RST_STREAM", "RECV_SETTINGS",
    "RECV_PUSH_PROMISE", "RECV_PING", "RECV_GOAWAY", "RECV_WINDOW_UPDATE", "RECV_CONTINUATION",
    "RECV_ALTSVC", "RECV_ORIGIN", "RECV_PRIORITY_UPDATE", "RECV_UNKNOWN", "SEND_ON_STREAM",
    "SEND_OPEN", "SEND_PUSH_PROMISE", "SEND_PRIORITY", "SEND_CONTROL", "SEND_ALTSVC",
    "SEND_ORIGIN", "SEND_PRIORITY_UPDATE", "SEND_GOAWAY", "SEND_GOAWAY_ERROR",
)  # fmt: skip

# Reactions that are not a next state
NOT_SETTINGS: Final = -1  #: error: the first frame is not SETTINGS
NOT_FOR_ROLE: Final = -2  #: connection error: this peer must not send this frame
MISUSE: Final = -3  #: only the other role may send this
DRAINING: Final = -4  #: no new streams after GOAWAY was received (or sent)
ENDED: Final = -5  #: nothing can be sent after a connection error

REACTION_NAMES: Final = {
    NOT_SETTINGS: "error: the first frame must be SETTINGS", NOT_FOR_ROLE: "error: wrong role",
    MISUSE: "misuse (role)", DRAINING: "misuse (going away)", ENDED: "misuse (terminated)",
}  # fmt: skip

#: The next state if a frame other than SETTINGS arrives first and is accepted.
AFTER_SETTINGS: Final = {STARTING: OPEN, STARTING_GOAWAY_SENT: GOAWAY_SENT}
BEFORE_SETTINGS: Final = tuple(AFTER_SETTINGS)

_S = STARTING
_O = OPEN
_SG = STARTING_GOAWAY_SENT
_GS = GOAWAY_SENT
_GR = GOAWAY_RECEIVED
_GB = GOAWAY_BOTH
_T = TERMINATED
_N = NOT_SETTINGS
_R = NOT_FOR_ROLE
_M = MISUSE
_D = DRAINING
_E = ENDED

#: One row for each state, one column for each input. PRIORITY from a server is tolerated (RFC 7540
#: section 5.3 allows both ends to send it), and so is PRIORITY_UPDATE by default; only a server
#: pushes (section 8.4) and advertises (RFC 7838 section 4, RFC 8336 section 2).
CLIENT: Final[tuple[tuple[int, ...], ...]] = (
    # DATA HDR PRI RST SET PP PING GA WU CONT ALT ORI PUP UNK
    # | ON OPEN PP PRI CTL ALT ORI PUP GA ERR
    (_N, _N, _N, _N, _O, _N, _N, _N, _N, _N, _N, _N, _N, _N,
     _S, _S, _M, _S, _S, _M, _M, _S, _SG, _T),
    (_O, _O, _O, _O, _O, _O, _O, _GR, _O, _O, _O, _O, _O, _O,
     _O, _O, _M, _O, _O, _M, _M, _O, _GS, _T),
    (_N, _N, _N, _N, _GS, _N, _N, _N, _N, _N, _N, _N, _N, _N,
     _SG, _D, _M, _SG, _SG, _M, _M, _SG, _SG, _T),
    (_GS, _GS, _GS, _GS, _GS, _GS, _GS, _GB, _GS, _GS, _GS, _GS, _GS, _GS,
     _GS, _D, _M, _GS, _GS, _M, _M, _GS, _GS, _T),
    (_GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR,
     _GR, _D, _M, _GR, _GR, _M, _M, _GR, _GB, _T),
    (_GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB,
     _GB, _D, _M, _GB, _GB, _M, _M, _GB, _GB, _T),
    (_E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E,
     _E, _E, _E, _E, _E, _E, _E, _E, _T, _T),
)  # fmt: skip

SERVER: Final[tuple[tuple[int, ...], ...]] = (
    (_N, _N, _N, _N, _O, _N, _N, _N, _N, _N, _N, _N, _N, _N,
     _S, _M, _S, _M, _S, _S, _S, _M, _SG, _T),
    (_O, _O, _O, _O, _O, _R, _O, _GR, _O, _O, _O, _O, _O, _O,
     _O, _M, _O, _M, _O, _O, _O, _M, _GS, _T),
    (_N, _N, _N, _N, _GS, _N, _N, _N, _N, _N, _N, _N, _N, _N,
     _SG, _M, _D, _M, _SG, _SG, _SG, _M, _SG, _T),
    (_GS, _GS, _GS, _GS, _GS, _R, _GS, _GB, _GS, _GS, _GS, _GS, _GS, _GS,
     _GS, _M, _D, _M, _GS, _GS, _GS, _M, _GS, _T),
    (_GR, _GR, _GR, _GR, _GR, _R, _GR, _GR, _GR, _GR, _GR, _GR, _GR, _GR,
     _GR, _M, _D, _M, _GR, _GR, _GR, _M, _GB, _T),
    (_GB, _GB, _GB, _GB, _GB, _R, _GB, _GB, _GB, _GB, _GB, _GB, _GB, _GB,
     _GB, _M, _D, _M, _GB, _GB, _GB, _M, _GB, _T),
    (_E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E, _E,
     _E, _E, _E, _E, _E, _E, _E, _E, _T, _T),
)  # fmt: skip
