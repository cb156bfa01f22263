"""The options of a configuration that a connection reads for each frame and each field block."""

from __future__ import annotations

from typing import Any

from h2.config import DummyLogger, H2Configuration, OutputLogger


class Options:
    """A copy of some options, which the configuration keeps up to date.

    The configuration is an object of programs, so its attributes take long to read where the rest
    is compiled. All connections that share a configuration share this, too.
    """

    __slots__ = (
        "encoding",
        "few_answers",
        "join_cookies",
        "log",
        "normalize",
        "split_cookies",
        "suspect_list",
        "validate_inbound",
        "version",
    )

    #: With which fields that arrive are decoded to text; they stay octets if it is no string.
    encoding: Any
    #: So many pending answers need no look.
    few_answers: int
    join_cookies: bool
    #: The logger, None where nothing comes of a call to it.
    log: DummyLogger | OutputLogger | None
    normalize: bool
    split_cookies: bool
    #: Field sections above this size may exceed a limit.
    suspect_list: int
    validate_inbound: bool
    #: Counts assignments of options that are true or false.
    version: int

    def read(self, config: H2Configuration) -> None:
        """Take over the options."""
        self.encoding = config.header_encoding
        self.few_answers = config._few_answers
        self.join_cookies = config.normalize_inbound_headers
        self.log = config._active_logger
        self.normalize = config.normalize_outbound_headers
        self.split_cookies = config.split_outbound_cookies
        self.suspect_list = config._suspect_list
        self.validate_inbound = config.validate_inbound_headers
        self.version = config._version


def options_of(config: H2Configuration) -> Options:
    """Return the options of a configuration, the same object each time."""
    known: Any = config._options
    if known is None:
        known = config.__dict__["_options"] = Options()
        known.read(config)
    options: Options = known
    return options
