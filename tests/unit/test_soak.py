"""Short runs of the programs for long runs: the soak over sockets, and many idle connections."""

from __future__ import annotations

import gc
import json
import platform
import random
import socket

import pytest

from benchmarks import scale, soak, soak_ends


@pytest.mark.slow
def test_a_short_soak(capfd: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--requests", "3000", "--connections", "80", "--seed", "2"]) == 0
    out = capfd.readouterr().out
    assert "WRONG" not in out
    # Every outcome occurs, even with so few requests.
    for outcome in ("answered", "cancelled", "reset by the server", "ended by an error"):
        assert f"  {outcome}: " in out
    assert "  sent again: " in out


def wrong_content(number: int, size: int) -> memoryview:
    """Correct content at first, then the content of another message."""
    return content(number + (number >= 700), size)


content = soak_ends.content


def test_the_soak_finds_content_that_is_not_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    # The other end is a separate process, and follows the protocol.
    monkeypatch.setattr(soak_ends, "content", wrong_content)
    monkeypatch.setattr(soak_ends, "SIZES", (100,))
    monkeypatch.setattr(soak, "SIZES", (100,))
    with pytest.raises(AssertionError, match=r"number=[7-9]\d\d\b"):
        soak.main(["--requests", "1000", "--connections", "1"])


def test_an_end_that_has_to_acknowledge_content_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = []

    def select(reads: object, writes: object, errors: object, wait: float) -> object:
        waits.append(wait)
        return [], [], []

    monkeypatch.setattr(soak_ends.select, "select", select)
    with socket.socket() as sock:
        end = soak_ends.End(sock, True, random.Random(1))
        end.turn(0.05)
        end.owed.extend([(1, 10), (1, 10)])
        monkeypatch.setattr(end, "pay", lambda: None)
        end.turn(0.05)
    assert waits == [0.05, soak_ends.OWING]


def test_the_soak_finds_requests_that_are_lost(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def forgetful(self: soak_ends.Client, event: object) -> None:
        self.leaving = True
        for stream_id in list(self.active):
            del self.active[stream_id]

    monkeypatch.setattr(soak_ends.Client, "go_on_elsewhere", forgetful)
    assert soak.main(["--requests", "10", "--connections", "60"]) == 1
    assert "requests are lost" in capfd.readouterr().out


def test_the_soak_finds_memory_that_grows(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sizes = iter(range(10_000, 10**9, 10_000))
    monkeypatch.setattr(soak, "resident", lambda process: next(sizes))
    assert soak.main(["--requests", "2000", "--connections", "20"]) == 1
    out = capfd.readouterr().out
    assert "WRONG: one connection: " in out
    assert "WRONG: connections in turn: " in out


@pytest.mark.slow
def test_many_idle_connections(capsys: pytest.CaptureFixture[str]) -> None:
    if platform.python_implementation() != "CPython":
        pytest.skip("memory is counted with tracemalloc, which only CPython has")
    assert scale.main(["--connections", "300", "--variants", "64", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    assert parts["all at once"]["connections"] == 300
    figures = parts["bytes for each"]
    # The manual makes these claims about settings.
    usual = figures["as it is"]
    assert usual < 11_000
    assert figures["HEADER_TABLE_SIZE 0"] < 0.8 * usual
    assert figures["an encoder without a table"] < 0.9 * usual
    assert abs(figures["INITIAL_WINDOW_SIZE 1 MiB"] - usual) < 500
    assert 100 < (figures["5 requests open"] - usual) / 5 < 400


def test_tables_of_many_idle_connections(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["--connections", "2", "--requests", "6", "--variants", "2"]) == 0
    out = capsys.readouterr().out
    assert "all at once:" in out
    assert all(f"  {name} " in out for name in scale.VARIANTS)


def test_connections_go_with_the_last_reference() -> None:
    """There are no reference cycles for the garbage collector to find."""
    session = scale.record(1, 10)
    conns = [scale.used(session)]
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            conns[0] = scale.used(session)
        conns.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()
