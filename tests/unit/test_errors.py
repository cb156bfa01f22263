"""h2.errors: the codes of RFC 9113 section 7."""

from __future__ import annotations

import pytest

import h2.errors
from h2.errors import ErrorCodes, _error_code_from_int

REGISTRY = {
    "NO_ERROR": 0x00,
    "PROTOCOL_ERROR": 0x01,
    "INTERNAL_ERROR": 0x02,
    "FLOW_CONTROL_ERROR": 0x03,
    "SETTINGS_TIMEOUT": 0x04,
    "STREAM_CLOSED": 0x05,
    "FRAME_SIZE_ERROR": 0x06,
    "REFUSED_STREAM": 0x07,
    "CANCEL": 0x08,
    "COMPRESSION_ERROR": 0x09,
    "CONNECT_ERROR": 0x0A,
    "ENHANCE_YOUR_CALM": 0x0B,
    "INADEQUATE_SECURITY": 0x0C,
    "HTTP_1_1_REQUIRED": 0x0D,
}


def test_all_codes_of_the_registry() -> None:
    assert {code.name: code.value for code in ErrorCodes} == REGISTRY


def test_codes_are_integers() -> None:
    assert isinstance(ErrorCodes.CANCEL, int)
    assert ErrorCodes.CANCEL + 0 == 8
    assert f"{ErrorCodes.CANCEL}" == "8"


@pytest.mark.parametrize("code", list(ErrorCodes))
def test_known_number_becomes_a_member(code: ErrorCodes) -> None:
    assert _error_code_from_int(int(code)) is code


@pytest.mark.parametrize("number", [14, 255, 2**32 - 1])
def test_unknown_number_stays_a_number(number: int) -> None:
    result = _error_code_from_int(number)
    assert result == number
    assert type(result) is int


def test_exported_names() -> None:
    assert h2.errors.__all__ == ["ErrorCodes"]
