"""The options of a connection, and its loggers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from h2.limits import AbuseLimits

__all__ = ["DummyLogger", "H2Configuration", "OutputLogger"]


class DummyLogger:
    """A logger that discards everything. The default.

    Your own logger needs the two methods of this class. If the connection is used in asynchronous
    code, they must not do blocking I/O.
    """

    def __init__(self, *vargs: Any) -> None:
        pass

    def debug(self, *vargs: Any, **kwargs: Any) -> None:
        """Discard a message about the course of the connection."""

    def trace(self, *vargs: Any, **kwargs: Any) -> None:
        """Discard a message about a detail, such as one frame."""


class OutputLogger:
    """A logger that writes to a file.

    :param file: where to write; standard error if ``None``
    :param trace_level: whether to write :meth:`trace` messages as well
    """

    def __init__(self, file: TextIO | None = None, trace_level: bool = False) -> None:
        self.file: TextIO = sys.stderr if file is None else file
        self.trace_level = trace_level

    def debug(self, fmtstr: str, *args: Any) -> None:
        """Write a message about the course of the connection, formatted with ``%``."""
        print(f"h2 (debug): {fmtstr % args}", file=self.file)

    def trace(self, fmtstr: str, *args: Any) -> None:
        """Write a message about a detail, if ``trace_level`` is set."""
        if self.trace_level:
            print(f"h2 (trace): {fmtstr % args}", file=self.file)


_new = object.__new__


class _Reader(Protocol):
    """An object that is notified of changes: see :mod:`h2._core.options`."""

    def read(self, config: H2Configuration) -> None:
        """Look at the options again."""


# The options that are True or False, and their defaults.
_BOOLEAN_OPTIONS = {
    "client_side": True,
    "validate_outbound_headers": True,
    "normalize_outbound_headers": True,
    "split_outbound_cookies": False,
    "validate_inbound_headers": True,
    "normalize_inbound_headers": True,
    "strict": False,
}

#: The default limits, which most configurations share.
_LIMITS: Final = AbuseLimits()

# The initial values. They are set on the object because the connection reads most of them often,
# and finds attributes of the object faster than those of its class.
_DEFAULTS: Final[dict[str, Any]] = {
    **_BOOLEAN_OPTIONS,
    "header_encoding": None,
    "limits": _LIMITS,
    # Configurations without a logger share one: it has no state.
    "logger": _new(DummyLogger),
    "_active_logger": None,
    "_version": 0,
    "_suspect_list": _LIMITS.suspect_list(),
    "_few_answers": _LIMITS.few_answers(),
    "_few_small_data": _LIMITS.few_small_data(),
}


class H2Configuration:
    """The options of a connection. One object may serve any number of connections.

    Every option is an attribute of the same name, checked when it is assigned.

    :param client_side: whether this is the client or the server end of the connection
    :param header_encoding: name of the encoding, such as ``"utf-8"``, with which the fields in
        events are decoded to ``str``; ``None`` or ``False`` leaves them as ``bytes``. An octet
        that cannot be decoded becomes a surrogate, as with ``surrogateescape``
    :param validate_outbound_headers: check the fields that are sent against RFC 9113 section 8
    :param normalize_outbound_headers: convert the fields that are sent into the form that HTTP/2
        requires: names in lower case, values without surrounding whitespace, no fields that belong
        to an HTTP/1.1 connection; and keep credentials and short cookies out of compression tables
        (RFC 7541 section 7.1.3)
    :param split_outbound_cookies: send a ``cookie`` field as one field for each cookie pair, which
        can compress better (RFC 9113 section 8.2.3)
    :param validate_inbound_headers: check the fields that arrive against RFC 9113 section 8
    :param normalize_inbound_headers: join several ``cookie`` fields that arrive into one
        (RFC 9113 section 8.2.3)
    :param logger: an object with the methods ``debug`` and ``trace``; :class:`DummyLogger` if
        ``None``
    :param strict: follow RFC 9113 to the letter: every rule has the scope that the RFC requires. A
        malformed message or a stream above the acknowledged limit resets only that stream; a server
        answers 400 or 431 before the reset if it has not started a response; the first frame must
        be SETTINGS, and an unsolicited acknowledgment is an error. ``False`` behaves like h2 4.4.1.
        ``None`` means ``False``, but ``True`` for :class:`~h2.buffered.BufferedH2Connection`.
    :param limits: how much a peer may do before it counts as an attack; ``AbuseLimits()`` if
        ``None``
    :param clock: returns the time in seconds, for limits that are rates. It is called at most once
        per call of ``receive_data``, and only for a frame that counts towards a rate
    :raises ValueError: if an option has a wrong type, or the encoding does not exist
    """

    client_side: bool
    header_encoding: bool | str | None
    validate_outbound_headers: bool
    normalize_outbound_headers: bool
    split_outbound_cookies: bool
    validate_inbound_headers: bool
    normalize_inbound_headers: bool
    logger: DummyLogger | OutputLogger
    strict: bool
    limits: AbuseLimits
    clock: Callable[[], float] = time.monotonic

    # Whether the program has set `strict`.
    _says_strict = False

    # Counts assignments, so that a connection notices changed options.
    _version: int

    # Field sections above this size may exceed a limit, so they are checked.
    _suspect_list: int

    # Up to this many pending answers need no check.
    _few_answers: int

    # Up to this many small DATA frames need no check.
    _few_small_data: int

    # The logger, or None if calls to it have no effect. Kept next to `logger` so that the
    # connection needs just one attribute.
    _active_logger: DummyLogger | OutputLogger | None

    # Where connections keep what they read often, once there is a connection.
    _options: _Reader | None = None

    def __init__(
        self,
        client_side: bool = True,
        header_encoding: bool | str | None = None,
        validate_outbound_headers: bool = True,
        normalize_outbound_headers: bool = True,
        split_outbound_cookies: bool = False,
        validate_inbound_headers: bool = True,
        normalize_inbound_headers: bool = True,
        logger: DummyLogger | OutputLogger | None = None,
        *,
        strict: bool | None = None,
        limits: AbuseLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # All at once, bypassing __setattr__: most connections have their own object, so this is
        # part of the cost of opening a connection.
        options = self.__dict__
        options.update(_DEFAULTS)
        if client_side is not True:
            options["client_side"] = _bool("client_side", client_side)
        if validate_outbound_headers is not True:
            options["validate_outbound_headers"] = _bool(
                "validate_outbound_headers", validate_outbound_headers
            )
        if normalize_outbound_headers is not True:
            options["normalize_outbound_headers"] = _bool(
                "normalize_outbound_headers", normalize_outbound_headers
            )
        if split_outbound_cookies is not False:
            options["split_outbound_cookies"] = _bool(
                "split_outbound_cookies", split_outbound_cookies
            )
        if validate_inbound_headers is not True:
            options["validate_inbound_headers"] = _bool(
                "validate_inbound_headers", validate_inbound_headers
            )
        if normalize_inbound_headers is not True:
            options["normalize_inbound_headers"] = _bool(
                "normalize_inbound_headers", normalize_inbound_headers
            )
        if strict is not None:
            options["strict"] = _bool("strict", strict)
            options["_says_strict"] = True
        if header_encoding is not None:
            if header_encoding is not False:
                _check_encoding(header_encoding)
            options["header_encoding"] = header_encoding
        if logger:
            options["logger"] = logger
            options["_active_logger"] = _active(logger)
        if limits is not None:
            self.limits = limits
        if clock is not time.monotonic:
            self.clock = clock

    # Type checkers that see this method accept any name as an option.
    if not TYPE_CHECKING:  # pragma: no branch - always so when it runs

        def __setattr__(self, name: str, value: Any) -> None:
            # Checking here, not in descriptors, keeps the options plain attributes: the connection
            # reads several of them for every field block.
            if name in _BOOLEAN_OPTIONS:
                _bool(name, value)
                object.__setattr__(self, "_version", self._version + 1)
                if name == "strict":
                    object.__setattr__(self, "_says_strict", True)
            elif name == "header_encoding":
                if value is not None and value is not False:
                    _check_encoding(value)
            elif name == "limits":
                if not isinstance(value, AbuseLimits):
                    raise ValueError(f"limits must be AbuseLimits, not {value!r}")
                object.__setattr__(self, "_suspect_list", value.suspect_list())
                object.__setattr__(self, "_few_answers", value.few_answers())
                object.__setattr__(self, "_few_small_data", value.few_small_data())
            elif name == "clock":
                if not callable(value):
                    raise ValueError("clock must be callable")
            elif name == "logger":
                object.__setattr__(self, "_active_logger", _active(value))
            object.__setattr__(self, name, value)
            if self._options is not None:
                self._options.read(self)

    def __getstate__(self) -> dict[str, Any]:
        # A copy has no connections yet.
        return {name: value for name, value in vars(self).items() if name != "_options"}

    def __repr__(self) -> str:
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, default in _BOOLEAN_OPTIONS.items()
            if name == "client_side" or getattr(self, name) is not default
        ]
        if self.limits != _LIMITS:
            shown.append(f"limits={self.limits!r}")
        if self.clock is not time.monotonic:
            shown.append(f"clock={self.clock!r}")
        if self.header_encoding:
            shown.append(f"header_encoding={self.header_encoding!r}")
        if self._active_logger is not None:
            shown.append(f"logger={self.logger!r}")
        return f"H2Configuration({', '.join(shown)})"


def _active(
    logger: DummyLogger | OutputLogger | None,
) -> DummyLogger | OutputLogger | None:
    """Return the logger, or ``None`` if calls to it have no effect."""
    return None if type(logger) is DummyLogger else logger


def _bool(name: str, value: bool) -> bool:
    """Return the value of a boolean option, or raise ValueError."""
    if value is not True and value is not False:
        raise ValueError(f"{name} must be a bool")
    return value


def _check_encoding(name: object) -> None:
    """Raise ValueError for what is not a text encoding, such as ``hex``."""
    if name is True:
        raise ValueError("header_encoding cannot be True")
    if not isinstance(name, str):
        raise ValueError("header_encoding must be bool, string, or None")
    try:
        "h2".encode(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"header_encoding is not an encoding that Python supports: {name!r}"
        ) from None
