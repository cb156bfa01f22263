"""The catalogue of attacks: its frames, its measurements, and that this package withstands it."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attacks import __main__ as command
from benchmarks.attacks import judge, probe, record, wire
from benchmarks.attacks.attack import ATTACKS, Attack
from benchmarks.attacks.catalogue import SAMPLE, TOPICS
from benchmarks.attacks.probe import Outcome, Plan
from benchmarks.attacks.victim import MODES, Api, Mode, load
from h2._hpack import huffman
from support import wire as frames
from support.peers import unavailable
from tools import attacks_page

pytestmark = pytest.mark.skipif(
    platform.python_implementation() != "CPython",
    reason="memory is counted with tracemalloc, which only CPython has",
)

ORDINARY = {"ordinary_receiving": 1e-7, "ordinary_total": 1e-7}


@pytest.fixture(scope="module")
def api() -> Api:
    return load("h2")


# --- the bytes ---


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_consists_of_whole_frames(name: str) -> None:
    sent = b"".join(islice(ATTACKS[name].frames(), 20))
    assert frames.parse(sent)
    assert list(wire.frame_ends(sent))[-1] == len(sent)


def test_the_catalogue_has_both_roles_and_all_topics() -> None:
    assert len({attack.name for attack in ATTACKS.values()}) >= 117
    for victim in ("server", "client"):
        assert {a.topic for a in ATTACKS.values() if a.victim == victim} == set(TOPICS)
    kinds = {"CVE-2023-44487", "CVE-2025-8671", "CVE-2019-9511", "CVE-2019-9512", "CVE-2019-9513"}
    kinds |= {"CVE-2019-9515", "CVE-2019-9516", "CVE-2019-9518", "CVE-2020-11080", "VU#421644"}
    kinds |= {"CVE-2016-6581", "CVE-2026-49975", "CVE-2022-41723", "RUSTSEC-2026-0258"}
    assert kinds | {"CVE-2026-27135"} == {attack.cve for attack in ATTACKS.values()} - {""}


def test_octets_are_what_the_rfc_says() -> None:
    octets = bytes(range(256))
    assert wire.huffman(octets) == wire.integer(583, 7, 0x80) + huffman.encode(octets)
    assert wire.integer(1337, 5) == frames.integer(1337, 5)
    assert wire.literal(b"a", b"b", add=True) == frames.literal(b"a", b"b", pattern=0x40)
    assert wire.headers(1, b"\x82", end=True) == frames.headers(1, b"\x82", end_stream=True)
    assert wire.data(1, b"x", pad=3) == frames.data(1, b"x", pad=3)
    assert wire.priority(5, 3, exclusive=True) == frames.priority(5, 3, exclusive=True)
    assert wire.push_promise(1, 2, b"\x82") == frames.push_promise(1, 2, b"\x82")
    assert wire.altsvc(1, b"a", b"b") == frames.altsvc(1, b"a", b"b")
    ended = wire.ping() + wire.goaway(1, 11, b"debug") + wire.ping()
    assert (wire.last_goaway_code(ended), wire.last_goaway_code(wire.ping())) == (11, None)


def test_reads_are_cut_at_64_kib_or_after_so_many_frames() -> None:
    ping = ATTACKS["server/ping"]
    cut = list(probe.reads(ping, 5000))
    assert [len(read.octets) for read in cut] == [65536, 5000 * 17 - 65536]
    assert b"".join(read.octets for read in cut) == wire.ping() * 5000
    assert cut[0].ends[-1] == 3855 * 17
    assert cut[1].ends[:2] == [3856 * 17 - 65536, 3857 * 17 - 65536]
    assert [len(read.ends) for read in probe.reads(replace(ping, batch=40), 100)] == [40, 40, 20]


# --- how they are measured ---


def measured(api: Api, name: str, mode: Mode = "serves", count: int = 300) -> Outcome:
    return probe.probe(api, ATTACKS[name], mode, count, 5.0, probe.ordinary(api))


@pytest.mark.parametrize("mode", MODES)
def test_an_attack_is_refused_at_a_frame(api: Api, mode: Mode) -> None:
    found = measured(api, "server/after-the-end", mode)
    assert (found.frames, found.refused_at, found.code) == (1, 1, wire.last_goaway_code(GONE))
    assert (found.error, found.octets, judge.verdict(found)) == ("frame-size-wrong", 16, "refused")


GONE = wire.goaway(0, 6)


def test_what_an_application_does_makes_a_difference(api: Api) -> None:
    found = {mode: measured(api, "server/data-1", mode, 50) for mode in MODES}
    assert {mode: outcome.events for mode, outcome in found.items()} == dict.fromkeys(MODES, 50)
    assert all(outcome.octets == 500 for outcome in found.values())
    # An event takes about 100 octets, depending on the version of Python.
    assert found["keeps"].held > found["serves"].held + 50 * 60
    waiting = measured(api, "server/ping", "ignores", 50)
    assert (waiting.pending, waiting.events, waiting.frames) == (50 * 17, 50, 50)


def test_requests_are_answered(api: Api) -> None:
    found = measured(api, "server/tiny-windows", count=300)
    # 100 responses start with one octet of content; 200 more octets are requested, 100 per read.
    assert (found.events, found.error, found.pending) == (400, "", 100 * 10 + 100 * 10)


def test_ordinary_requests_are_no_attack(api: Api) -> None:
    receiving, total = probe.ordinary(api)
    assert 0 < receiving < total < 1e-4


def test_time_that_is_up_ends_a_run(api: Api) -> None:
    outcome = probe.probe(api, probe.ORDINARY, "serves", 10**6, 0.01, (1e-7, 1e-7))
    assert outcome.cut
    assert 0 < outcome.frames < 10**6


class Broken:
    """A connection that fails."""

    def __init__(self, *_: object) -> None:
        self.octets = 0

    def initiate_connection(self) -> None: ...

    def data_to_send(self) -> bytes:
        return b""

    def receive_data(self, octets: bytes) -> list[object]:
        self.octets += len(octets)
        if self.octets > 1000:
            raise KeyError(self.octets)
        return []


class Endless(Broken):
    """A connection that never returns from a call."""

    def receive_data(self, octets: bytes) -> list[object]:
        while len(octets) == 65536:
            pass
        return []


class Module:
    """Replaces `h2.connection`."""

    def __init__(self, connection: type[Broken]) -> None:
        self.H2Connection = connection


@pytest.mark.parametrize(("kind", "fault"), [(Broken, "raised KeyError"), (Endless, "did not end")])
def test_crashes_and_hangs_are_outcomes(
    api: Api, kind: type[Broken], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "ordinary", lambda api: (1e-7, 1e-7))
    monkeypatch.setattr(probe, "PATIENCE", 1)
    faulty = replace(api, connection=Module(kind))  # type: ignore[arg-type]  # a double
    plan = Plan(20_000, 0.01, ("ignores",))
    (outcome,) = probe.isolated(faulty, ATTACKS["server/ping"], plan)
    (found,) = judge.faults(outcome)
    assert found.startswith(fault)
    assert judge.verdict(outcome) == "FAIL"


# --- the verdict ---


@pytest.mark.parametrize(
    ("figures", "verdict", "fault"),
    [
        ({}, "harmless", ""),
        ({"error": "x"}, "refused", ""),
        ({"receiving": 0.0021}, "FAIL", "not refused, but costs 2.1 times"),
        ({"receiving": 0.0021, "error": "x"}, "refused", ""),
        ({"total": 0.0021}, "FAIL", "not refused, but costs 2.1 times"),
        ({"total": 0.0021, "mode": "ignores"}, "harmless", ""),
        ({"receiving": 0.0201, "error": "x"}, "FAIL", "costs 20.1 times"),
        ({"peak": 2_000_001}, "FAIL", "holds 2.0 MB"),
        ({"peak": 2_000_001, "mode": "keeps"}, "FAIL", "holds 2.0 MB"),
        ({"peak": 2_000_001, "mode": "keeps", "octets": 250_001}, "harmless", ""),
        ({"late_growth": 65_537}, "FAIL", "not refused, but grows: 65,537"),
        ({"late_growth": 65_537, "mode": "keeps"}, "harmless", ""),
        ({"late_growth": 65_537, "error": "x"}, "refused", ""),
        ({"receiving": 0.05, "octets": 100}, "FAIL", "costs 122.1 times"),
        ({"crash": "KeyError"}, "FAIL", "raised KeyError"),
        ({"hung": True}, "FAIL", "did not end"),
    ],
)
def test_what_is_asked_for(figures: Mapping[str, object], verdict: str, fault: str) -> None:
    outcome = Outcome("server/ping", "serves", octets=10_000, **ORDINARY)
    outcome = replace(outcome, **figures)  # type: ignore[arg-type]  # each has its type
    assert judge.verdict(outcome) == verdict
    found = "; ".join(judge.faults(outcome))
    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize(
    ("figures", "verdict", "fault"),
    [
        ({}, "valid", ""),
        ({"error": "too-many"}, "refused", ""),
        ({"total": 4.9e-3, "receiving": 4.9e-3}, "valid", ""),
        ({"total": 5.1e-3, "receiving": 5.1e-3}, "FAIL", "not refused, but costs 5.1 times"),
        ({"late_growth": 65_537}, "FAIL", "not refused, but grows"),
        ({"peak": 2_000_001}, "FAIL", "holds 2.0 MB"),
        ({"mode": "keeps", "octets": 1_000_000, "peak": 19_900_000}, "valid", ""),
        ({"mode": "keeps", "octets": 1_000_000, "peak": 20_100_000}, "FAIL", "holds 20.1 MB"),
    ],
)
def test_what_is_asked_for_of_valid_messages(
    figures: Mapping[str, object], verdict: str, fault: str
) -> None:
    outcome = Outcome("server/fields-120", "serves", octets=10_000, **ORDINARY)
    outcome = replace(outcome, **figures)  # type: ignore[arg-type]  # each has its type
    assert judge.verdict(outcome) == verdict
    assert fault in "; ".join(judge.faults(outcome))


VALID = [name for name, attack in ATTACKS.items() if attack.valid]


@pytest.mark.parametrize("name", VALID)
def test_valid_messages_are_accepted(api: Api, name: str) -> None:
    """The messages of these attacks are valid, so no error may end them."""
    found = measured(api, name, count=1000)
    assert (found.error, found.crash) == ("", "")
    assert found.events >= 1000


# --- attacks of all kinds ---


@pytest.fixture(scope="module")
def usual(api: Api) -> tuple[float, float]:
    return probe.ordinary(api)


def wrong(api: Api, attack: Attack, mode: Mode, usual: tuple[float, float]) -> list[str]:
    """Return the faults of a small run; a busy machine gets three attempts.

    A small run does not reach most limits, so it has the same bounds as an attack that is refused.
    """
    found: list[str] = []
    for _ in range(3):
        outcome = probe.probe(api, attack, mode, 1200, 0.2, usual)
        outcome.error = outcome.error or "it would be"
        found = judge.faults(outcome)
        if not judge.too_costly(outcome):
            break
        usual = probe.ordinary(api)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_no_attack_does_harm_in_small(name: str, api: Api, usual: tuple[float, float]) -> None:
    assert wrong(api, ATTACKS[name], "ignores", usual) == []
    assert wrong(api, ATTACKS[name], "keeps", usual) == []


# --- the command and the page ---


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record what would run in another environment."""
    asked = []

    def here(package: str, options: object, names: list[str]) -> Iterator[Outcome]:
        asked.append([package, *names])
        for name in names:
            slow = name == "server/ping" and len(asked) == 1
            receiving = 1.0 if slow else 1e-5
            yield Outcome(name, "serves", 10, 1000, receiving, receiving, **ORDINARY)

    monkeypatch.setattr(command, "run", here)
    return asked


def test_the_command_runs_again_what_costs_too_much(
    run: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "attacks.json"
    arguments = ["--only", "server/ping", "--json", str(file), "--markdown", "--quick"]
    assert command.main(arguments) == 0
    names = [name for name in ATTACKS if "server/ping" in name]
    assert run == [["ours", *names], ["ours", "server/ping"]]
    assert "| server/ping | ours | serves | FAIL |" in capsys.readouterr().out
    assert command.main([*arguments, "--again", "0"]) == 0
    command.main(["--only", "client/ping", "--json", str(file), "--packages", "jh2"])
    found = record.read(file)
    assert [row["attack"] for row in found["ours"]["rows"]] == names
    assert found["ours"]["frames"] == command.QUICK_FRAMES
    assert found.keys() == {"ours", "jh2"}


def test_the_command_repeats_for_longer_what_grows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def here(package: str, options: Any, names: list[str]) -> Iterator[Outcome]:
        asked.append((options.frames, options.seconds, names))
        longer = options.seconds == 5.0
        for name in names:
            grows = name == "server/ping" and not longer
            growth = 100_000 if grows else 0
            cost = {"receiving": 1e-5, "total": 1e-5, **ORDINARY}
            yield Outcome(name, "serves", 10, 1000, late_growth=growth, **cost)

    monkeypatch.setattr(command, "run", here)
    assert command.main(["--only", "server/ping", "--seconds", "0.5", "--frames", "7"]) == 0
    names = [name for name in ATTACKS if "server/ping" in name]
    assert asked == [(7, 0.5, names), (70, 5.0, ["server/ping"])]
    assert "FAIL" in capsys.readouterr().out


def recorded(file: Path, *arguments: str) -> list[str]:
    """The attacks in the file after a run of the command."""
    command.main(["--json", str(file), "--again", "0", "--quick", *arguments])
    return [row["attack"] for row in record.read(file)["ours"]["rows"]]


def test_the_command_adds_attacks_to_those_of_earlier_runs(
    run: list[list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "attacks.json"
    pings = [name for name in ATTACKS if "client/ping" in name]
    resets = [name for name in ATTACKS if "server/rapid-reset-" in name]
    assert recorded(file, "--add", "--only", "client/ping") == pings
    # in the order of the catalogue, in which streams come first
    assert recorded(file, "--add", "--only", "server/rapid-reset-") == [*resets, *pings]
    assert recorded(file, "--add", "--only", "client/ping") == [*resets, *pings]
    assert recorded(file, "--only", "server/rapid-reset-") == resets
    assert len(run) == 4


def test_the_command_does_not_add_to_runs_of_another_length(
    run: list[list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "attacks.json"
    recorded(file, "--only", "client/ping")
    resets = [name for name in ATTACKS if "server/rapid-reset-" in name]
    assert recorded(file, "--add", "--only", "rapid-reset-", "--frames", "9") == resets
    assert record.read(file)["ours"]["frames"] == 9
    assert len(run) == 2


def test_figures_of_an_attack_are_replaced() -> None:
    before = record.run(1000, 2.0, [])
    before["rows"] = [row("server/ping", mode, "harmless") for mode in MODES]
    new = record.run(1000, 2.0, [])
    new["rows"] = [row("server/ping", "serves", "refused")]
    assert record.merged(before, new, ATTACKS) == new


def test_the_command_fails_if_an_attack_does(run: list[list[str]]) -> None:
    assert command.main(["--only", "server/ping", "--again", "0"]) == 1


@pytest.mark.parametrize(
    "arguments", [["--only", "nothing"], ["--packages", "h3"], ["--modes", "sleeps"]]
)
def test_the_command_knows_what_there_is(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)


def test_the_catalogue_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list", "--only", "reset"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [name for name in ATTACKS if "reset" in name]
    assert command.main(["--list", "--sample"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == SAMPLE
    assert set(SAMPLE) < set(ATTACKS)


@pytest.mark.slow
def test_a_run_in_an_environment_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "client/ping-ack", "--quick"]) == 0
    assert "ours: 1 of 1 attacks pass" in capsys.readouterr().out


def row(attack: str, mode: str, verdict: judge.Verdict, **figures: object) -> record.Row:
    found = record.row(Outcome(attack, "serves", peak=1000, **ORDINARY))
    found["mode"], found["verdict"] = mode, verdict
    found.update(figures)  # type: ignore[typeddict-item]  # names of the row
    return found


def test_the_page_says_how_attacks_end() -> None:
    refused = {"refused_at": 7, "error": "too-many"}
    ours = [
        row("server/ping", "ignores", "refused", **refused),
        row("server/ping", "serves", "harmless", times=1.5),
        row("client/ping", "serves", "refused", **refused),
        row("client/ping", "keeps", "refused", refused_at=1234, error="too-many", peak=9_000_000),
        row("client/push-promise", "serves", "harmless"),
        row("client/fields-120", "serves", "valid"),
    ]
    theirs = [row("server/ping", "serves", "FAIL", faults=["holds 3.0 MB"], peak=3_000_000)]
    runs = {"ours": record.run(1000, 2.0, []), "published": record.run(1000, 0.5, [])}
    runs["ours"]["rows"], runs["published"]["rows"] = ours, theirs
    python = platform.python_version()
    text = attacks_page.page(runs)
    assert "|  | this package | h2 4.4.1 |" in text
    for label, *figures in (
        ("Python", python, python),
        ("applications", "ignores, serves, keeps", "serves"),
        ("frames", "1,000", "1,000"),
        ("seconds", "2", "0.5"),
        ("refused", "1", "0"),
        ("harmless", "2", "0"),
        ("valid messages", "1", "0"),
        ("fails", "0", "1"),
        ("most times", "1.5", "0.0"),
        ("most MB held", "0.0", "3.0"),
    ):
        assert f"| {label} | {figures[0]} | {figures[1]} |\n" in text
    sent = "PING (CVE-2019-9512)"
    ends = "ignores: refused: `too-many`; serves: harmless | 1.5 | 1"
    assert f"| `server/ping` | {sent} | {ends} |\n" in text
    assert (
        f"| `client/ping` | {sent} | refused at frame 7 to 1,234: `too-many` | 0.0 | 1 |\n" in text
    )
    assert "| valid messages | 0.0 | 1 |" in text
    others = text[text.index("## Other packages") :]
    assert others.count("| `") == 1
    assert "| `server/ping` | **fails**: holds 3.0 MB; 0.0 times, 3,000 KB |\n" in others
    assert "1 of the attacks consist of *valid messages* only" in text
    assert "A catalogue of 4 attacks (3 kinds" in text
    assert text.count("## ") == 5
    del runs["published"]
    assert "Other packages" not in attacks_page.page(runs)


def test_the_page_compares_the_buffered_connection() -> None:
    runs = {name: record.run(1000, 2.0, []) for name in ("ours", "jh2", "reading", "buffered")}
    for number, run in enumerate(runs.values(), 1):
        run["rows"] = [row("server/ping", "serves", "harmless", times=number)]
    text = attacks_page.page(runs)
    columns = "`BufferedH2Connection` | with `receive_buffering` |"
    assert f"|  | this package | {columns} jh2 5.0.15 |" in text
    assert "| most times | 1.0 | 4.0 | 3.0 | 2.0 |" in text
    section = text[text.index("## The buffered connection") : text.index("## Other packages")]
    assert f"| attack | {columns}\n" in section
    assert "| `server/ping` | harmless; 4.0 times, 1 KB | harmless; 3.0 times, 1 KB |" in section
    assert "| attack | jh2 5.0.15 |\n" in text


def test_the_page_of_attacks_is_up_to_date() -> None:
    assert attacks_page.main(["--check"]) == 0


def test_the_page_has_every_attack() -> None:
    rows = attacks_page.read()["ours"]["rows"]
    expected = {(name, mode) for name in ATTACKS for mode in MODES}
    assert {(row["attack"], row["mode"]) for row in rows} == expected


@pytest.mark.parametrize("package", attacks_page.BUFFERED)
def test_the_page_has_every_attack_on_the_buffered_connection(package: str) -> None:
    rows = attacks_page.read()[package]["rows"]
    expected = {(name, mode) for name in ATTACKS for mode in MODES}
    assert {(row["attack"], row["mode"]) for row in rows} == expected


# --- the C library ---


def test_the_c_library_can_be_attacked() -> None:
    try:
        library = load("libnghttp2")
    except OSError as error:
        unavailable(str(error))
    ping = probe.probe(library, ATTACKS["server/ping"], "serves", 5000, 1.0, (1e-7, 1e-7))
    assert (ping.error, ping.refused_at) == ("H2Error", 3855)
    ordinary = probe.probe(library, probe.ORDINARY, "serves", 200, 1.0, (1e-7, 1e-7))
    assert (ordinary.error, ordinary.events) == ("", 200)
    client = probe.probe(library, ATTACKS["client/data-1"], "serves", 100, 1.0, (1e-7, 1e-7))
    assert (client.error, client.frames) == ("", 100)
