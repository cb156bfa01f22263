"""A time limit for each test, so that a run ends even if a test hangs."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

#: Seconds that a test may take. The longest take a few minutes on a busy machine.
LIMIT = 1200.0
#: Seconds after which a test that hangs during its cleanup is interrupted again.
AGAIN = 60.0


@contextmanager
def limited(seconds: float = LIMIT, again: float = AGAIN) -> Iterator[None]:
    """Make a test fail where it waits when its time is up, if the system has the signal for it."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "SIGALRM") or not in_main_thread:
        yield
        return

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"the test has not ended after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def last_words(error: BaseException | None) -> list[tuple[str, str]]:
    """The output of a program that timed out, with a title for each of its two streams."""
    if not isinstance(error, subprocess.TimeoutExpired):
        return []
    texts = {"Output": error.stdout, "Error output": error.stderr}
    return [
        (f"{title} of {error.cmd}", text.decode(errors="replace"))
        for title, text in texts.items()
        if text
    ]
