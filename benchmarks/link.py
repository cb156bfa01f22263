"""A link with a delay and a limited rate, between two network namespaces. Linux only, as root.

Each namespace has a TUN device. Packets that a kernel sends into one of them come out of the other
one, as late as they would on a real link. So everything else is real: the TCP of both ends, their
buffers, and their congestion control.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .workloads import ROOT

TUN = "/dev/net/tun"
NAME = "distant"
SERVER, CLIENT = "10.73.0.1", "10.73.0.2"
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_PACKET = 65_536


@dataclass
class Direction:
    """Packets on their way from one end to the other."""

    source: int
    target: int
    delay: float  # seconds
    rate: float  # octets per second
    queue: float  # seconds of traffic that the router in front of the link can keep
    packets: int = 0
    free: float = 0.0  # when the link has sent what it has accepted
    flying: deque[tuple[float, bytes]] = field(default_factory=deque)

    def accept(self, now: float) -> None:
        """Read a packet, and drop it if the queue is full."""
        packet = os.read(self.source, _PACKET)
        start = max(now, self.free)
        if start - now <= self.queue:
            self.packets += 1
            self.free = start + len(packet) / self.rate
            self.flying.append((self.free + self.delay, packet))

    def deliver(self, now: float) -> None:
        """Write the packets that have arrived."""
        while self.flying and self.flying[0][0] <= now:
            os.write(self.target, self.flying.popleft()[1])


def missing() -> str:
    """What prevents such a link on this machine; empty if nothing does. Tries to make one end."""
    command = [sys.executable, "-m", "benchmarks.link"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def connect_over(
    serve: Callable[[], None],
    ask: Callable[[], None],
    *,
    round_trip: float,
    rate: float,
    queue: float,
) -> tuple[int, int]:
    """Run a server and a client, each in its own process, at the two ends of a link.

    Moves this process into another network namespace: call it in a process that ends soon.

    :param serve: the server; it is killed when the client has ended
    :param ask: the client, which connects to the address `SERVER`
    :param round_trip: the time of an octet to the other end and back, in seconds
    :param rate: the octets per second in each direction
    :param queue: how much traffic is queued in front of the link before packets are dropped, in
        seconds
    :returns: how many packets the server and the client have sent
    """
    near = _new_end(SERVER)
    server = _start(serve)
    far = _new_end(CLIENT)
    client = _start(ask)
    down = Direction(near, far, round_trip / 2, rate, queue)
    up = Direction(far, near, round_trip / 2, rate, queue)
    try:
        while os.waitpid(client, os.WNOHANG) == (0, 0):
            _carry((down, up))
    finally:
        os.kill(server, 9)
        os.waitpid(server, 0)
    return down.packets, up.packets


def _carry(directions: tuple[Direction, Direction]) -> None:
    """Wait for the next packet, and move those that are due."""
    now = time.monotonic()
    due = [direction.flying[0][0] for direction in directions if direction.flying]
    ready, _, _ = select.select(
        [direction.source for direction in directions],
        [],
        [],
        max(0.0, min(due, default=now + 0.05) - now),
    )
    now = time.monotonic()
    for direction in directions:
        if direction.source in ready:
            direction.accept(now)
        direction.deliver(now)


def _new_end(address: str) -> int:
    """Move into a new network namespace; return its TUN device."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no new network namespace")
    device = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", NAME.encode(), _IFF_TUN | _IFF_NO_PI))
    subprocess.run(["ip", "address", "add", f"{address}/24", "dev", NAME], check=True)
    subprocess.run(["ip", "link", "set", "dev", NAME, "up"], check=True)
    return device


def _start(work: Callable[[], None]) -> int:
    """Run something in a process of its own, in the present namespace; return the process ID."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return process


if __name__ == "__main__":
    _new_end(SERVER)
