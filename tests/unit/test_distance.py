"""The benchmark with a distant link: the link itself, and one small measurement."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import distance, link
from benchmarks.workloads import ROOT

SECONDS = 60  # for a machine that is busy

# Prints how long an octet takes there and back, then how long 100,000 octets take.
PROGRAM = """
import socket, time
from benchmarks import link

def serve():
    with socket.create_server((link.SERVER, 80)) as listener:
        sock, _ = listener.accept()
        sock.sendall(sock.recv(1))
        sock.recv(1)
        sock.sendall(bytes(100_000))
        sock.recv(1)

def ask():
    while True:
        try:
            sock = socket.create_connection((link.SERVER, 80))
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    for size in (1, 100_000):
        began = time.monotonic()
        sock.sendall(b"x")
        while size:
            size -= len(sock.recv(size))
        print(time.monotonic() - began, flush=True)

print(*link.connect_over(serve, ask, round_trip=0.05, rate=1e6, queue={queue}), sep="\\n")
"""


@pytest.fixture(scope="module", autouse=True)
def needs_the_link() -> None:
    if not sys.platform.startswith("linux") or (reason := link.missing()):
        pytest.skip(f"no link between two network namespaces: {reason}")


def run(program: str) -> list[float]:
    """The numbers that a program prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=SECONDS)
    return [float(word) for word in done.stdout.split()]


def test_the_link_has_a_delay_and_a_rate() -> None:
    octet, content, from_server, from_client = run(PROGRAM.format(queue=1))
    assert octet >= 0.05
    assert content >= 0.05 + 100_000 / 1e6
    # 1,500 octets are the most that a packet holds.
    assert from_server > 100_000 / 1_500
    assert from_client > 3


def test_packets_that_the_queue_has_no_room_for_are_dropped_and_tcp_sends_them_again() -> None:
    _, content, from_server, _ = run(PROGRAM.format(queue=0.003))
    assert content >= 0.05 + 100_000 / 1e6
    assert from_server > 100_000 / 1_500


def test_a_burst_of_requests() -> None:
    figures = distance.measure(distance.Case("100", 65_536, eager=True), 1)
    assert figures.keys() == {"urgent", "all", "packets"}
    assert distance.ROUND_TRIP <= figures["urgent"] <= figures["all"]
    assert figures["packets"] > distance.BURST * 100 / 1_500


def test_urgent_requests_during_a_download() -> None:
    figures = distance.measure(distance.Case("download", 65_536), 2)
    assert figures.keys() == {"median", "longest", "octets", "packets"}
    assert distance.ROUND_TRIP <= figures["median"] <= figures["longest"]
    assert figures["octets"] > 0


def test_cases_have_names() -> None:
    names = [str(case) for case in distance.CASES]
    assert names[0] == "download, limit   none"
    assert names[-1] == "burst of 16384, limit  65536, a write each response"
    assert len({*names}) == len(names)
