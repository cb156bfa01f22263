"""The sentences of the RFC about peers that deviate from the expectations of the conformance suite.

Each reading was made by hand: what was sent, what came back, and which sentence it violates. A
failure without a reading is shown as unchecked.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Reading(NamedTuple):
    """Cases, what came back (both are patterns), and the sentence that it violates."""

    cases: str
    seen: str
    text: str


_TAKEN = "response 2|PING ack"

READINGS = [
    Reading(
        r"field-(connection|proxy-connection|keep-alive|transfer-encoding|upgrade)-.*",
        _TAKEN,
        '8.2.2: "Any message containing connection-specific header fields MUST be treated as '
        'malformed"',
    ),
    Reading(
        "field-te-.*",
        _TAKEN,
        '8.2.2: TE "MUST NOT contain any value other than "trailers""',
    ),
    Reading(
        "field-value-(space|tab)-.*",
        _TAKEN,
        '8.2.1: "A field value MUST NOT start or end with an ASCII whitespace character"',
    ),
    Reading(
        "(field-name|trailers|field-value)-.*",
        _TAKEN,
        '8.2.1: a message with characters that are prohibited in a field "MUST be treated as '
        'malformed"',
    ),
    Reading(
        "content-length-too-.*|content-length-headers-only",
        _TAKEN,
        '8.1.1: a message is malformed if the value of content-length "does not equal the sum of '
        'the DATA frame payload lengths"',
    ),
    Reading(
        "request-late-.*|pseudo-after-regular|response-late",
        _TAKEN,
        '8.3: a message with a pseudo-header field "after a regular field line MUST be treated as '
        'malformed"',
    ),
    Reading(
        "request-(empty|method|path)-.*",
        _TAKEN,
        '8.3.1: "exactly one valid value for the ":method", ":scheme", and ":path" pseudo-header '
        'fields"',
    ),
    Reading(
        "response-(empty|letters|short|long|sign|reason|space|no-status)",
        _TAKEN,
        '8.3: "invalid pseudo-header fields" make a response malformed',
    ),
    Reading(
        "(priority|idle-priority)-.*|(idle|unused-flags|reserved-bit)-priority",
        "RST_STREAM|GOAWAY|closed",
        '5.1: "PRIORITY can be sent and received in any stream state"',
    ),
    Reading(
        "block-cut-by-.*|continuation-(cut|alone|after-.*)|unknown-frame-in-block.*",
        _TAKEN,
        "6.2, 6.10: another frame within a field block, and CONTINUATION outside one, are a "
        "connection error of type PROTOCOL_ERROR",
    ),
    Reading(
        "message-(data-first|data-after-interim|interim-.*|two-responses|trailers-go-on)",
        _TAKEN,
        '8.1.1: "extraneous frames" make a message malformed. "Clients MUST NOT accept a malformed '
        'response"',
    ),
    Reading(
        "response-(two|two-different|method|path|scheme|authority)",
        _TAKEN,
        '8.3: "The same pseudo-header field name MUST NOT appear more than once"; those "defined '
        'for requests MUST NOT appear in responses"',
    ),
    Reading(
        "window-zero-.*",
        _TAKEN,
        "6.9: an increment of 0 MUST be treated as a stream error of type PROTOCOL_ERROR, on the "
        "connection as a connection error",
    ),
    Reading(
        "ping-acknowledgment",
        "2 answers",
        '6.7: "An endpoint MUST NOT respond to PING frames containing this flag"',
    ),
    Reading(
        "idle-(even-)?(data|rst-stream|window-update|continuation)",
        _TAKEN,
        '5.1: "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST '
        'be treated as a connection error"',
    ),
    Reading(
        "id-(lower|even|of-client|not-promised)",
        _TAKEN,
        '5.1.1: "An endpoint that receives an unexpected stream identifier MUST respond with a '
        'connection error"',
    ),
    Reading(
        "preface-(without|request-before|window-update-before)-settings|preface-acknowledg.*first",
        _TAKEN,
        '3.4: the preface "MUST be followed by a SETTINGS frame"; "Clients and servers MUST treat '
        'an invalid connection preface as a connection error"',
    ),
    Reading(
        "preface-octet-by-octet",
        "^connection closed",
        "3.4: the preface is a sequence of octets, which TCP may deliver in any pieces",
    ),
    Reading(
        "preface-of-http1-server",
        "^nothing",
        '3.4: "Clients and servers MUST treat an invalid connection preface as a connection error"',
    ),
    Reading(
        "goaway.*",
        r"GOAWAY\(PROTOCOL_ERROR\)",
        '6.8: GOAWAY stops new streams "while still finishing processing of previously '
        'established streams". The frame after it is treated as an error',
    ),
    Reading(
        "hpack-huffman-(padding-long|only-padding)",
        _TAKEN,
        'RFC 7541 5.2: "A padding strictly longer than 7 bits MUST be treated as a decoding error"',
    ),
    Reading(
        "hpack-.*(-cut|-missing)",
        "FRAME_SIZE_ERROR",
        '4.3: "A decoding error in a field block MUST be treated as a connection error [...] of '
        'type COMPRESSION_ERROR"; another code',
    ),
    Reading(
        "headers-padding-1-of-1",
        "FRAME_SIZE_ERROR",
        "6.2: padding as long as the payload is a PROTOCOL_ERROR; another code",
    ),
    Reading(
        "message-trailers.*|.*-trailers",
        r"GOAWAY\((PROTOCOL|FRAME_SIZE)_ERROR\)",
        '8.1: a message has "optionally, one HEADERS frame [...] containing the trailer section"',
    ),
    Reading(
        "continuation-all",
        r"GOAWAY\(FRAME_SIZE_ERROR\)",
        "6.2: the field block fragment in HEADERS may be empty",
    ),
    Reading(
        "(window-settings|settings-window)-overflow",
        r"RST_STREAM\(FLOW_CONTROL_ERROR\)|" + _TAKEN,
        "6.9.2: a change of SETTINGS_INITIAL_WINDOW_SIZE that makes a window too large MUST be "
        "treated as a connection error",
    ),
    Reading(
        "settings-(enable-push|frame-size|window|wrong-behind)-.*",
        _TAKEN,
        "6.5.2: a value outside its range MUST be treated as a connection error",
    ),
    Reading(
        "settings-wrong-then-right",
        _TAKEN,
        '6.5.3: values "MUST be processed in the order they appear"; 6.5.2: those above 2^31-1 '
        "MUST be treated as a connection error",
    ),
    Reading(
        "size-.*-too-large",
        _TAKEN + r"|COMPRESSION_ERROR|RST_STREAM\(PROTOCOL_ERROR\)",
        '4.2: "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the '
        'size defined in SETTINGS_MAX_FRAME_SIZE"',
    ),
    Reading(
        "push-request-.*",
        _TAKEN,
        '8.4.1: if a promised request has no "complete and valid set of header fields", or a '
        "method that is not safe, the client MUST respond on the promised stream with a stream "
        "error",
    ),
    Reading(
        "push-reserved-data",
        r"RST_STREAM",
        "5.1: on a reserved (remote) stream, DATA MUST be treated as a connection error of type "
        "PROTOCOL_ERROR",
    ),
    Reading(
        "reserved-bit-of-increment",
        r"GOAWAY\(PROTOCOL_ERROR\)",
        "6.9: the bit before the increment is reserved and not part of it; 4.1: reserved bits "
        "MUST be ignored when receiving",
    ),
    Reading(
        "connect-trailers",
        _TAKEN,
        "8.5: frames other than DATA and stream management frames MUST be treated as a stream "
        "error in a tunnel",
    ),
    Reading(
        "connect-(scheme|path|both|no-authority)",
        _TAKEN,
        "8.5: a CONNECT request with :scheme or :path, or without :authority, is malformed",
    ),
    Reading(
        "hpack-sent-size-update",
        "no table size update",
        "4.3.1: when the maximum is below the size of its dynamic table, the encoder MUST start "
        "the next field block with a Dynamic Table Size Update",
    ),
    Reading(
        "trailers-.*",
        "error code 254",
        "8.1.1: malformed messages are a stream error of type PROTOCOL_ERROR; 254 is not an error "
        "code of section 7",
    ),
    Reading(
        "closes-after-error",
        "^GOAWAY",
        '5.4.1: "After sending the GOAWAY frame for an error condition, the endpoint MUST close '
        'the TCP connection". It was still open after 12 seconds',
    ),
    Reading(
        "connect-protocol",
        _TAKEN,
        "8.3: a message with undefined pseudo-header fields is malformed; RFC 8441 section 3: "
        ":protocol is defined once the server has announced it",
    ),
    Reading(
        "request-host-same",
        "response 400",
        "8.3.1: a host field that equals :authority is allowed",
    ),
]


def reading(case: str, seen: str) -> str | None:
    """The sentence that this violates, or None if it is unchecked."""
    name = case.partition("/")[2]
    for cases, came, text in READINGS:
        if re.fullmatch(cases, name) and re.search(came, seen):
            return text
    return None
