"""The command line of all example servers."""

from __future__ import annotations

import argparse
from pathlib import Path

from examples.common import certificate


def server_options(
    description: str | None, port: int = 8443, tls: bool = True
) -> argparse.ArgumentParser:
    """Return a parser with the options of a server.

    :param description: the docstring of the program; its first paragraph is shown by `--help`
    :param port: the default port
    :param tls: whether it needs a certificate
    """
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=port, help="port; 0 takes any free one")
    if tls:
        parser.add_argument(
            "--certificates",
            type=Path,
            default=certificate.FOLDER,
            metavar="FOLDER",
            help="where the certificate lies; made on first start",
        )
    return parser


def announce(port: int, host: str = "127.0.0.1", scheme: str = "https") -> None:
    """Print where the server listens, once it does."""
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on {scheme}://{shown}:{port}/ (Ctrl+C stops)", flush=True)
