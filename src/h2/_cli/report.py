"""The reports of `get` about a response: `--write-out` and `--stat`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from h2._cli.text import printable, reason

if TYPE_CHECKING:
    from h2._cli.transfer import Transfer

_PART: Final = re.compile(r"%%|%\{(\w+)\}|%header\{([^}]*)\}|\\([nrt])")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def _seconds(get: Callable[[Transfer], float | None]) -> Callable[[Transfer], str]:
    """Return a function that shows a time as curl does: in seconds since the start, or 0."""
    return lambda transfer: f"{get(transfer) or 0:.6f}"


def _speed(octets: int, transfer: Transfer) -> str:
    return f"{octets / max(transfer.times.done or 0, 1e-6):.0f}"


#: The variables of `--write-out`, with the same meaning as in curl.
VARIABLES: Final[dict[str, Callable[[Transfer], str]]] = {
    "content_type": lambda t: t.field(b"content-type"),
    "errormsg": lambda t: str(t.failure or ""),
    "exitcode": lambda t: str(t.failure.status.value if t.failure else 0),
    "filename_effective": lambda t: t.sink.name or "",
    "http_code": lambda t: f"{t.status:03}",
    "http_version": lambda _: "2",
    "method": lambda t: t.request.method,
    "num_headers": lambda t: str(len(t.fields)),
    "num_redirects": lambda t: str(t.redirects),
    "redirect_url": lambda t: t.location or "",
    "remote_ip": lambda t: t.times.address[0],
    "remote_port": lambda t: str(t.times.address[1]),
    "response_code": lambda t: f"{t.status:03}",
    "scheme": lambda t: t.request.url.scheme,
    "size_download": lambda t: str(t.received),
    "size_upload": lambda t: str(t.sent),
    "speed_download": lambda t: _speed(t.received, t),
    "speed_upload": lambda t: _speed(t.sent, t),
    "time_appconnect": _seconds(lambda t: t.times.secured),
    "time_connect": _seconds(lambda t: t.times.connected),
    "time_namelookup": _seconds(lambda t: t.times.resolved),
    "time_pretransfer": _seconds(lambda t: t.times.sent),
    "time_starttransfer": _seconds(lambda t: t.times.first),
    "time_total": _seconds(lambda t: t.times.done),
    "url": lambda t: t.url,
    "url_effective": lambda t: str(t.request.url),
    "urlnum": lambda t: str(t.number),
}


def write_out_format(text: str) -> str:
    """Check the value of `--write-out`, and read it from a file if it names one."""
    if text.startswith("@"):
        try:
            with open(0 if text == "@-" else text[1:], encoding="utf-8") as file:
                text = file.read()
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(f"cannot read {text}: {reason(error)}") from None
    for match in _PART.finditer(text):
        if match[1] and match[1] not in VARIABLES:
            known = ", ".join(VARIABLES)
            raise argparse.ArgumentTypeError(f"unknown variable {match[1]!r}; there are {known}")
    return text


def written_out(form: str, transfer: Transfer) -> str:
    """Return the text for `--write-out`."""

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return VARIABLES[match[1]](transfer)
        if match[2]:
            return transfer.field(match[2].lower().encode())
        return _ESCAPES[match[3]] if match[3] else "%"

    return _PART.sub(fill, form)


_COLUMNS: Final = "{:>6}  {:>11}  {:>11}  {:>11}  {:>6}  {:>11}  {}"


def statistics(transfers: Iterable[Transfer]) -> str:
    """Return the table of `--stat`, in order of completion."""
    rows = [_COLUMNS.format("stream", "sent", "first octet", "done", "status", "octets", "URL")]
    for transfer in sorted(transfers, key=lambda t: t.times.done or float("inf")):
        times = transfer.times
        rows.append(
            _COLUMNS.format(
                transfer.stream_id or "-",
                *(_milliseconds(moment) for moment in (times.sent, times.first, times.done)),
                transfer.status or "-",
                transfer.received,
                printable(str(transfer.request.url)),
            )
        )
    return "\n".join(rows)


def _milliseconds(moment: float | None) -> str:
    return "-" if moment is None else f"{1000 * moment:.2f} ms"


def tell(text: str) -> None:
    """Print to standard error, after flushing standard output."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
