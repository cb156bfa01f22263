"""An example server in a separate process: how to start, stop and inspect it.

`Example` says which server and what it offers; `running()` gives a test a `Served`.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.cases import Offer
from support.clients import Target
from support.processes import Server, complaints, require_installed, serving
from support.raw import PATIENCE
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

#: Statements that give an example server short timeouts.
IMPATIENT = "module.HANDSHAKE_SECONDS = 2.0; module.IDLE_SECONDS = module.SEND_SECONDS = 1.0"
#: Statements that let it accept few clients.
SMALL = "module.MAX_CLIENTS = 3"
#: The same, with long timeouts at the end: a test fails if the server waits without need.
PATIENT = f"{SMALL}; module.GRACE_SECONDS = module.STOP_SECONDS = 300.0"


@dataclass(frozen=True)
class Served:
    """A server under test, and what it offers."""

    server: Server
    target: Target
    offer: Offer
    site: Site
    files: int  # how many files and sockets it has open without a client


@dataclass(frozen=True)
class Example:
    """An example server, and how to start it."""

    module: str
    offer: Offer
    packages: tuple[str, ...]  # what it is based on
    serves_files: bool = False
    arguments: tuple[str, ...] = ()
    switches: tuple[str, ...] = ("-X", "dev")  # of the interpreter

    @contextmanager
    def running(
        self, site: Site, certificate: Certificate, root: Path | None = None, patch: str = ""
    ) -> Iterator[Served]:
        """Run the server, which shows this certificate, until the block ends.

        :param root: the folder that it serves if it serves files; that of the site if None
        :param patch: statements that change the constants of its `module` before it starts
        """
        for package in self.packages:
            require_installed(package)
        how = ["-m", self.module]
        if patch:
            how = ["-c", f"import {self.module} as module\n{patch}\nmodule.main()"]
        options = ["--port", "0", "--certificates", str(certificate.authority.parent)]
        files = [str(root or site.folder)] if self.serves_files else []
        command = [sys.executable, *self.switches, *how, *options, *self.arguments, *files]
        with serving(command) as server:
            target = Target(f"https://localhost:{server.port}", certificate.authority)
            yield Served(server, target, self.offer, site, open_files(server))


def stop(served: Served) -> None:
    """Press Ctrl+C; the server must end successfully, and without output."""
    assert served.server.process.poll() is None
    served.server.interrupt()
    finish(served)


def finish(served: Served) -> None:
    """Wait for the end of the server after Ctrl+C; it must not report an error."""
    out, err = served.server.finish()
    assert (served.server.process.returncode, out) == (0, ""), err
    # Frameworks may warn that something about them is deprecated; nothing else belongs there.
    said = "\n".join(complaints(err))
    assert not re.search("Traceback|ResourceWarning|Error|Exception|never", said), err


def open_files(server: Server) -> int:
    """How many files and sockets a server has open; 0 if the system does not tell."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


def check_no_files(served: Served) -> None:
    """Check that the server closes everything that it opened for its clients."""
    give_up = time.monotonic() + PATIENCE
    while open_files(served.server) > served.files:
        assert time.monotonic() < give_up, "the server keeps something open"
        time.sleep(0.02)


def resident(served: Served) -> int:
    """How many bytes of memory the server uses; 0 if the system does not tell."""
    file = Path(f"/proc/{served.server.process.pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", file.read_text() if file.exists() else "VmRSS: 0 kB")
    assert found
    return int(found[1]) * 1024
