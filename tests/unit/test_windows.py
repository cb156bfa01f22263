"""h2.windows: a receive window by itself, and other names that programs use."""

from __future__ import annotations

import pytest

from h2 import frame_buffer, windows
from h2.connection import H2Connection
from h2.exceptions import FlowControlError
from h2.windows import LARGEST_FLOW_CONTROL_WINDOW, WindowManager


def test_consuming_and_processing() -> None:
    window = WindowManager(100)
    assert (window.max_window_size, window.current_window_size) == (100, 100)
    window.window_consumed(60)
    assert window.current_window_size == 40
    assert window.process_bytes(49) is None
    assert window.process_bytes(1) == 50
    assert window.current_window_size == 90
    assert window.process_bytes(0) is None
    assert window.process_bytes(10) is None
    window.window_consumed(90)
    assert window.process_bytes(80) == 90
    assert window.current_window_size == 90


def test_consuming_too_much() -> None:
    window = WindowManager(100)
    window.window_consumed(100)
    with pytest.raises(FlowControlError, match="below 0"):
        window.window_consumed(1)
    assert window.current_window_size == 0
    window.window_consumed(0)


def test_opening_by_hand() -> None:
    window = WindowManager(100)
    window.window_consumed(50)
    window.window_opened(30)
    assert (window.max_window_size, window.current_window_size) == (100, 80)
    window.window_opened(70)
    assert (window.max_window_size, window.current_window_size) == (150, 150)


def test_opening_too_far() -> None:
    window = WindowManager(1)
    window.window_opened(LARGEST_FLOW_CONTROL_WINDOW - 1)
    with pytest.raises(FlowControlError, match="2147483647"):
        window.window_opened(1)
    assert window.current_window_size == LARGEST_FLOW_CONTROL_WINDOW == 2**31 - 1


def test_more_than_arrived_does_not_open_it_beyond_its_size() -> None:
    window = WindowManager(100)
    window.window_consumed(10)
    assert window.process_bytes(1_000) == 10
    assert window.current_window_size == 100


def test_sizes_that_a_program_assigns() -> None:
    window = WindowManager(100)
    window.max_window_size = 1_000
    window.current_window_size = 200
    assert (window.max_window_size, window.current_window_size) == (1_000, 200)
    window.window_consumed(200)
    assert window.process_bytes(600) == 600
    assert window.current_window_size == 600


def test_names() -> None:
    assert frame_buffer.CONTINUATION_BACKLOG == H2Connection.CONTINUATION_BACKLOG == 64
    assert set(windows.__all__) == {"LARGEST_FLOW_CONTROL_WINDOW", "WindowManager"}
