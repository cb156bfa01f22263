"""Generated pages, and pages that correspond to a list in the code, are up to date."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from compat.differential.deviations import NAMES
from h2._rules import connection_states, stream_states
from h2._rules.registry import RULES
from h2.connection import H2Connection
from h2.exceptions import StreamClosedError
from support import wire
from support.processes import ROOT, run
from tools import (
    command_line_page,
    flow_control,
    interop_page,
    overview,
    pages,
    requirements,
    rule_index,
    speed_page,
    state_diagrams,
    waterfall_example,
)
from tools.drawing import CHARACTER
from unit.rules.scenarios import SCENARIOS, STREAM

GENERATED = {
    rule_index: {"conformance.md": rule_index.page()},
    requirements: requirements.pages(),
    state_diagrams: {"states.md": state_diagrams.page(), **state_diagrams.diagrams()},
    overview: {"diagrams/overview.svg": overview.drawing()},
    command_line_page: {command_line_page.NAME: command_line_page.page()},
    waterfall_example: {waterfall_example.NAME: waterfall_example.page()},
    flow_control: {"diagrams/flow-control.svg": flow_control.drawing()},
    speed_page: speed_page.files(*speed_page.read()),
}

DRAWINGS = {
    name: text for files in GENERATED.values() for name, text in files.items() if ".svg" in name
}

every_generator = pytest.mark.parametrize(
    ("generator", "files"),
    GENERATED.items(),
    ids=[
        "conformance",
        "requirements",
        "states",
        "overview",
        "options",
        "waterfall",
        "flow control",
        "speed",
    ],
)


@every_generator
def test_the_pages_are_up_to_date(generator: ModuleType, files: dict[str, str]) -> None:
    for name, expected in files.items():
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert text == expected, f"run python -m {generator.__name__}"


@every_generator
def test_the_pages_are_written_and_checked(
    generator: ModuleType,
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    docs = tmp_path / "docs"
    docs.mkdir()
    assert generator.main(["--check"]) == 1
    assert not list(docs.iterdir())
    assert capsys.readouterr().out == "".join(
        f"docs/{name} is out of date: run python -m {generator.__name__}\n" for name in files
    )
    assert generator.main([]) == 0
    assert {name: (docs / name).read_text(encoding="utf-8") for name in files} == files
    assert generator.main(["--check"]) == 0
    for name, text in files.items():
        (docs / name).write_text(text + "more", encoding="utf-8")
        assert generator.main(["--check"]) == 1
        (docs / name).write_text(text, encoding="utf-8")


@every_generator
def test_it_is_a_program(generator: ModuleType, files: dict[str, str]) -> None:
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
    rows = {cells[0].strip("`"): cells[1:] for cells in listed_rules()}
    link = "[4.2](https://www.rfc-editor.org/rfc/rfc9113.html#section-4.2)"
    assert rows["frame-too-large"] == [
        *(link, "connection error", "the same", "FRAME_SIZE_ERROR", "`FrameTooLargeError`")
    ]
    scopes = {rule: tuple(cells[1:4]) for rule, cells in rows.items()}
    protocol = "PROTOCOL_ERROR"
    assert scopes["settings-ack-unsolicited"] == ("tolerated", "connection error", protocol)
    assert scopes["te-invalid"] == ("connection error", "stream error (400)", protocol)
    assert scopes["path-not-absolute"] == ("stream error", "stream error (400)", protocol)
    assert scopes["too-many-streams"] == (
        *("connection error", "stream error", "PROTOCOL_ERROR; strict: REFUSED_STREAM"),
    )
    assert scopes["priority-weight"] == ("misuse", "the same", protocol)


def test_the_page_names_the_rules_that_are_sent_by_default() -> None:
    sent = ["priorities-setting-changed", "method-no-token"]
    assert (
        "\n- By default, messages that break these rules are still sent: "
        "`priorities-setting-changed`, `method-no-token`.\n" in rule_index.page()
    )
    assert [rule.id for rule in RULES.values() if rule.sent] == sent


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


def rows(section: str) -> list[list[str]]:
    """The rows of the table in a section, its head first, cell by cell."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    del lines[1]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def cells(section: str) -> dict[tuple[str, str], str]:
    """A table with a head and a row for each state, by state and column."""
    head, *body = [[cell.strip("`") for cell in row] for row in rows(section)]
    return {
        (row[0], column): cell
        for row in body
        for column, cell in zip(head[1:], row[1:], strict=True)
    }


def outcomes(section: str) -> dict[tuple[str, str], str]:
    """A table of outcomes by state and input; each pair must occur once."""
    found: dict[tuple[str, str], str] = {}
    states: list[str] = []
    for state, inputs, outcome in rows(section)[1:]:
        states = re.findall(r"`(\w+)`", state) or states
        for pair in itertools.product(states, re.findall(r"`(\w+)`", inputs)):
            assert pair not in found
            found[pair] = outcome.strip("`")
    return found


def test_tables_are_those_of_the_code() -> None:
    table = outcomes(sections()["What we receive on a stream"])
    count = sum(name.startswith("RECV_") for name in stream_states.INPUT_NAMES)
    assert len(table) == len(stream_states.STATE_NAMES) * count
    assert table["OPEN_REQUEST_SENT", "HEADERS"] == "OPEN_BOTH"
    assert table["OPEN_BOTH", "DATA"] == "same"
    assert table["HALF_REMOTE", "DATA"] == "error: the peer has ended the stream"
    for number, name in enumerate(stream_states.INPUT_NAMES):
        if name.startswith("RECV_"):
            for state, after in enumerate(stream_states.TABLE[number]):
                said = table[stream_states.STATE_NAMES[state], name.removeprefix("RECV_")]
                if after < 0:
                    assert said == stream_states.REACTION_NAMES[after]
                else:
                    assert said == ("same" if after == state else stream_states.STATE_NAMES[after])
    table = outcomes(sections()["What a server sends"])
    count = sum(name.startswith("SEND_") for name in connection_states.INPUT_NAMES)
    assert len(table) == len(connection_states.STATE_NAMES) * count
    assert table["OPEN", "GOAWAY"] == "GOAWAY_SENT"
    assert table["GOAWAY_RECEIVED", "PUSH_PROMISE"] == "misuse (going away)"


def edges(name: str) -> dict[tuple[str, str], list[str]]:
    """The content of a diagram: its arrows from state to state, with their inputs."""
    every = (*state_diagrams.STREAM_DIAGRAMS, state_diagrams.CONNECTION_DIAGRAM)
    shown = next(shown for shown in every if shown.name == name)
    return state_diagrams.labels(shown)


@pytest.mark.parametrize(
    ("name", "start", "absent"),
    [
        ("request-sent", "IDLE", "OPEN_REQUEST_RECEIVED"),
        ("request-received", "IDLE", "OPEN_REQUEST_SENT"),
        ("promise-sent", "RESERVED_LOCAL", "HALF_LOCAL"),
        ("promise-received", "RESERVED_REMOTE", "HALF_REMOTE"),
    ],
)
def test_diagrams_lead_from_the_start_to_the_end(name: str, start: str, absent: str) -> None:
    shown = edges(name)
    assert next(iter(shown))[0] == start
    assert any(after == "CLOSED" for _, after in shown)
    names = {state for edge in shown for state in edge}
    assert absent not in names
    assert names <= set(stream_states.STATE_NAMES)


@pytest.mark.parametrize("name", [Path(file).stem for file in state_diagrams.diagrams()])
def test_drawings_show_every_state_and_input(name: str) -> None:
    root = ElementTree.fromstring(state_diagrams.diagrams()[f"diagrams/{name}.svg"])
    drawn = {child.tag.partition("}")[2]: [] for child in root}
    for child in root:
        drawn[child.tag.partition("}")[2]].append(child)
    shown = edges(name)
    states = {state for edge in shown for state in edge}
    assert len(drawn["rect"]) == len(states)
    assert len(drawn["polygon"]) == len(shown) + 1  # and the one into the first state
    text = "".join(part.text or "" for part in drawn["text"])
    for word in [*states, *(label.partition("_")[2] for label in itertools.chain(*shown.values()))]:
        assert word in text


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_fit_on_a_phone_and_nothing_is_cut_off(name: str) -> None:
    root = ElementTree.fromstring(DRAWINGS[name])
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width < 450
    for part in root.iterfind(".//{*}text"):
        size = float(part.attrib["font-size"])
        assert size >= 9
        length = len(part.text or "") * size * CHARACTER
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[part.attrib["text-anchor"]]
        left = float(part.attrib["x"]) - share * length
        assert left >= 0
        assert left + length <= width
        assert size < float(part.attrib["y"]) < height
    for shape in root.iterfind(".//{*}rect"):
        assert 0 < float(shape.attrib["x"]) < width - float(shape.attrib["width"])
        assert 0 < float(shape.attrib["y"]) < height - float(shape.attrib["height"])


def test_arrows_show_what_changes_the_state() -> None:
    shown = edges("request-sent")
    assert shown["OPEN_BOTH", "HALF_LOCAL"] == ["SEND_HEADERS_END", "SEND_DATA_END"]
    assert shown["OPEN_REQUEST_SENT", "HALF_REMOTE"] == ["RECV_HEADERS_END"]
    assert edges("connection")["OPEN", "GOAWAY_RECEIVED"] == ["RECV_GOAWAY"]


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


# --- peers ---

RECORD: interop_page.Record = {
    "python": "3.11",
    "peers": {"nginx": "1.22.1", "nghttp": "1.52.0", "curl": "7.88.1"},
    "passed": [
        {"side": "trio server", "peer": "nghttp", "case": "a case for one"},
        {"side": "trio server", "peer": "curl", "case": "GET and HEAD"},
        {"side": "trio server", "peer": "nghttp", "case": "GET and HEAD"},
        {"side": "WSGI server", "peer": "curl", "case": "GET and HEAD"},
        {"side": "server, TLS", "peer": "curl", "case": "GET and HEAD"},
        {"side": "asyncio client", "peer": "nginx", "case": "download of 20 MB"},
        {"side": "python -m h2 get", "peer": "nginx", "case": "404"},
        {"side": "trio client", "peer": "nginx", "case": "404"},
    ],
}


def tables(text: str) -> dict[str, list[list[str]]]:
    """The tables of a page by their headings."""
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {title: rows(text) for title, text in pairs if "\n|" in text}


def test_peers_are_listed_with_what_passed() -> None:
    text = interop_page.page(RECORD)
    assert "what passed on Python 3.11." in text
    found = tables(text)
    assert found.pop("Our servers: number of tests") == [
        ["program", "curl"],
        ["[server, TLS](#server-tls)", "1"],
        ["[trio server](#trio-server)", "1"],
        ["[WSGI server](#wsgi-server)", "1"],
    ]
    assert re.findall("^- .*$", text, re.MULTILINE) == ["- trio server with nghttp: 2"]
    assert found.pop("Our clients: number of tests") == [
        ["program", "nginx"],
        ["[asyncio client](#asyncio-client)", "1"],
        ["[python -m h2 get](#python--m-h2-get)", "1"],
        ["[trio client](#trio-client)", "1"],
    ]
    assert found.pop("The peers") == [
        ["peer", "version"],
        ["curl", "7.88.1"],
        ["nghttp", "1.52.0"],
        ["nginx", "1.22.1"],
    ]
    assert found.pop("trio server") == [
        ["case", "passed with"],
        ["GET and HEAD", "curl, nghttp"],
        ["a case for one", "nghttp"],
    ]
    sides = ["server, TLS", "WSGI server", "asyncio client", "python -m h2 get", "trio client"]
    assert sorted(found) == sorted(sides)


def test_the_page_of_peers_is_made_from_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    docs = tmp_path / "docs"
    docs.mkdir()
    for arguments in ([], ["--check"]):
        assert interop_page.main(arguments) == 1
        assert "docs/interop.json is missing" in capsys.readouterr().out
    (docs / "interop.json").write_text(json.dumps(RECORD), encoding="utf-8")
    assert interop_page.main(["--check"]) == 1
    assert interop_page.main([]) == 0
    assert (docs / "interop.md").read_text(encoding="utf-8") == interop_page.page(RECORD)
    assert interop_page.main(["--check"]) == 0
    (docs / "interop.json").write_text(
        json.dumps({**RECORD, "passed": RECORD["passed"][:2]}), encoding="utf-8"
    )
    assert interop_page.main(["--check"]) == 1


def test_the_page_of_peers_is_up_to_date() -> None:
    record = interop_page.read()
    file = ROOT / "docs" / "interop.md"
    if record is None:
        assert not file.exists()
    else:
        assert file.read_text(encoding="utf-8") == interop_page.page(record)


# --- differences ---


def test_every_deviation_of_the_differential_test_is_explained() -> None:
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    named = {
        name
        for names in re.findall(r"^  <!-- deviations: (.+) -->$", text, re.MULTILINE)
        for name in names.split(", ")
    }
    assert named == set(NAMES)
