"""`python -m h2 decode`: input in every form, the listing, messages and exit statuses."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._cli import hex_text
from h2._cli.arguments import main
from support import wire
from support.processes import ROOT, TIMEOUT, python_command, run, run_for_bytes, started

GOOD = wire.PREFACE + wire.settings((3, 100)) + wire.headers(1, wire.REQUEST, end_stream=True)
LISTING = """\
   offset  frame            stream  length  flags                   content
        0  (preface)                    24                          PRI * HTTP/2.0
       24  SETTINGS              0       6
       33    MAX_CONCURRENT_STREAMS = 100
       39  HEADERS               1      61  END_STREAM END_HEADERS
       48    :method: GET
       61    :scheme: https
       76    :authority: example.com
      100    :path: /
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recorded"


def decode(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["decode", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_listing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(GOOD)
    assert decode(capsys, str(file)) == (0, LISTING, "")
    assert decode(capsys, "--raw", str(file)) == (0, LISTING, "")


def test_damage_is_reported_at_its_offset_behind_what_could_be_decoded(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(GOOD[:-3])
    status, out, err = decode(capsys, str(file))
    assert status == 1
    assert out.startswith(LISTING[: LISTING.index("      100")])
    assert out.endswith("      106    error: frame is truncated: 58 of 61 octets of its payload\n")
    assert err == (
        f"h2: (1) {file} is damaged: 1 error at offset 106: "
        "frame is truncated: 58 of 61 octets of its payload\n"
    )
    file.write_bytes(wire.frame(6) * 2)
    status, _, err = decode(capsys, str(file))
    assert status == 1
    assert "is damaged: 2 errors, the first at offset 0: PING with a payload of 0" in err


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing"
    expected = f"h2: (26) Could not open {missing}: No such file or directory\n"
    assert decode(capsys, str(missing)) == (26, "", expected)
    assert decode(capsys, "a\0b")[0] == 26
    status, _, err = decode(capsys, str(tmp_path))
    assert (status, err) == (26, f"h2: (26) Could not open {tmp_path}: Is a directory\n")


def test_a_file_that_breaks_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Broken())))
    status, _, err = decode(capsys, "-")
    assert (status, err) == (26, "h2: (26) Could not read standard input: Input/output error\n")


# --- hexadecimal text ---


def dump(data: bytes, line: str, width: int = 16) -> str:
    """A dump with one of the layouts that programs use."""
    lines = []
    for at in range(0, len(data), width):
        part = data[at : at + width]
        octets = [f"{octet:02x}" for octet in part]
        lines.append(
            line.format(
                at=at,
                octets=" ".join(octets),
                halves="  ".join([" ".join(octets[:8]), " ".join(octets[8:])]),
                pairs=" ".join(part[n : n + 2].hex() for n in range(0, len(part), 2)),
                text="".join(chr(octet) if 32 <= octet < 127 else "." for octet in part),
            )
        )
    return "\n".join(lines) + "\n"


FORMS = {
    "digits": GOOD.hex(),
    "capitals": GOOD.hex().upper(),
    "lines": "\n".join(GOOD.hex()[at : at + 7] for at in range(0, 2 * len(GOOD), 7)),
    "octets": GOOD.hex(" "),
    "colons": GOOD.hex(":"),
    "C array": ", ".join(f"0x{octet:02X}" for octet in GOOD),
    "string": "".join(f"\\x{octet:02x}" for octet in GOOD),
    "comments": "# a request\n" + GOOD.hex() + "\n\n  # end\n",
    "hexdump -C": dump(GOOD, "{at:08x}  {halves:<48}  |{text}|") + f"{len(GOOD):08x}\n",
    "xxd": dump(GOOD, "{at:08x}: {pairs:<39}  {text}"),
    "xxd -g1": dump(GOOD, "{at:08x}: {octets:<47}  {text}"),
    "xxd -g4": dump(GOOD, "{at:08x}: {pairs:<39}  {text}").replace("5052 4920", "50524920"),
    "od": dump(GOOD, "{at:06x} {octets}  >{text}<") + f"{len(GOOD):06x}\n",
    "tcpdump -X": dump(GOOD, "\t0x{at:04x}:  {pairs:<39}  {text}"),
    "Wireshark": dump(GOOD, "{at:04x}  {octets:<47}   {text}"),
}


@pytest.mark.parametrize("form", FORMS)
def test_hexadecimal_text(form: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FORMS[form])
    assert decode(capsys, str(file)) == (0, LISTING, "")
    assert decode(capsys, "--hex", str(file)) == (0, LISTING, "")


def test_a_dump_need_not_begin_at_zero() -> None:
    text = dump(GOOD, "{at:08x}: {octets}").splitlines()
    assert hex_text.parse("\n".join(text[2:])) == GOOD[32:]


def test_raw_bytes_are_not_taken_for_text(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not hex_text.looks_like_hex(wire.PREFACE)
    assert not hex_text.looks_like_hex(wire.ping())
    file.write_text(GOOD.hex())
    status, out, _ = decode(capsys, "--raw", str(file))
    assert status == 1
    assert "SETTINGS" not in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("00 0z", "line 1: 'z' is not a hexadecimal digit"),
        ("# x\n00\n00 0", "line 3: the number of hexadecimal digits is odd"),
        ("00000000: 0000\n00000004: 00", "line 2: offset 0x4, expected 0x2"),
        ("00000000  00 00\n*\n00000040", "line 2: repeated lines were left out (hexdump -v shows"),
        ("00000000  00 00\nhello", "line 2: not a line of a dump, unlike those above"),
        ("00000000 5250 2049 202a\n0000006", "line 2: the number of hexadecimal digits is odd"),
    ],
)
def test_text_that_cannot_be_read(
    text: str, message: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    status, out, err = decode(capsys, "--hex", str(file))
    assert status == 1
    assert f"h2: (1) {file} is not hexadecimal text: {message}" in err
    assert out.count("\n") == 1  # nothing below the titles


@pytest.mark.parametrize("separator", ["", " ", "  "])
@pytest.mark.parametrize("colon", ["", ":"])
def test_a_long_line_takes_no_longer_than_its_length(colon: str, separator: str) -> None:
    # Where a pattern could match in several ways, each octet would double the time.
    line = f"0000{colon} " + f"00{separator}" * 5000
    for end in ("g", "0", " g"):
        with contextlib.suppress(ValueError):
            hex_text.parse(line + end)


@given(st.text(max_size=80) | st.text("0123abx:, \n*#|>", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = hex_text.parse(text)
    except ValueError as error:
        message = str(error)
    else:
        message = "line "
        assert isinstance(found, bytes)
    assert message.startswith("line ")


@given(st.binary(max_size=200), st.sampled_from([" ", ":"]))
def test_text_means_the_bytes(data: bytes, mark: str) -> None:
    assert hex_text.parse(data.hex()) == data
    assert hex_text.parse(data.hex(mark)) == data
    assert hex_text.parse(dump(data, "{at:08x}: {pairs}  {text}")) == data
    assert hex_text.parse(dump(data, "{at:08x}  {halves:<48}  |{text}|")) == data


@pytest.mark.parametrize("program", [["xxd"], ["hexdump", "-vC"], ["od", "-Ax", "-tx1z", "-v"]])
def test_the_output_of_real_programs(program: list[str], file: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"program {program[0]} not found")
    file.write_bytes(GOOD)
    text = run([*program, str(file)]).stdout
    assert hex_text.parse(text) == GOOD


# --- as a process ---


def test_standard_input_is_decoded_as_it_arrives() -> None:
    command = python_command("-m", "h2", "decode", "-")
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONUNBUFFERED"}
    with started(command, subprocess.PIPE, environment) as program:
        program.type(GOOD[:60])
        early = program.until(r"(?:.*\n){4}")
        program.type(GOOD[60:], end=True)
        rest, err = program.finish()
    assert (program.process.returncode, early + rest, err) == (0, LISTING, "")


def test_a_reader_that_goes_away_is_no_error(file: Path) -> None:
    file.write_bytes(wire.PREFACE + wire.ping() * 50_000)
    command = python_command("-m", "h2", "decode", str(file))
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == LISTING.splitlines(keepends=True)[0].encode()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 23


def test_output_in_an_encoding_that_has_not_all_characters(file: Path) -> None:
    file.write_bytes(wire.headers(1, [(b"x-a", "grün →".encode())]))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run_for_bytes(python_command("-m", "h2", "decode", str(file)), env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"x-a: gr\xfcn \u2192" in done.stdout


def test_a_full_disk_is_told(file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    file.write_bytes(GOOD)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            python_command("-m", "h2", "decode", str(file)),
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            check=False,
        )
    expected = b"h2: (23) Could not write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (23, expected)
