"""`python -m h2 get`: fetches URLs, over one connection for consecutive ones of one server."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import deque
from dataclasses import replace

from h2._cli import report, request, waterfall
from h2._cli.client import Client
from h2._cli.connect import connect
from h2._cli.content import Sink
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.request import Request
from h2._cli.transfer import Times, Transfer
from h2._cli.url import parse as parse_url
from h2.recorder import Recorder


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if options.key and not options.cert:
        raise Failure(Status.USAGE, "--key needs --cert")
    request.check(options)
    request.ask_for_password(options)
    transfers = _transfers(options)
    with contextlib.ExitStack() as stack:
        for transfer in transfers:
            stack.callback(transfer.close)
            transfer.open()
        fetch = Fetch(options, transfers)
        failures = fetch.run()
        if options.stat:
            report.tell(report.statistics(transfers))
        if options.waterfall:
            more = f" and {len(transfers) - 1} more" * (len(transfers) > 1)
            waterfall.save(options.waterfall, fetch.recorders, f"h2 get {options.urls[0]}{more}")
    if not failures:
        return 0
    raise failures[-1]


def _transfers(options: argparse.Namespace) -> list[Transfer]:
    """Return a transfer for each URL."""
    names = options.output or []
    if len(names) > len(options.urls):
        raise Failure(Status.USAGE, "There are more --output options than URLs")
    progress = (
        len(options.urls) == 1
        and not (options.verbose or options.silent or options.stat)
        and sys.stderr.isatty()
    )
    transfers = []
    for number, text in enumerate(options.urls):
        url = parse_url(text)
        name = names[number] if number < len(names) else None
        sink = Sink(url.file_name() if options.remote_name else name)
        asked = Request(options, url, number)
        transfers.append(Transfer(options, asked, text, number, sink, progress=progress))
    return transfers


class Fetch:
    """Carries out all transfers. Their output is in the order of the URLs."""

    def __init__(self, options: argparse.Namespace, transfers: list[Transfer]) -> None:
        self._options = options
        self._transfers = transfers
        self._queue = deque(transfers)  # those that are not done; the first one may write
        self._failures: list[Failure] = []
        self._deadline = Deadline(options.max_time, "Operation")
        self.recorders: list[Recorder] = []  # one for each connection, for --waterfall

    def run(self) -> list[Failure]:
        """Do everything; returns the failures, which were already reported for several URLs."""
        for transfer in self._transfers[1:]:
            transfer.sink.hold()
        pending = deque(self._transfers)
        while pending:
            group = [pending.popleft()]
            origin = group[0].request.url.origin
            while pending and pending[0].request.url.origin == origin:
                group.append(pending.popleft())
            pending += self._fetch(group)
        return self._failures

    def _fetch(self, group: list[Transfer]) -> list[Transfer]:
        """Carry out transfers with one server; returns those that it redirects elsewhere."""
        began = time.monotonic()
        url = group[0].request.url
        client = None
        log = None
        if self._options.verbose:
            log = FrameLog(sys.stderr, titles=group[0] is self._transfers[0])
        recorder = None
        if self._options.waterfall:
            recorder = Recorder(f"client of {url.authority}")
            self.recorders.append(recorder)
        with contextlib.ExitStack() as stack:
            times = Times(began=began)
            for transfer in group:
                transfer.times = times if transfer is group[0] else Times(began=began)
            try:
                channel = connect(self._options, url, self._deadline, log, stack, times, recorder)
                for transfer in group[1:]:
                    transfer.times = replace(times)
                client = Client(channel, self._deadline, url, self._through, self._options.padding)
                client.run(group)
            except Failure as failure:
                for transfer in group:
                    if not (transfer.done or (client and transfer in client.elsewhere)):
                        transfer.fail(failure)
                        self._through(transfer)
        return client.elsewhere if client else []

    def _through(self, transfer: Transfer) -> None:
        """Let the next transfers write: this one is done, or continues elsewhere."""
        if not transfer.done:  # it must not block the output of the others
            self._queue.remove(transfer)
            self._queue.append(transfer)
            transfer.sink.hold()
        while self._queue:
            transfer = self._queue[0]
            transfer.sink.release()
            if not transfer.done:
                return
            self._queue.popleft()
            self._report(transfer)

    def _report(self, transfer: Transfer) -> None:
        """Print everything about a transfer other than its content."""
        transfer.close()
        failure = transfer.failure
        if self._options.write_out:
            sys.stdout.write(report.written_out(self._options.write_out, transfer))
            sys.stdout.flush()
        if failure is not None and len(self._transfers) > 1:
            if not self._options.silent or self._options.show_error:
                report.tell(f"h2: ({failure.status.value}) {transfer.url}: {failure}")
            failure = Failure(failure.status)
        if failure is not None:
            self._failures.append(failure)
