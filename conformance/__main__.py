"""The command line: python -m conformance server | client | package."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections.abc import Sequence

from conformance import cases as _declared
from conformance import package, report, sockets
from conformance.case import CASES, Need
from conformance.peer import Role, Target
from conformance.run import Judging, Open, Result, chosen, play

_ALL = (Role.SERVER, Role.CLIENT)


def parser() -> argparse.ArgumentParser:
    """The parser of the arguments."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--only", default="", metavar="TEXT", help="only cases whose name contains TEXT"
    )
    common.add_argument("--list", action="store_true", help="list the cases without running them")
    common.add_argument("--json", metavar="FILE", help="write all results to FILE as JSON")
    common.add_argument("--junit", metavar="FILE", help="write all results to FILE as JUnit XML")
    common.add_argument(
        "--timeout", type=float, default=3.0, metavar="S", help="seconds for each case"
    )
    common.add_argument("--verbose", action="store_true", help="show passed cases as well")
    top = argparse.ArgumentParser(
        prog="python -m conformance", description="Tests HTTP/2 endpoints against RFC 9113."
    )
    commands = top.add_subparsers(dest="mode", required=True)
    server = commands.add_parser("server", parents=[common], help="test a server")
    server.add_argument("url", help="http://... (prior knowledge) or https://...")
    server.add_argument(
        "--post", metavar="PATH", help="a path that accepts POST, if not that of the URL"
    )
    client = commands.add_parser(
        "client", parents=[common], help="test clients that connect to this port"
    )
    client.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one"
    )
    client.add_argument(
        "--command", metavar="CMD", help="command that starts the client; {url} is replaced"
    )
    client.add_argument(
        "--wait", type=float, default=60.0, metavar="S", help="seconds to wait for a connection"
    )
    client.add_argument(
        "--upload", action="store_true", help="run the cases for a client that sends 100,000 octets"
    )
    client.add_argument(
        "--tls", action="store_true", help="use TLS, with a certificate made for this run"
    )
    client.add_argument("--cert", metavar="FILE", help="certificate chain; implies --tls")
    client.add_argument("--key", metavar="FILE", help="private key of the certificate")
    memory = commands.add_parser("package", parents=[common], help="test a package in memory")
    memory.add_argument("name", help="a package with the API of h2, such as h2")
    memory.add_argument(
        "--strict", action="store_true", help="set strict=True and require the exact scope"
    )
    memory.add_argument("--role", choices=["server", "client"], help="test one role only")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run the cases; the exit status is 0 if all passed."""
    options = parser().parse_args(arguments)
    roles = _roles(options)
    selected = list(chosen(CASES, roles, options.only))
    if options.mode == "client":
        selected = [pair for pair in selected if (pair[0].needs is Need.UPLOAD) == options.upload]
    if not selected:
        print(f"no case has {options.only!r} in its name", file=sys.stderr)
        return 2
    if options.list:
        for case, role in selected:
            print(f"{case.name(role)}  [{case.section}]  {case.title}: {case.expect.words}")
        print(f"{len(selected)} cases")
        return 0
    results: list[Result] = []
    try:
        with contextlib.ExitStack() as stack:
            subject, open_link, target, judging = _subject(options, stack)
            for case, role in selected:
                results.append(play(case, role, open_link, target, judging))
                report.line(results[-1], sys.stdout, options.verbose)
    except (package.UnusableError, sockets.UnusableError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{subject}: {report.summary(results)}")
    if options.json:
        report.write_json(options.json, subject, results)
    if options.junit:
        report.write_junit(options.junit, subject, results)
    return 1 if any(result.failed for result in results) else 0


def _roles(options: argparse.Namespace) -> tuple[Role, ...]:
    if options.mode == "package":
        return (Role(options.role),) if options.role else _ALL
    return (Role(options.mode),)


def _subject(
    options: argparse.Namespace, stack: contextlib.ExitStack
) -> tuple[str, Open, Target, Judging]:
    """The endpoint under test: its name, how to reach it, what to request, how to judge it."""
    seconds: float = options.timeout
    if options.mode == "package":
        strict: bool = options.strict
        loaded = package.load(options.name, strict)
        judging = Judging(seconds, lenient=not strict, exact=strict)
        name = f"package {options.name}{', strict' if strict else ''}"
        return name, loaded.open, Target(), judging
    if options.mode == "server":
        server = sockets.Server(options.url, options.post, seconds)
        return f"server {options.url}", server.open, server.target, Judging(seconds)
    context = None
    if options.tls or options.cert:
        context = sockets.server_context(options.cert, options.key)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", options.port)))
    clients = sockets.Clients(listener, context, options.command, seconds, options.wait)
    name = f"client {options.command or f'at {clients.url}'}"
    return name, clients.open, Target(), Judging(seconds)


if __name__ == "__main__":
    assert _declared
    sys.exit(main(sys.argv[1:]))
