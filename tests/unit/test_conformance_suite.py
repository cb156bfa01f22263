"""The conformance suite: its encoder, decoder and judge, and its verdict on this package."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import __main__ as command_line
from conformance import cases, expect, hpack, package, wire
from conformance.case import CASES, Case
from conformance.expect import Expectation, Grade, connection, goes_on, leaves, malformed, stream
from conformance.peer import Link, Peer, Role, Target
from conformance.run import Judging, Result, chosen, play
from conformance.wire import Code, Frame, Type
from tools import conformance_page
from tools.conformance_readings import READINGS
from tools.conformance_record import Failure, Record, Subject, read

ROLES = (Role.SERVER, Role.CLIENT)
assert cases.__all__  # importing these registers the cases


# The package ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES, ids=[role.value for role in ROLES])
@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
def test_this_package_passes_all_cases(strict: bool, role: Role) -> None:
    loaded = package.load("h2", strict)
    judging = Judging(lenient=not strict, exact=strict)
    results = [
        play(case, role, loaded.open, Target(), judging)
        for case, role in chosen(CASES, (role,), "")
    ]
    assert [(item.case, item.seen) for item in results if item.status != "passed"] == []
    assert len(results) >= 125
    grades = {item.grade for item in results}
    assert grades == ({"exact"} if strict else {"exact", "allowed", "lenient"})


def test_there_are_cases_for_every_type_of_frame_and_both_roles() -> None:
    assert sum(len(case.roles) for case in CASES) >= 250
    text = " ".join(case.title for case in CASES)
    assert [kind.name for kind in Type if kind.name not in text] == []
    names = [case.name(role) for case in CASES for role in case.roles]
    assert len(set(names)) == len(names)


def test_what_only_the_default_mode_does_is_no_pass_of_the_strict_one() -> None:
    """The same endpoint, judged strictly."""
    loaded = package.load("h2", strict=False)
    lenient = set()
    for case, role in chosen(CASES, ROLES, ""):
        if case.by_default is None:
            continue
        passed = play(case, role, loaded.open, Target(), Judging(lenient=True))
        judged = play(case, role, loaded.open, Target(), Judging())
        assert passed.status == "passed", passed.case
        assert "by default" in passed.expected
        assert passed.grade == judged.grade
        assert (judged.status == "failed") == (judged.grade == "lenient")
        if judged.grade == "lenient":
            lenient.add(case.id)
    # No case is lenient without need.
    assert lenient == {case.id for case in CASES if case.by_default}


# Faulty endpoints -------------------------------------------------------------------------------


class Scripted:
    """An endpoint that sends its preface, answers PING, and sends some octets at the end."""

    instant = True

    def __init__(self, last: bytes = b"", answers: bool = True, crash: str = "") -> None:
        self.crash = crash
        self._out = [wire.settings(), wire.settings(ack=True)]
        self._last = last
        self._answers = answers
        self._reader = wire.FrameReader()
        self.gone = False

    def send(self, octets: bytes) -> None:
        for frame in self._reader.feed(octets.removeprefix(wire.PREFACE)):
            if frame.type == Type.PING and self._answers:
                self._out.append(self._last + wire.ping(frame.payload, ack=True))

    def receive(self, seconds: float) -> bytes | None:
        octets = b"".join(self._out)
        self._out = []
        return None if self.gone and not octets else octets

    def close(self) -> None:
        self.gone = True


def _case(name: str) -> Case:
    return next(case for case in CASES if case.id == name)


def _played(name: str, link: Link, **judging: bool) -> Result:
    role = _case(name).roles[0]
    return play(_case(name), role, lambda case, role: link, Target(), Judging(0.2, **judging))


def test_an_endpoint_that_ignores_everything_fails() -> None:
    result = _played("data-zero", Scripted())
    assert (result.status, result.seen) == ("failed", "PING acknowledged")
    assert result.sent[-2:] == ["DATA length 3", "PING length 8"]
    assert result.received == ["PING length 8 flags 0x01"]


def test_an_endpoint_that_does_not_answer_fails() -> None:
    assert _played("ping", Scripted(answers=False)).seen == "nothing"
    assert _played("settings-empty", Scripted()).seen.endswith("0 acknowledgments")


def test_an_endpoint_that_breaks_down_fails() -> None:
    goaway = wire.goaway(0, Code.PROTOCOL_ERROR)
    assert _played("data-zero", Scripted(goaway)).status == "passed"
    result = _played("data-zero", Scripted(goaway, crash="it raised KeyError"))
    assert (result.status, result.grade) == ("failed", "failed")
    assert result.seen.endswith("it raised KeyError")


def test_another_code_or_scope_fails_and_a_generic_code_is_allowed() -> None:
    for last, status, grade in (
        (wire.goaway(0, Code.FRAME_SIZE_ERROR), "passed", "exact"),
        (wire.goaway(0, Code.PROTOCOL_ERROR), "passed", "allowed"),
        (wire.goaway(0, Code.COMPRESSION_ERROR), "failed", "failed"),
        (wire.goaway(0, Code.NO_ERROR), "failed", "failed"),
        (wire.frame(Type.RST_STREAM, 0, 1, wire.u32(6)), "failed", "failed"),
    ):
        result = _played("size-ping-7", Scripted(last))
        assert (result.status, result.grade) == (status, grade), result.seen
    generic = Scripted(wire.goaway(0, Code.PROTOCOL_ERROR))
    assert _played("size-ping-7", generic, exact=True).status == "failed"


def test_an_endpoint_that_cannot_be_reached_fails() -> None:
    def refuse(case: Case, role: Role) -> Link:
        raise ConnectionRefusedError("nobody there")

    result = play(_case("ping"), Role.SERVER, refuse, Target(), Judging())
    assert (result.status, result.seen) == ("failed", "no connection: nobody there")


def test_a_situation_that_does_not_come_about_is_a_failure() -> None:
    link = Scripted()
    link.receive(0)
    result = _played("data-zero", link)
    assert result.status == "failed"
    assert "SETTINGS and the acknowledgment of ours did not come" in result.seen


# The judge --------------------------------------------------------------------------------------


@pytest.fixture
def peer() -> Peer:
    return Peer(Scripted(), Role.SERVER, Target(), 1.0)


def test_a_stream_error_may_end_the_connection_or_be_an_answer(peer: Peer) -> None:
    reset, message = stream(Code.STREAM_CLOSED), malformed()
    assert reset.judge(peer) is Grade.FAILED
    peer.seen.resets = {3: Code.STREAM_CLOSED}
    assert reset.judge(peer) is Grade.FAILED
    peer.seen.resets[1] = Code.STREAM_CLOSED
    assert reset.judge(peer) is Grade.EXACT
    assert message.judge(peer) is Grade.FAILED
    peer.seen.resets = {}
    peer.seen.closed = True
    assert reset.judge(peer) is Grade.ALLOWED
    peer.seen.goaway = Code.STREAM_CLOSED
    assert reset.judge(peer) is Grade.ALLOWED
    assert reset.judge(peer) < connection(Code.STREAM_CLOSED).judge(peer)
    peer.seen.goaway = Code.COMPRESSION_ERROR
    assert reset.judge(peer) is Grade.FAILED


def test_a_reset_with_another_code_is_no_stream_error_unless_the_connection_ends(
    peer: Peer,
) -> None:
    peer.seen.resets = {1: Code.CANCEL}
    assert malformed().judge(peer) is Grade.FAILED
    peer.seen.closed = True
    assert malformed().judge(peer) is Grade.ALLOWED


@pytest.mark.parametrize(
    ("expectation", "grades"),
    [
        (goes_on(), ["FAILED", "EXACT", "FAILED", "FAILED"]),
        (leaves(), ["FAILED", "FAILED", "EXACT", "FAILED"]),
        (expect.either(goes_on(), leaves()), ["FAILED", "EXACT", "EXACT", "FAILED"]),
        (goes_on(answered=1), ["FAILED", "FAILED", "FAILED", "FAILED"]),
        (connection(Code.PROTOCOL_ERROR), ["FAILED", "FAILED", "ALLOWED", "EXACT"]),
        (connection(Code.PROTOCOL_ERROR, silent=True), ["FAILED", "FAILED", "EXACT", "EXACT"]),
    ],
    ids=["goes on", "leaves", "either", "answered", "error", "error, perhaps without GOAWAY"],
)
def test_silence_life_and_two_ways_to_end(
    peer: Peer, expectation: Expectation, grades: list[str]
) -> None:
    found = [expectation.judge(peer).name]
    peer.seen.alive = True
    found.append(expectation.judge(peer).name)
    peer.seen.alive, peer.seen.closed = False, True
    found.append(expectation.judge(peer).name)
    peer.seen.goaway = Code.PROTOCOL_ERROR
    found.append(expectation.judge(peer).name)
    assert found == grades


# Field blocks and frames ------------------------------------------------------------------------


def test_huffman_code_as_in_the_examples() -> None:
    """RFC 7541 sections C.4.1 and C.4.2."""
    assert hpack.huffman(b"www.example.com").hex() == "f1e3c2e5f23a6ba0ab90f4ff"
    assert hpack.huffman(b"no-cache").hex() == "a8eb10649cbf"


def test_decoder_as_in_the_examples() -> None:
    """RFC 7541 section C.6, where the table has 256 octets."""
    decoder = hpack.Decoder()
    decoder.decode(hpack.table_size(256))
    assert decoder.updates == [256]
    first = decoder.decode(
        bytes.fromhex(
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
            "6e919d29ad171863c78f0b97c8e9ae82ae43d3"
        )
    )
    assert first[0] == (b":status", b"302")
    assert first[3] == (b"location", b"https://www.example.com")
    second = decoder.decode(bytes.fromhex("4883640effc1c0bf"))
    assert second == [(b":status", b"307"), *first[1:]]
    assert decoder.size() == 222


def test_encoder_and_decoder_agree() -> None:
    octets = bytes(range(256))
    for coded in (False, True):
        block = hpack.literal(b"a", octets, coded) + hpack.added(1, octets, coded)
        block += hpack.never_indexed(b"c" * 200, b"") + hpack.indexed(62) + hpack.indexed(2)
        assert hpack.Decoder().decode(block) == [
            (b"a", octets),
            (b":authority", octets),
            (b"c" * 200, b""),
            (b":authority", octets),
            (b":method", b"GET"),
        ]


def _wrong_blocks() -> list[bytes]:
    return [octets for _, _, _, octets in cases.hpack_blocks.WRONG if b"\xff" * 12 not in octets]


@pytest.mark.parametrize("octets", _wrong_blocks(), ids=bytes.hex)
def test_decoder_finds_what_is_wrong(octets: bytes) -> None:
    with pytest.raises(hpack.DecodingError):
        hpack.Decoder().decode(octets)


def test_frames_arrive_octet_by_octet() -> None:
    octets = wire.ping(b"12345678") + wire.settings((1, 2)) + wire.frame(0xFA, 0, 3, b"abc")
    reader = wire.FrameReader()
    frames = [frame for octet in octets for frame in reader.feed(bytes([octet]))]
    assert [frame.type for frame in frames] == [Type.PING, Type.SETTINGS, 0xFA]
    assert str(frames[2]) == "frame of type 250 length 3 stream 3"


def test_frames_in_words() -> None:
    texts = {
        wire.goaway(5, 99): "GOAWAY (error code 99, last stream 5) length 8",
        wire.frame(Type.RST_STREAM, 0, 1, wire.u32(8)): "RST_STREAM (CANCEL) length 4 stream 1",
        wire.frame(Type.WINDOW_UPDATE, 0, 0, wire.u32(7)): "WINDOW_UPDATE (+7) length 4",
    }
    reader = wire.FrameReader()
    assert [str(reader.feed(octets)[0]) for octets in texts] == list(texts.values())
    padded = Frame(Type.HEADERS, 0x2C, 1, b"\x02" + bytes(5) + b"block" + bytes(2))
    assert padded.fragment() == b"block"
    assert Frame(Type.PUSH_PROMISE, 4, 1, bytes(4) + b"block").fragment() == b"block"


# The page -------------------------------------------------------------------------------------


RECORD = Record(
    subjects=[
        Subject(
            name="a server",
            kind="server",
            version="1.0",
            exact=5,
            allowed=4,
            lenient=0,
            skipped=3,
            failed=[
                Failure(case="server/ping-stream", seen="PING acknowledged"),
                Failure(case="server/idle-data", seen="PING acknowledged"),
                Failure(case="server/idle-even-data", seen="response 200 on stream 1"),
                Failure(case="server/idle-window-update", seen="PING acknowledged"),
            ],
        )
    ]
)


def test_the_page_counts_and_explains() -> None:
    text = conformance_page.page(RECORD)
    # Cases that are missing from the record are omitted, too.
    left_out = sum(Role.SERVER in case.roles for case in CASES) - 13
    assert f"\n| a server | 1.0 | 5 | 4 | 0 | 3 | 1 | {left_out} |\n" in text
    differences = text[text.index("### a server 1.0") : text.index("## The cases")]
    rows = differences.splitlines()[4:-1]
    assert [row.split(" | ")[1:] for row in rows] == [
        [
            "DATA on an idle stream of the client; WINDOW_UPDATE on an idle stream of the client",
            "PING acknowledged |",
        ],
        ["DATA on an idle stream of the server", "response 200 |"],
        ["PING on a stream", "PING acknowledged |"],
    ]
    assert rows[0].startswith("| 5.1: ")
    assert rows[2].startswith("| unchecked | ")


def test_the_page_is_up_to_date() -> None:
    record = read()
    assert record is not None
    assert conformance_page.main(["--check"]) == 0
    names = {subject["name"] for subject in record["subjects"]}
    assert {"this package", "this package, strict", "h2 as published"} <= names
    for subject in record["subjects"]:
        if subject["name"].startswith(("this package", "python -m h2")):
            assert subject["failed"] == []


def test_every_reading_is_about_cases_that_there_are() -> None:
    names = {case.id for case in CASES}
    for item in READINGS:
        assert [name for name in names if re.fullmatch(item.cases, name)], item.cases


# The command line -------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def suite(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str]:
        status = command_line.main(arguments)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_list(suite: Run) -> None:
    status, text = suite("package", "h2", "--list", "--only", "size-ping")
    assert status == 0
    assert text.splitlines()[0] == (
        "server/size-ping-0  [6.7]  PING of 0 octets: connection error FRAME_SIZE_ERROR"
    )
    assert text.splitlines()[-1] == "6 cases"
    _, text = suite("client", "--list")
    assert "upload" not in text
    _, text = suite("client", "--list", "--upload")
    assert text.splitlines()[-1] == "3 cases"
    _, text = suite("package", "h2", "--list", "--role", "client")
    assert "server/" not in text


def test_results_in_files(suite: Run, tmp_path: Path) -> None:
    files = tmp_path / "results.json", tmp_path / "junit.xml"
    status, text = suite(
        *("package", "h2", "--only", "idle-rst", "--strict", "--verbose"),
        *("--json", str(files[0]), "--junit", str(files[1])),
    )
    assert status == 0
    assert text.splitlines()[-1] == (
        "package h2, strict: 2 cases: 2 passed (2 exact), 0 failed, 0 skipped"
    )
    content = json.loads(files[0].read_text())
    assert content["subject"] == "package h2, strict"
    first = content["cases"][0]
    assert first["case"] == "server/idle-rst-stream"
    assert first["received"] == ["GOAWAY (PROTOCOL_ERROR, last stream 0) length 8"]
    root = ET.parse(files[1]).getroot()
    assert (root.get("tests"), root.get("failures"), len(root)) == ("2", "0", 2)


def test_failures_in_files_and_exit_status(
    suite: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, strict: bool) -> package.Package:
        return package.Package(name, Scripted, dict, OSError, strict)

    monkeypatch.setattr(package, "load", load)
    monkeypatch.setattr(package.Package, "open", lambda *arguments: Scripted())
    file = tmp_path / "junit.xml"
    arguments = ("package", "bad", "--only", "data-zero", "--role", "server", "--junit", str(file))
    status, text = suite(*arguments)
    assert status == 1
    assert "FAILED  server/data-zero  [6.1]  DATA on stream 0\n" in text
    assert "expected: connection error PROTOCOL_ERROR\n" in text
    assert "came:     PING acknowledged\n" in text
    failure = ET.parse(file).getroot().find("testcase/failure")
    assert failure is not None
    assert "sent DATA length 3" in str(failure.text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("package", "json"), "json has not the API of h2"),
        (("package", "no_such_package"), "no_such_package has not the API of h2"),
        (("package", "h2", "--only", "no such case"), "no case has 'no such case' in its name"),
        (("server", "ftp://localhost/"), "ftp://localhost/ is no URL of a server"),
    ],
    ids=["no API", "missing", "no case", "no URL"],
)
def test_what_cannot_be_run(suite: Run, arguments: tuple[str, ...], text: str) -> None:
    status, printed = suite(*arguments)
    assert status == 2
    assert text in printed


def test_a_server_that_is_not_there(suite: Run) -> None:
    status, text = suite("server", "http://127.0.0.1:1/", "--only", "ping-in", "--timeout", "1")
    assert status == 1
    assert "no connection: " in text
