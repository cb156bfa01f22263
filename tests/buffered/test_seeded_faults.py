"""The simulation finds faults; `python -m tools.simulation --faults` tries the whole list."""

from __future__ import annotations

from pathlib import Path

import pytest

from buffered import seeded_faults
from buffered.fault_list import FAULTS, Fault
from tools import simulation as command


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_source_has_what_a_fault_replaces(fault: Fault) -> None:
    assert seeded_faults.fits(fault)
    assert fault.old != fault.new


def test_names_are_different() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["negative window", "wake-up by INITIAL", "trailers overtake", "one stream too many", "passed"],
)
def test_a_fault_is_found(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--faults", "--only", part]) == 0
    assert "1 of 1 faults are found" in capsys.readouterr().out


def test_a_fault_that_nobody_finds_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    harmless = Fault(
        "none", "buffered.py", "SEND_BUFFER_HIGH = 65_536", "SEND_BUFFER_HIGH = 65_535"
    )
    monkeypatch.setattr(seeded_faults, "FAULTS", (harmless,))
    monkeypatch.setattr(seeded_faults, "RUNS", 3)
    assert command.main(["--faults"]) == 1
    assert "MISSED: none" in capsys.readouterr().out


def test_a_source_that_is_another_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="the source is another one"):
        seeded_faults.found(Fault("none", "buffered.py", "no such line", ""))


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("while True: pass", "it hangs"),
        ("import time; time.sleep(2)", ""),
        ("raise SystemExit('a check fails')", "a check fails"),
    ],
)
def test_only_a_program_that_keeps_the_processor_busy_hangs(
    program: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeded_faults, "PATIENCE", 1)
    assert seeded_faults.run(tmp_path, "-c", program) == says
