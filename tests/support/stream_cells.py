"""The effect of each input in each state of a stream, derived from RFC 9113, not from the table.

Section 5.1 gives the states, section 8.1 the order of a message. The name of a state
combines that of section 5.1 with the parts of the two messages that are still to come.
"""

from __future__ import annotations

from typing import NamedTuple


class Expected(NamedTuple):
    """One state: where the inputs that it allows lead to, and the effect of the others.

    ``goes`` has everything that may be sent; any other call is misuse. Any other received frame
    has the effect ``otherwise``, except for those in ``but``.
    """

    goes: dict[str, str]
    otherwise: str
    but: dict[str, str]

    def outcome(self, input_: str) -> str:
        if input_ in self.goes:
            return self.goes[input_]
        if input_.startswith("SEND_"):
            return "MISUSE"
        return self.but.get(input_, self.otherwise)


def stays(state: str, *inputs: str) -> dict[str, str]:
    return dict.fromkeys(inputs, state)


# "Either endpoint can send a RST_STREAM frame from this state, causing it to transition
# immediately to 'closed'" (section 5.1, open; half-closed and reserved likewise).
RESETS = {"SEND_RST_STREAM": "CLOSED_BY_US", "RECV_RST_STREAM": "CLOSED_BY_PEER"}

# "PUSH_PROMISE frames MUST only be sent on a peer-initiated stream that is in either the 'open' or
# 'half-closed (remote)' state", so they arrive on ours; "A receiver MUST treat the receipt of
# a PUSH_PROMISE on a stream that is neither 'open' nor 'half-closed (local)' as a connection error
# (Section 5.4.1) of type PROTOCOL_ERROR" (section 6.6).
# An invalid ALTSVC frame is ignored (RFC 7838 section 4).
NO_PUSH = {"RECV_PUSH_PROMISE": "PUSH_ERROR"}
NO_ALTSVC = {"RECV_ALTSVC": "IGNORE"}
BOTH_NOT = NO_PUSH | NO_ALTSVC

# "An endpoint that receives a HEADERS frame without the END_STREAM flag set after receiving the
# HEADERS frame that opens a request or after receiving a final (non-informational) status code MUST
# treat the corresponding request or response as malformed" (section 8.1).
SECOND_HEADERS = {"RECV_HEADERS": "TRAILERS_ERROR", "RECV_INFORMATIONAL": "TRAILERS_ERROR"}
# Section 8.1: DATA comes after the header section of its message.
BODY_TOO_EARLY = {"RECV_DATA": "EARLY_DATA_ERROR", "RECV_DATA_END": "EARLY_DATA_ERROR"}

# "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for
# a stream that is in this state, it MUST respond with a stream error (Section 5.4.2) of type
# STREAM_CLOSED." (section 5.1, half-closed (remote))
HALF_CLOSED = "HALF_CLOSED_ERROR"

# "An endpoint that sends a frame with the END_STREAM flag set or a RST_STREAM frame might receive
# a WINDOW_UPDATE or RST_STREAM frame from its peer in the time before the peer receives and
# processes the frame that closes the stream." (section 5.1, closed)
LATE = {"RECV_RST_STREAM": "IGNORE", "RECV_WINDOW_UPDATE": "IGNORE"}

EXPECTED: dict[str, Expected] = {
    # "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be
    # treated as a connection error of type PROTOCOL_ERROR."
    "IDLE": Expected(
        {
            "SEND_HEADERS": "OPEN_REQUEST_SENT",
            "SEND_HEADERS_END": "HALF_LOCAL_WAITING",
            "RECV_HEADERS": "OPEN_REQUEST_RECEIVED",
            "RECV_HEADERS_END": "HALF_REMOTE_WAITING",
        },
        "IDLE_ERROR",
        BOTH_NOT,
    ),
    # "Receiving any type of frame other than RST_STREAM, PRIORITY, or WINDOW_UPDATE on a stream in
    # this state MUST be treated as a connection error (Section 5.4.1) of type PROTOCOL_ERROR." We
    # sent the promise; "The endpoint can send a HEADERS frame. This causes the stream to open in
    # a 'half-closed (remote)' state."
    "RESERVED_LOCAL": Expected(
        {
            "SEND_HEADERS": "HALF_REMOTE",
            "SEND_HEADERS_END": "CLOSED",
            "SEND_INFORMATIONAL": "HALF_REMOTE_WAITING",
            **stays("RESERVED_LOCAL", "SEND_ALTSVC", "RECV_WINDOW_UPDATE"),
            **RESETS,
        },
        "RESERVED_ERROR",
        BOTH_NOT,
    ),
    # "An endpoint MUST NOT send any type of frame other than RST_STREAM, WINDOW_UPDATE, or PRIORITY
    # in this state. Receiving any type of frame other than HEADERS, RST_STREAM, or PRIORITY on
    # a stream in this state MUST be treated as a connection error". This refers to the frames
    # of RFC 9113; ALTSVC is advice about the origin that the promise names.
    "RESERVED_REMOTE": Expected(
        {
            "RECV_HEADERS": "HALF_LOCAL",
            "RECV_HEADERS_END": "CLOSED",
            "RECV_INFORMATIONAL": "HALF_LOCAL_WAITING",
            **stays("RESERVED_REMOTE", "RECV_ALTSVC", "SEND_WINDOW_UPDATE"),
            **RESETS,
        },
        "RESERVED_ERROR",
        NO_PUSH,
    ),
    # Open at the client, while no final response has begun.
    "OPEN_REQUEST_SENT": Expected(
        {
            "SEND_HEADERS_END": "HALF_LOCAL_WAITING",
            "SEND_DATA_END": "HALF_LOCAL_WAITING",
            "RECV_HEADERS": "OPEN_BOTH",
            "RECV_HEADERS_END": "HALF_REMOTE",
            **stays("OPEN_REQUEST_SENT", "SEND_DATA", "SEND_WINDOW_UPDATE"),
            **stays("OPEN_REQUEST_SENT", "RECV_INFORMATIONAL", "RECV_PUSH_PROMISE"),
            **stays("OPEN_REQUEST_SENT", "RECV_WINDOW_UPDATE", "RECV_ALTSVC"),
            **RESETS,
        },
        "",
        BODY_TOO_EARLY,
    ),
    # Open at the server, which has not responded yet.
    "OPEN_REQUEST_RECEIVED": Expected(
        {
            "SEND_HEADERS": "OPEN_BOTH",
            "SEND_HEADERS_END": "HALF_LOCAL",
            "RECV_HEADERS_END": "HALF_REMOTE_WAITING",
            "RECV_DATA_END": "HALF_REMOTE_WAITING",
            **stays("OPEN_REQUEST_RECEIVED", "SEND_INFORMATIONAL", "SEND_PUSH_PROMISE"),
            **stays("OPEN_REQUEST_RECEIVED", "SEND_WINDOW_UPDATE", "SEND_ALTSVC"),
            **stays("OPEN_REQUEST_RECEIVED", "RECV_DATA", "RECV_WINDOW_UPDATE"),
            **RESETS,
        },
        "",
        SECOND_HEADERS | BOTH_NOT,
    ),
    # Open, and both messages are in progress.
    "OPEN_BOTH": Expected(
        {
            "SEND_HEADERS_END": "HALF_LOCAL",
            "SEND_DATA_END": "HALF_LOCAL",
            "RECV_HEADERS_END": "HALF_REMOTE",
            "RECV_DATA_END": "HALF_REMOTE",
            **stays("OPEN_BOTH", "SEND_DATA", "SEND_PUSH_PROMISE", "SEND_WINDOW_UPDATE"),
            **stays("OPEN_BOTH", "RECV_DATA", "RECV_PUSH_PROMISE", "RECV_WINDOW_UPDATE"),
            **stays("OPEN_BOTH", "RECV_ALTSVC"),
            **RESETS,
        },
        "",
        SECOND_HEADERS,
    ),
    # "A stream that is in the 'half-closed (local)' state cannot be used for sending frames other
    # than WINDOW_UPDATE, PRIORITY, and RST_STREAM. [...] An endpoint can receive any type of frame
    # in this state." Here the request is complete and no final response has begun.
    "HALF_LOCAL_WAITING": Expected(
        {
            "RECV_HEADERS": "HALF_LOCAL",
            "RECV_HEADERS_END": "CLOSED",
            **stays("HALF_LOCAL_WAITING", "SEND_WINDOW_UPDATE", "RECV_WINDOW_UPDATE"),
            **stays("HALF_LOCAL_WAITING", "RECV_INFORMATIONAL", "RECV_PUSH_PROMISE", "RECV_ALTSVC"),
            **RESETS,
        },
        "",
        BODY_TOO_EARLY,
    ),
    "HALF_LOCAL": Expected(
        {
            "RECV_HEADERS_END": "CLOSED",
            "RECV_DATA_END": "CLOSED",
            **stays("HALF_LOCAL", "SEND_WINDOW_UPDATE", "RECV_WINDOW_UPDATE"),
            **stays("HALF_LOCAL", "RECV_DATA", "RECV_PUSH_PROMISE", "RECV_ALTSVC"),
            **RESETS,
        },
        "",
        SECOND_HEADERS,
    ),
    # "A stream that is 'half-closed (remote)' can be used by the endpoint to send frames of any
    # type." Here we have not responded yet.
    "HALF_REMOTE_WAITING": Expected(
        {
            "SEND_HEADERS": "HALF_REMOTE",
            "SEND_HEADERS_END": "CLOSED",
            **stays("HALF_REMOTE_WAITING", "SEND_INFORMATIONAL", "SEND_PUSH_PROMISE"),
            **stays("HALF_REMOTE_WAITING", "SEND_WINDOW_UPDATE", "SEND_ALTSVC"),
            **stays("HALF_REMOTE_WAITING", "RECV_WINDOW_UPDATE"),
            **RESETS,
        },
        HALF_CLOSED,
        BOTH_NOT,
    ),
    # Our message continues. At a client that is a request whose response ended early, for which the
    # server may still name an alternative service.
    "HALF_REMOTE": Expected(
        {
            "SEND_HEADERS_END": "CLOSED",
            "SEND_DATA_END": "CLOSED",
            **stays("HALF_REMOTE", "SEND_DATA", "SEND_PUSH_PROMISE", "SEND_WINDOW_UPDATE"),
            **stays("HALF_REMOTE", "RECV_WINDOW_UPDATE", "RECV_ALTSVC"),
            **RESETS,
        },
        HALF_CLOSED,
        NO_PUSH,
    ),
    # "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection
    # error (Section 5.4.1) of type STREAM_CLOSED, except as noted below." But "If a DATA frame is
    # received whose stream is not in 'open' or 'half-closed (local)' state, the recipient MUST
    # respond with a stream error" (section 6.1).
    "CLOSED": Expected(
        {},
        "CLOSED_ERROR",
        BOTH_NOT | LATE | {"RECV_DATA": HALF_CLOSED, "RECV_DATA_END": HALF_CLOSED},
    ),
    # "The peer might have sent or enqueued for sending these frames before processing the
    # RST_STREAM frame. An endpoint MUST minimally process and then discard any frames it receives
    # in this state."
    "CLOSED_BY_US": Expected({}, "IGNORE", {}),
    # "An endpoint that receives any frame other than PRIORITY after receiving a RST_STREAM MUST
    # treat that as a stream error (Section 5.4.2) of type STREAM_CLOSED." (RFC 7540 section 5.1)
    "CLOSED_BY_PEER": Expected({}, "RESET_ERROR", BOTH_NOT | LATE),
}

# The same stream as the other end sees it.
MIRROR = {
    "RESERVED_LOCAL": "RESERVED_REMOTE",
    "OPEN_REQUEST_SENT": "OPEN_REQUEST_RECEIVED",
    "HALF_LOCAL_WAITING": "HALF_REMOTE_WAITING",
    "HALF_LOCAL": "HALF_REMOTE",
    "CLOSED_BY_US": "CLOSED_BY_PEER",
}
MIRROR |= {there: here for here, there in MIRROR.items()}
