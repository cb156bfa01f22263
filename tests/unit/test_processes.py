"""Programs that tests start do not hang if nobody reads their output."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import processes

MEGABYTE = 1_000_000


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_a_server_may_write_much_while_nobody_reads() -> None:
    program = (
        "import sys\n"
        "print('listening on port :1234', flush=True)\n"
        f"sys.stderr.write('e' * {MEGABYTE})\n"
        f"print('o' * {MEGABYTE})\n"
    )
    with processes.serving(python(program)) as server:
        assert server.port == 1234
        assert server.finish() == ("o" * MEGABYTE + "\n", "e" * MEGABYTE)


def test_outputs_are_those_of_the_test_under_way() -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr)"
    before = processes.outputs()
    with processes.started(python(program)) as first:
        first.finish()
    assert [text for _, text in processes.outputs()[len(before) :]] == ["out\n", "err\n"]
    processes.forget_ended()
    with processes.started(python("input()"), subprocess.PIPE) as second:
        processes.forget_ended()
        second.type(b"\n", end=True)
        assert second.finish() == ("", "")
    assert not [title for title, _ in processes.outputs() if program in title]


def test_what_is_printed_is_taken_once() -> None:
    with processes.started(python("print('a 1'); print('b 2'); print('a 3')")) as program:
        assert program.lines("b") == ["a 1", "b 2"]
        assert program.until(r"\d") == "a 3"
        assert program.finish() == ("\n", "")


def test_a_program_that_ends_too_early_is_shown() -> None:
    with (
        processes.started(python("import sys; sys.exit('no port')")) as program,
        pytest.raises(pytest.fail.Exception, match=r"never printed ':\\\\d': no port"),
    ):
        program.until(r":\d")


def test_a_program_that_does_not_end_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TIMEOUT", 1)
    command = ["sh", "-c", "echo no end >&2; exec sleep 600"]
    with processes.started(command) as program:
        with pytest.raises(pytest.fail.Exception, match="never printed 'x': no end"):
            program.until("x")
        with pytest.raises(pytest.fail.Exception, match="does not end: no end"):
            program.finish()
    with pytest.raises(pytest.fail.Exception, match="timed out after 1 seconds: no end"):
        processes.run(command)
    with pytest.raises(pytest.fail.Exception, match="timed out after 1 seconds: no end"):
        processes.run_for_bytes(command)
