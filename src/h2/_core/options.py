"""Configuration options that a connection reads for every frame and field block."""

from __future__ import annotations

from typing import Any, Final

from h2.config import DummyLogger, H2Configuration, OutputLogger

_CONFIGURATION: Final[Any] = H2Configuration


class Options:
    """A copy of some options, kept up to date by the configuration.

    Programs create and may subclass the configuration, so compiled code is slow to read its
    attributes. Connections that share a configuration share this copy as well.
    """

    __slots__ = (
        "encoding",
        "few_answers",
        "few_small_data",
        "join_cookies",
        "log",
        "normalize",
        "split_cookies",
        "suspect_list",
        "validate_inbound",
        "version",
    )

    #: The encoding used to decode received fields to text; if not a string, they stay bytes.
    encoding: Any
    #: Up to this many pending answers need no check.
    few_answers: int
    #: Up to this many small DATA frames need no check.
    few_small_data: int
    join_cookies: bool
    #: The logger, or None if calling it has no effect.
    log: DummyLogger | OutputLogger | None
    normalize: bool
    split_cookies: bool
    #: Field sections larger than this may exceed a limit.
    suspect_list: int
    validate_inbound: bool
    #: Counts assignments to boolean options.
    version: int

    def read(self, config: H2Configuration) -> None:
        """Copy the options."""
        if type(config) is _CONFIGURATION:
            # All of them are in the dict of the object: a look-up costs a quarter.
            options: dict[str, Any] = config.__dict__
            self.encoding = options["header_encoding"]
            self.few_answers = options["_few_answers"]
            self.few_small_data = options["_few_small_data"]
            self.join_cookies = options["normalize_inbound_headers"]
            self.log = options["_active_logger"]
            self.normalize = options["normalize_outbound_headers"]
            self.split_cookies = options["split_outbound_cookies"]
            self.suspect_list = options["_suspect_list"]
            self.validate_inbound = options["validate_inbound_headers"]
            self.version = options["_version"]
            return
        # A subclass may have properties.
        self.encoding = config.header_encoding
        self.few_answers = config._few_answers
        self.few_small_data = config._few_small_data
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
