"""The pages of the documentation that are generated, or kept beside a list, match the code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from compat.differential.deviations import NAMES
from h2._rules import connection_states, stream_states
from h2._rules.registry import RULES
from h2.connection import H2Connection
from h2.exceptions import StreamClosedError
from support import wire
from support.processes import ROOT, run
from tools import pages, rule_index, state_diagrams
from unit.rules.scenarios import SCENARIOS, STREAM

every_generator = pytest.mark.parametrize(
    ("generator", "name"),
    [(rule_index, "conformance.md"), (state_diagrams, "states.md")],
    ids=["conformance", "states"],
)


@every_generator
def test_the_page_is_up_to_date(generator: ModuleType, name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert text == generator.page(), f"run python -m {generator.__name__}"


@every_generator
def test_the_page_is_written_and_checked(
    generator: ModuleType,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    docs = tmp_path / "docs"
    docs.mkdir()
    assert generator.main(["--check"]) == 1
    assert not (docs / name).exists()
    assert generator.main([]) == 0
    assert (docs / name).read_text(encoding="utf-8") == generator.page()
    assert (
        capsys.readouterr().out
        == f"docs/{name} is out of date: run python -m {generator.__name__}\n"
    )
    assert generator.main(["--check"]) == 0
    (docs / name).write_text(generator.page() + "more", encoding="utf-8")
    assert generator.main(["--check"]) == 1


@every_generator
def test_it_is_a_program(generator: ModuleType, name: str) -> None:
    done = run([sys.executable, "-m", generator.__name__, "--check"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- rules ---


def listed_rules() -> Iterator[list[str]]:
    """The rows of the conformance page, cell by cell."""
    for line in rule_index.page().splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_rule_is_listed_once() -> None:
    listed = [cells[0].strip("`") for cells in listed_rules()]
    assert sorted(listed) == sorted(RULES)


def test_rows_say_what_the_registry_says() -> None:
    row = next(cells for cells in listed_rules() if cells[0] == "`frame-too-large`")
    link = "[4.2](https://www.rfc-editor.org/rfc/rfc9113.html#section-4.2)"
    assert row[1:] == [link, "connection error", "FRAME_SIZE_ERROR", "`FrameTooLargeError`"]


def test_rows_name_the_exceptions_that_are_raised() -> None:
    named = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[-1])) for row in listed_rules()}
    raised: dict[str, set[str]] = {}
    for scenario in SCENARIOS:
        raised.setdefault(scenario.rule, set()).add(scenario.error.__name__)
    with pytest.raises(StreamClosedError) as caught:
        finished_client().send_data(1, b"")
    raised[str(caught.value.rule)].add(type(caught.value).__name__)
    # A stream error raises nothing.
    for rule in {scenario.rule for scenario in SCENARIOS if scenario.scope == STREAM}:
        raised[rule] = named[rule]
    assert named == raised


def finished_client() -> H2Connection:
    """A client whose only stream is closed."""
    conn = H2Connection()
    conn.initiate_connection()
    conn.send_headers(1, wire.REQUEST, end_stream=True)
    conn.receive_data(wire.settings() + wire.headers(1, wire.RESPONSE, end_stream=True))
    return conn


def test_every_exception_that_is_made_elsewhere_is_a_kind_of_the_one_in_the_registry() -> None:
    for rule, classes in rule_index.MORE_EXACT.items():
        assert all(issubclass(cls, type(RULES[rule].error(""))) for cls in classes)


# --- states ---


def sections() -> dict[str, str]:
    """The text below each heading of the page of states."""
    parts = re.split(r"^#+ (.*)\n", state_diagrams.page(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def cells(section: str) -> dict[tuple[str, str], str]:
    """A table of states against inputs, by both."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return {
        (row[0], input_): cell
        for row in rows
        for input_, cell in zip(head[1:], row[1:], strict=True)
    }


def test_tables_are_those_of_the_code() -> None:
    table = cells(sections()["What we receive on a stream"])
    count = sum(name.startswith("RECV_") for name in stream_states.INPUT_NAMES)
    assert len(table) == len(stream_states.STATE_NAMES) * count
    assert table["OPEN_REQUEST_SENT", "HEADERS"] == "OPEN_BOTH"
    assert table["OPEN_BOTH", "DATA"] == "same"
    assert table["HALF_REMOTE", "DATA"] == "stream error STREAM_CLOSED"
    table = cells(sections()["What a server sends"])
    count = sum(name.startswith("SEND_") for name in connection_states.INPUT_NAMES)
    assert len(table) == len(connection_states.STATE_NAMES) * count
    assert table["OPEN", "GOAWAY"] == "GOAWAY_SENT"
    assert table["GOAWAY_RECEIVED", "PUSH_PROMISE"] == "misuse (going away)"


@pytest.mark.parametrize(
    ("title", "start", "absent"),
    [
        ("A request that we send", "IDLE", "OPEN_REQUEST_RECEIVED"),
        ("A request that we receive", "IDLE", "OPEN_REQUEST_SENT"),
        ("A promise that we send", "RESERVED_LOCAL", "HALF_LOCAL"),
        ("A promise that we receive", "RESERVED_REMOTE", "HALF_REMOTE"),
    ],
)
def test_diagrams_lead_from_the_start_to_the_end(title: str, start: str, absent: str) -> None:
    edges = re.findall(r"^    (\S+) --> (\w+)", sections()[title], re.MULTILINE)
    assert edges[0] == ("[*]", start)
    assert any(after == "CLOSED" for _, after in edges)
    names = {name for edge in edges for name in edge}
    assert absent not in names
    assert names <= {"[*]", *stream_states.STATE_NAMES}


def test_states_are_named_as_in_the_rfc() -> None:
    table = cells(sections()["Streams"])
    named = {table[state, "in RFC 9113"] for state in stream_states.STATE_NAMES}
    assert named == {
        "idle",
        "reserved (local)",
        "reserved (remote)",
        "open",
        "half-closed (local)",
        "half-closed (remote)",
        "closed",
    }
    assert table["HALF_LOCAL_WAITING", "one that we receive"] == "response"


# --- differences ---


def test_every_deviation_of_the_differential_test_is_explained() -> None:
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    entries = [
        " ".join(entry.split()) for entry in re.split(r"^(?:- |#)", text, flags=re.MULTILINE)
    ]
    named = {
        name
        for entry in entries
        if (end := re.search(r"(?:`[a-z0-9-]+`(?:, )?)+$", entry))
        for name in re.findall(r"`(.+?)`", end[0])
    }
    assert named == set(NAMES)
