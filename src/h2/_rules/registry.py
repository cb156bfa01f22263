"""Every reason why this package rejects something, with section, error code and scope.

A rule is looked up here by its name; the text of the RFC is quoted above the check that enforces
it. The conformance page of the documentation is generated from :data:`RULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2.errors import ErrorCodes
from h2.exceptions import (
    DenialOfServiceError,
    FlowControlError,
    FrameDataMissingError,
    FrameTooLargeError,
    H2Error,
    NoAvailableStreamIDError,
    ProtocolError,
    RFC1122Error,
    TooManyStreamsError,
)

MISUSE: Final = 0  #: a call that the application must not make; nothing is sent to the peer
STREAM: Final = 1  #: RFC 9113 section 5.4.2
CONNECTION: Final = 2  #: RFC 9113 section 5.4.1
TOLERATED: Final = 3  #: ignored

SCOPE_NAMES: Final = ("misuse", "stream error", "connection error", "tolerated")


class Rule:
    """One reason for a rejection: stable id, section, error codes, scopes, public exception.

    If a received frame breaks it, the scope is ``scope`` by default and ``strict_scope`` with
    ``H2Configuration(strict=True)``. A call that would break it is refused in both modes, except
    for rules marked ``sent``: by default they are not enforced, because h2 4.4.1 sends what
    breaks them. ``status`` is the status code with which a server answers a request that breaks it.
    """

    __slots__ = (
        "code",
        "error",
        "id",
        "scope",
        "section",
        "sent",
        "status",
        "strict_code",
        "strict_scope",
    )

    def __init__(
        self,
        id: str,
        section: str,
        codes: tuple[ErrorCodes, ErrorCodes],
        scopes: tuple[int, int],
        error: Callable[[str], H2Error],
        status: bytes | None,
        sent: bool,
    ) -> None:
        self.id = id
        self.section = section
        self.code, self.strict_code = codes
        self.scope, self.strict_scope = scopes
        self.error = error
        self.status = status
        self.sent = sent

    def __repr__(self) -> str:
        return f"<Rule {self.id}: RFC {self.section}, {SCOPE_NAMES[self.scope]}, {self.code.name}>"


class Violation(Exception):  # noqa: N818  (the scope decides whether it becomes a public error)
    """A broken rule, as a value: raised or returned where the fault is found.

    ``error`` is the public exception where it needs more than a message (a stream id, say);
    otherwise the rule's exception class makes it from the message.
    """

    def __init__(
        self, rule: Rule, message: str, stream_id: int = 0, error: H2Error | None = None
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.stream_id = stream_id
        self.error = error

    def exception(self) -> H2Error:
        """Return the public exception, which knows the rule and its error code; call this once.

        A traceback of the exception refers to frames that may refer to the violation. It gives the
        exception away, because the cycle would keep the frames, and with them the input, until the
        next run of the garbage collector.
        """
        error, self.error = self.error, None
        if error is None:
            error = self.rule.error(self.message)
            if isinstance(error, ProtocolError):
                error.error_code = self.rule.code
        else:
            error._message = self.message
        error.rule = self.rule.id
        return error


RULES: Final[dict[str, Rule]] = {}

_PROTOCOL = ErrorCodes.PROTOCOL_ERROR
_FLOW = ErrorCodes.FLOW_CONTROL_ERROR
_SIZE = ErrorCodes.FRAME_SIZE_ERROR
_CLOSED = ErrorCodes.STREAM_CLOSED
_CALM = ErrorCodes.ENHANCE_YOUR_CALM
_REFUSED = ErrorCodes.REFUSED_STREAM


def _rule(
    id: str,
    section: str,
    scope: int = CONNECTION,
    code: ErrorCodes = _PROTOCOL,
    error: Callable[[str], H2Error] = ProtocolError,
    strict: int | None = None,
    strict_code: ErrorCodes | None = None,
    status: bytes | None = None,
    sent: bool = False,
) -> Rule:
    """Register a rule. Without ``strict`` and ``strict_code`` both modes are the same."""
    codes = (code, code if strict_code is None else strict_code)
    scopes = (scope, scope if strict is None else strict)
    rule = RULES[id] = Rule(id, section, codes, scopes, error, status, sent)
    return rule


def _malformed(id: str, section: str, scope: int = CONNECTION, sent: bool = False) -> Rule:
    """Register a rule about messages: what breaks it is malformed (RFC 9113 section 8.1.1).

    Such rules are stream errors. Those that h2 4.4.1 checks end the connection there, and here by
    default. "A server can send an HTTP response prior to closing or resetting the stream".
    """
    return _rule(id, section, scope, strict=STREAM, status=b"400", sent=sent)


def _flood(
    id: str, section: str = "9113 10.5", scope: int = CONNECTION, status: bytes | None = None
) -> Rule:
    """Register a limit against abuse."""
    return _rule(id, section, scope, _CALM, DenialOfServiceError, status=status)


# Starting HTTP/2 (RFC 9113 section 3), the HTTP2-Settings field (RFC 7540 section 3.2.1)
PREFACE_INVALID = _rule("preface-invalid", "9113 3.4")
FIRST_FRAME_NOT_SETTINGS = _rule(
    "first-frame-not-settings", "9113 3.4", TOLERATED, strict=CONNECTION
)
UPGRADE_SETTINGS_INVALID = _rule("upgrade-settings-invalid", "7540 3.2.1", MISUSE)
UPGRADE_TOO_LATE = _rule("upgrade-too-late", "7540 3.2", MISUSE)

# Frames (section 4)
FRAME_TOO_LARGE = _rule("frame-too-large", "9113 4.2", code=_SIZE, error=FrameTooLargeError)
FRAME_SIZE_WRONG = _rule("frame-size-wrong", "9113 4.2", code=_SIZE, error=FrameDataMissingError)
PRIORITY_SIZE_WRONG = _rule(
    "priority-size-wrong", "9113 6.3", STREAM, code=_SIZE, error=FrameDataMissingError
)
STREAM_ID_MISSING = _rule("stream-id-missing", "9113 6")
STREAM_ID_FORBIDDEN = _rule("stream-id-forbidden", "9113 6")
PADDING_TOO_LONG = _rule("padding-too-long", "9113 6.1")
FRAME_NOT_ALLOWED = _rule("frame-not-allowed", "9113 8.4")
CONTINUATION_MISSING = _rule("continuation-missing", "9113 6.2")
CONTINUATION_UNEXPECTED = _rule("continuation-unexpected", "9113 6.10")
CONTINUATION_FLOOD = _rule(
    "continuation-flood", "9113 10.5", code=_CALM, error=DenialOfServiceError
)
FIELD_BLOCK_INVALID = _rule("field-block-invalid", "9113 4.3", code=ErrorCodes.COMPRESSION_ERROR)
FIELD_SECTION_TOO_LARGE = _rule(
    "field-section-too-large",
    "9113 10.5.1",
    code=_CALM,
    error=DenialOfServiceError,
    strict=STREAM,
    status=b"431",
)
FIELD_BLOCK_TOO_LARGE = _rule(
    "field-block-too-large", "9113 10.5.1", code=_CALM, error=DenialOfServiceError
)

# Streams (section 5)
STREAM_IDLE = _rule("stream-idle", "9113 5.1")
RESET_OF_IDLE_STREAM = _rule("reset-of-idle-stream", "9113 6.4", TOLERATED, strict=CONNECTION)
STREAM_RESERVED = _rule("stream-reserved", "9113 5.1")
DATA_ON_RESERVED_STREAM = _rule("data-on-reserved-stream", "9113 5.1", STREAM, strict=CONNECTION)
WINDOW_OF_RESERVED_STREAM = _rule(
    "window-of-reserved-stream", "9113 5.1", TOLERATED, strict=CONNECTION
)
STREAM_HALF_CLOSED = _rule("stream-half-closed", "9113 5.1", STREAM, code=_CLOSED)
STREAM_RESET_BY_PEER = _rule("stream-reset-by-peer", "9113 5.1", STREAM, code=_CLOSED)
STREAM_CLOSED = _rule("stream-closed", "9113 5.1", code=_CLOSED)
STREAM_ID_PARITY = _rule("stream-id-parity", "9113 5.1.1")
STREAM_ID_TOO_LOW = _rule("stream-id-too-low", "9113 5.1.1")
TOO_MANY_STREAMS = _rule(
    "too-many-streams",
    "9113 5.1.2",
    error=TooManyStreamsError,
    strict=STREAM,
    strict_code=_REFUSED,
)
STREAM_REFUSED = _rule("stream-refused", "9113 5.1.2", STREAM, _REFUSED, TooManyStreamsError)
PRIORITY_SELF_DEPENDENCY = _rule("priority-self-dependency", "7540 5.3.1", strict=TOLERATED)

# Flow control (sections 5.2 and 6.9)
CONNECTION_WINDOW_EXCEEDED = _rule(
    "connection-window-exceeded", "9113 6.9.1", code=_FLOW, error=FlowControlError
)
STREAM_WINDOW_EXCEEDED = _rule(
    "stream-window-exceeded", "9113 6.9.1", code=_FLOW, error=FlowControlError, strict=STREAM
)
CONNECTION_INCREMENT_ZERO = _rule("connection-increment-zero", "9113 6.9")
STREAM_INCREMENT_ZERO = _rule("stream-increment-zero", "9113 6.9", STREAM)
CONNECTION_WINDOW_OVERFLOW = _rule(
    "connection-window-overflow", "9113 6.9.1", code=_FLOW, error=FlowControlError
)
STREAM_WINDOW_OVERFLOW = _rule(
    "stream-window-overflow", "9113 6.9.1", STREAM, code=_FLOW, error=FlowControlError
)
INITIAL_WINDOW_OVERFLOW = _rule(
    "initial-window-overflow", "9113 6.9.2", code=_FLOW, error=FlowControlError
)

# SETTINGS (section 6.5)
SETTINGS_ACK_UNSOLICITED = _rule(
    "settings-ack-unsolicited", "9113 6.5.3", TOLERATED, strict=CONNECTION
)
SETTING_INVALID = _rule("setting-invalid", "9113 6.5.2")
CONNECT_PROTOCOL_REVOKED = _rule("connect-protocol-revoked", "8441 3", TOLERATED, strict=CONNECTION)

# Extensible priorities (RFC 9218). h2 4.4.1 does not know the setting and the frame.
PRIORITIES_SETTING_INVALID = _rule(
    "priorities-setting-invalid", "9218 2.1", TOLERATED, strict=CONNECTION
)
PRIORITIES_SETTING_CHANGED = _rule(
    "priorities-setting-changed", "9218 2.1", TOLERATED, strict=CONNECTION, sent=True
)
PRIORITY_UPDATE_SIZE_WRONG = _rule(
    "priority-update-size-wrong",
    "9113 4.2",
    TOLERATED,
    code=_SIZE,
    error=FrameDataMissingError,
    strict=CONNECTION,
)
PRIORITY_UPDATE_ON_STREAM = _rule(
    "priority-update-on-stream", "9218 7.1", TOLERATED, strict=CONNECTION
)
PRIORITY_UPDATE_OF_CONNECTION = _rule(
    "priority-update-of-connection", "9218 7.1", TOLERATED, strict=CONNECTION
)
PRIORITY_UPDATE_OF_IDLE_PUSH = _rule(
    "priority-update-of-idle-push", "9218 7.1", TOLERATED, strict=CONNECTION
)
PRIORITY_UPDATE_OF_TOO_MANY = _rule(
    "priority-update-of-too-many", "9218 7.1", TOLERATED, strict=CONNECTION
)
PRIORITY_UPDATE_FROM_SERVER = _rule(
    "priority-update-from-server", "9218 7.1", TOLERATED, strict=CONNECTION
)

# PUSH_PROMISE (sections 6.6 and 8.4)
STREAM_NOT_PROMISED = _rule("stream-not-promised", "9113 8.4.1", STREAM, strict=CONNECTION)
PUSH_DISABLED = _rule("push-disabled", "9113 6.6")
PUSH_PARENT_STATE = _rule("push-parent-state", "9113 6.6")
PUSH_PARENT_ENDED = _rule("push-parent-ended", "9113 6.6", STREAM, strict=CONNECTION)
PUSH_PARENT_RESET = _rule("push-parent-reset", "9113 8.4.1", STREAM, strict=CONNECTION)
PROMISE_REPEATED = _rule("promise-repeated", "9113 5.1.1", STREAM, strict=CONNECTION)
PUSH_NOT_SAFE = _rule("push-not-safe", "9113 8.4.1", STREAM)
PUSH_PARENT_PUSHED = _rule("push-parent-pushed", "9113 8.4.1")

# Messages (section 8)
DATA_BEFORE_HEADERS = _malformed("data-before-headers", "9113 8.1")
TRAILERS_WITHOUT_END_STREAM = _malformed("trailers-without-end-stream", "9113 8.1")
INFORMATIONAL_WITH_END_STREAM = _malformed("informational-with-end-stream", "9113 8.1")
CONTENT_LENGTH_MISMATCH = _malformed("content-length-mismatch", "9113 8.1.1")
CONTENT_LENGTH_UNMET = _malformed("content-length-unmet", "9113 8.1.1", STREAM)
CONTENT_NOT_ALLOWED = _malformed("content-not-allowed", "9113 8.1.1", STREAM)
CONTENT_LENGTH_INVALID = _malformed("content-length-invalid", "9110 8.6")
CONTENT_LENGTH_TOO_LARGE = _malformed("content-length-too-large", "9110 8.6", STREAM)
CONTENT_LENGTH_CONFLICT = _malformed("content-length-conflict", "9110 8.6")
CONTENT_LENGTH_WITHOUT_CONTENT = _malformed("content-length-without-content", "9110 8.6", STREAM)
CONTENT_LENGTH_FORBIDDEN = _malformed("content-length-forbidden", "9110 8.6", STREAM)
FIELD_NAME_EMPTY = _malformed("field-name-empty", "9113 8.2.1")
FIELD_NAME_INVALID = _malformed("field-name-invalid", "9113 8.2.1")
FIELD_NAME_NO_TOKEN = _malformed("field-name-no-token", "9110 5.1", STREAM)
FIELD_VALUE_INVALID = _malformed("field-value-invalid", "9113 8.2.1")
COOKIE_MALFORMED = _malformed("cookie-malformed", "9113 8.2.3", STREAM)
CONNECTION_SPECIFIC = _malformed("connection-specific", "9113 8.2.2")
TE_INVALID = _malformed("te-invalid", "9113 8.2.2")
PSEUDO_UNKNOWN = _malformed("pseudo-unknown", "9113 8.3")
PSEUDO_REPEATED = _malformed("pseudo-repeated", "9113 8.3")
PSEUDO_AFTER_REGULAR = _malformed("pseudo-after-regular", "9113 8.3")
PSEUDO_IN_TRAILERS = _malformed("pseudo-in-trailers", "9113 8.3")
PSEUDO_WRONG_MESSAGE = _malformed("pseudo-wrong-message", "9113 8.3")
PSEUDO_MISSING = _malformed("pseudo-missing", "9113 8.3.1")
PSEUDO_VALUE_INVALID = _malformed("pseudo-value-invalid", "9113 8.3.1", STREAM)
METHOD_NO_TOKEN = _malformed("method-no-token", "9110 9.1", STREAM, sent=True)
PATH_EMPTY = _malformed("path-empty", "9113 8.3.1")
PATH_NOT_ABSOLUTE = _malformed("path-not-absolute", "9113 8.3.1", STREAM)
AUTHORITY_MISSING = _malformed("authority-missing", "9113 8.3.1")
HOST_REPEATED = _malformed("host-repeated", "9110 7.2")
HOST_MISMATCH = _malformed("host-mismatch", "9113 8.3.1")
STATUS_INVALID = _malformed("status-invalid", "9113 8.3.2", STREAM)
CONNECT_MALFORMED = _malformed("connect-malformed", "9113 8.5")
CONNECT_WITHOUT_AUTHORITY = _malformed("connect-without-authority", "9113 8.5", STREAM)
TUNNEL_FRAME = _rule("tunnel-frame", "9113 8.5", STREAM)
PROTOCOL_NOT_ENABLED = _malformed("protocol-not-enabled", "8441 4", STREAM)
PROTOCOL_WITHOUT_CONNECT = _malformed("protocol-without-connect", "8441 4")

# Limits against abuse (section 10.5); their numbers are options (h2.limits)
RAPID_RESET = _flood("rapid-reset")
PROVOKED_RESETS = _flood("provoked-resets")
TOO_MANY_GLITCHES = _flood("too-many-glitches")
PENDING_ANSWERS = _flood("pending-answers")
SETTINGS_ENTRIES = _flood("settings-entries")
EMPTY_DATA = _flood("empty-data")
SMALL_DATA = _flood("small-data")
FIELD_EXPANSION = _flood("field-expansion", "9113 10.5.1")
TOO_MANY_FIELDS = _flood("too-many-fields", "9113 10.5.1", STREAM, status=b"431")
TOO_MANY_COOKIES = _flood("too-many-cookies", "9113 10.5.1", STREAM, status=b"431")

# Calls that the application must not make
NOT_ALLOWED_NOW = _rule("not-allowed-now", "9113 5.1", MISUSE)
CONNECTION_CLOSED = _rule("connection-closed", "9113 5.4.1", MISUSE)
GOING_AWAY = _rule("going-away", "9113 6.8", MISUSE)
CLIENT_ONLY = _rule("client-only", "9113 8", MISUSE)
SERVER_ONLY = _rule("server-only", "9113 8.4", MISUSE)
PEER_LIMIT_REACHED = _rule("peer-limit-reached", "9113 5.1.2", MISUSE, error=TooManyStreamsError)
STREAM_IDS_EXHAUSTED = _rule(
    "stream-ids-exhausted", "9113 5.1.1", MISUSE, error=NoAvailableStreamIDError
)
SEND_WINDOW_EXCEEDED = _rule(
    "send-window-exceeded", "9113 6.9.1", MISUSE, code=_FLOW, error=FlowControlError
)
SEND_FRAME_TOO_LARGE = _rule(
    "send-frame-too-large", "9113 4.2", MISUSE, code=_SIZE, error=FrameTooLargeError
)
RECEIVE_WINDOW_OVERFLOW = _rule(
    "receive-window-overflow", "9113 6.9.1", MISUSE, code=_FLOW, error=FlowControlError
)
PRIORITY_WEIGHT = _rule("priority-weight", "7540 5.3.2", MISUSE)
SERVER_PRIORITY = _rule("server-priority", "7540 5.3", MISUSE, error=RFC1122Error)
LAST_STREAM_ID_RAISED = _rule("last-stream-id-raised", "9113 6.8", MISUSE)
