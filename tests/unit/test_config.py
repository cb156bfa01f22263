"""h2.config: the options and the loggers."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from typing import Any

import pytest

from h2.config import DummyLogger, H2Configuration, OutputLogger

DEFAULTS = {
    "client_side": True,
    "validate_outbound_headers": True,
    "normalize_outbound_headers": True,
    "split_outbound_cookies": False,
    "validate_inbound_headers": True,
    "normalize_inbound_headers": True,
    "strict": False,
}
NOT_BOOLEANS: list[Any] = [None, 0, 1, "yes", b"", 1.0, [], object]


def test_defaults() -> None:
    config = H2Configuration()
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    assert config.header_encoding is None
    assert type(config.logger) is DummyLogger


def test_options_by_position() -> None:
    logger = OutputLogger(io.StringIO())
    config = H2Configuration(False, "utf-8", False, False, True, False, False, logger)
    assert config.client_side is False
    assert config.header_encoding == "utf-8"
    assert config.validate_outbound_headers is False
    assert config.normalize_outbound_headers is False
    assert config.split_outbound_cookies is True
    assert config.validate_inbound_headers is False
    assert config.normalize_inbound_headers is False
    assert config.logger is logger
    assert config.strict is False


@pytest.mark.parametrize("name", DEFAULTS)
def test_boolean_option(name: str) -> None:
    other = not DEFAULTS[name]
    options: dict[str, Any] = {name: other}
    config = H2Configuration(**options)
    assert {key: getattr(config, key) for key in DEFAULTS} == {**DEFAULTS, name: other}
    setattr(config, name, DEFAULTS[name])
    assert getattr(config, name) is DEFAULTS[name]


@pytest.mark.parametrize("value", NOT_BOOLEANS)
@pytest.mark.parametrize("name", DEFAULTS)
def test_boolean_option_of_the_wrong_type(name: str, value: Any) -> None:
    config = H2Configuration()
    with pytest.raises(ValueError, match=f"^{name} must be a bool$"):
        setattr(config, name, value)
    assert getattr(config, name) is DEFAULTS[name]
    if name == "strict" and value is None:
        return  # means that the class of the connection decides
    options: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"^{name} must be a bool$"):
        H2Configuration(**options)


@pytest.mark.parametrize("value", [None, False, "utf-8", "ISO-8859-1", "utf_16"])
def test_header_encoding(value: Any) -> None:
    assert H2Configuration(header_encoding=value).header_encoding == value
    config = H2Configuration(header_encoding="ascii")
    config.header_encoding = value
    assert config.header_encoding == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "header_encoding cannot be True"),
        (0, "header_encoding must be bool, string, or None"),
        (1, "header_encoding must be bool, string, or None"),
        (b"utf-8", "header_encoding must be bool, string, or None"),
    ],
)
def test_header_encoding_of_the_wrong_type(value: Any, message: str) -> None:
    config = H2Configuration(header_encoding="ascii")
    with pytest.raises(ValueError, match=f"^{message}$"):
        config.header_encoding = value
    assert config.header_encoding == "ascii"
    with pytest.raises(ValueError, match=f"^{message}$"):
        H2Configuration(header_encoding=value)


@pytest.mark.parametrize(
    "name", ["no-such-encoding", "", "hex", "rot13", "undefined", "utf-8\0", "\udc80", "\xe4"]
)
def test_header_encoding_that_does_not_exist(name: str) -> None:
    config = H2Configuration(header_encoding="ascii")
    with pytest.raises(ValueError, match="header_encoding is not an encoding"):
        config.header_encoding = name
    assert config.header_encoding == "ascii"
    with pytest.raises(ValueError, match="header_encoding is not an encoding"):
        H2Configuration(header_encoding=name)


def test_repr_shows_the_side_and_what_differs_from_the_defaults() -> None:
    assert repr(H2Configuration()) == "H2Configuration(client_side=True)"
    assert repr(H2Configuration(False, strict=True)) == (
        "H2Configuration(client_side=False, strict=True)"
    )
    config = H2Configuration(
        header_encoding="utf-8",
        validate_outbound_headers=False,
        split_outbound_cookies=True,
        logger=Collector(),
    )
    assert repr(config) == (
        "H2Configuration(client_side=True, validate_outbound_headers=False, "
        f"split_outbound_cookies=True, header_encoding='utf-8', logger={config.logger!r})"
    )
    config.validate_outbound_headers = True
    config.split_outbound_cookies = False
    config.header_encoding = False
    config.logger = DummyLogger()
    assert repr(config) == "H2Configuration(client_side=True)"


def test_unknown_options_are_plain_attributes_and_no_arguments() -> None:
    config: Any = H2Configuration()
    options: dict[str, Any] = {"note": "mine"}
    config.note = "mine"
    assert config.note == "mine"
    with pytest.raises(TypeError):
        H2Configuration(**options)


def test_options_are_read_as_plain_attributes() -> None:
    config = H2Configuration()
    assert {name: vars(config)[name] for name in DEFAULTS} == DEFAULTS
    assert "header_encoding" in vars(config)
    assert not any(hasattr(H2Configuration, name) for name in DEFAULTS)


class Collector(DummyLogger):
    """A logger such as applications write."""


def test_active_logger_is_the_logger_unless_it_drops_everything() -> None:
    assert H2Configuration()._active_logger is None
    assert H2Configuration(logger=DummyLogger())._active_logger is None
    for logger in (Collector(), OutputLogger(io.StringIO())):
        assert H2Configuration(logger=logger)._active_logger is logger


def test_logger_can_be_exchanged() -> None:
    config: Any = H2Configuration()
    logger = Collector()
    config.logger = logger
    assert config.logger is logger
    assert config._active_logger is logger
    config.logger = None
    assert config.logger is None
    assert config._active_logger is None


@pytest.mark.parametrize("duplicate", [copy.copy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies(duplicate: Any) -> None:
    config = H2Configuration(client_side=False, header_encoding="utf-8", logger=Collector())
    twin = duplicate(config)
    assert twin is not config
    assert twin.client_side is False
    assert twin.header_encoding == "utf-8"
    assert type(twin.logger) is Collector
    assert twin._active_logger is twin.logger
    twin.client_side = True
    assert config.client_side is False


def test_dummy_logger_takes_anything(capsys: pytest.CaptureFixture[str]) -> None:
    logger = DummyLogger("some", "name")
    logger.debug("%s and %s", 1, key=2)
    logger.trace()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_output_logger_writes_debug_messages_only() -> None:
    file = io.StringIO()
    logger = OutputLogger(file)
    logger.debug("a %s", "b")
    logger.trace("not %s", "shown")
    logger.debug("100%%")
    assert file.getvalue() == "h2 (debug): a b\nh2 (debug): 100%\n"


def test_output_logger_writes_trace_messages_if_asked() -> None:
    file = io.StringIO()
    logger = OutputLogger(file=file, trace_level=True)
    logger.debug("plain")
    logger.trace("a %s %d", "b", 3)
    assert file.getvalue() == "h2 (debug): plain\nh2 (trace): a b 3\n"
    logger.trace_level = False
    logger.trace("more")
    assert file.getvalue().count("\n") == 2


def test_output_logger_uses_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logger = OutputLogger()
    assert logger.file is sys.stderr
    assert logger.trace_level is False
    logger.debug("seen")
    assert capsys.readouterr().err == "h2 (debug): seen\n"


def test_output_logger_refuses_arguments_that_do_not_fit() -> None:
    file = io.StringIO()
    with pytest.raises(TypeError):
        OutputLogger(file).debug("%s")
    assert file.getvalue() == ""
