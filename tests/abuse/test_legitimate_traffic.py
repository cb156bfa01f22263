"""Legitimate traffic that looks like an attack passes all limits: see `benchmarks.legitimate`."""

from __future__ import annotations

import pytest

from benchmarks import legitimate
from support.peers import require_program


@pytest.mark.parametrize("name", legitimate.TRAFFIC)
def test_no_limit_ends_it(name: str) -> None:
    found = legitimate.TRAFFIC[name]
    found.run(found.quick)


@pytest.mark.slow
def test_requests_of_h2load_over_one_connection() -> None:
    require_program("h2load")
    assert "finished in" in legitimate.h2load(5000)


def test_traffic_that_is_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legitimate, "RESPONSE", [(b":status", b"200"), (b"content-length", b"1")])
    with pytest.raises(RuntimeError, match="traffic got lost: 0 instead of 1"):
        legitimate.TRAFFIC["crumbs"].run(1)


def test_the_command_runs_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert legitimate.main(["--only", "pings,burst"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["pings", "burst"]
