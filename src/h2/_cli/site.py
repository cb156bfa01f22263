"""The files below a folder as responses: finds the file for a request, and its fields."""

from __future__ import annotations

import errno
import html
import mimetypes
import os
import re
import time
from collections.abc import Iterable
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path, PurePath
from typing import BinaryIO, Final
from urllib.parse import quote, unquote_to_bytes

import h2
from h2._cli import siblings
from h2._cli.text import printable

_RANGE: Final = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
_IN_QUERY: Final = "!$%&'()*+,/:;=?@~"
_LISTING: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<ul>
{items}
</ul>
</html>
"""


class Reply:
    """A response: its header section, its content as a file, and how much of that is left."""

    def __init__(
        self, status: HTTPStatus, fields: dict[str, str], content: BinaryIO, length: int
    ) -> None:
        self.status = status
        self.fields = {"date": formatdate(usegmt=True), "server": f"python-h2/{h2.__version__}"}
        self.fields |= fields
        self.content = content
        self.left = length

    def read(self, amount: int) -> bytes:
        """Return the next piece; it is shorter only if the file has become shorter."""
        data = self.content.read(min(amount, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self.content.close()


class Refused(Exception):  # noqa: N818 - the request is refused; it is not an error
    """A request that gets no file."""

    def __init__(self, status: HTTPStatus, fields: dict[str, str] | None = None) -> None:
        super().__init__(f"{status.value} {status.phrase}")
        self.status = status
        self.fields = fields or {}


def respond(root: Path, fields: Iterable[tuple[bytes, bytes]]) -> Reply:
    """Return the response to a request with these fields; `root` has no symbolic links."""
    request = dict(fields)
    try:
        if request[b":method"] not in {b"GET", b"HEAD"}:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {"allow": "GET, HEAD"})
        reply = _find(root, request)
    except Refused as refused:
        reply = _text(refused.status, f"{refused}\n", "text/plain", refused.fields)
    except OSError as error:
        status = _STATUSES.get(error.errno or 0, HTTPStatus.NOT_FOUND)
        reply = _text(status, f"{status.value} {status.phrase}\n", "text/plain", {})
    if request[b":method"] == b"HEAD":
        reply.left = 0
    return reply


_STATUSES: Final = {
    errno.EACCES: HTTPStatus.FORBIDDEN,
    errno.EPERM: HTTPStatus.FORBIDDEN,
    errno.EMFILE: HTTPStatus.SERVICE_UNAVAILABLE,
    errno.ENFILE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def _find(root: Path, request: dict[bytes, bytes]) -> Reply:
    target, mark, query = request.get(b":path", b"").partition(b"?")
    wanted = _below(root, target)
    path = _inside(root, wanted)
    if path.is_dir():
        if not target.endswith(b"/"):  # otherwise relative links on the page would be wrong
            place = "/" + wanted.relative_to(root).as_posix() + "/"
            location = quote(os.fsencode(place)) + quote(mark + query, _IN_QUERY)
            raise Refused(HTTPStatus.PERMANENT_REDIRECT, {"location": location})
        index = path / "index.html"
        if not index.exists():
            return _text(HTTPStatus.OK, _listing(root, wanted), "text/html; charset=utf-8", {})
        path = _inside(root, index)
    elif target.endswith(b"/"):
        raise Refused(HTTPStatus.NOT_FOUND)
    if not path.is_file():  # opening a pipe would block until it has a writer
        raise Refused(HTTPStatus.NOT_FOUND)
    choice = siblings.choose(
        path,
        request.get(b"accept-encoding", b""),
        lambda sibling: sibling.resolve().is_relative_to(root),
    )
    file = choice.path.open("rb")
    try:
        return _file(file, path.name, request, choice)
    except BaseException:
        file.close()
        raise


def _below(root: Path, target: bytes) -> Path:
    """Return the path for a target, made of plain names below the root."""
    path = root
    for segment in target.split(b"/"):
        try:
            name = os.fsdecode(unquote_to_bytes(segment))
        except UnicodeDecodeError:  # on Windows, where names are text
            raise Refused(HTTPStatus.BAD_REQUEST) from None
        if name in {"", "."}:
            continue
        if "\0" in name:
            raise Refused(HTTPStatus.BAD_REQUEST)
        # Also an escaped slash and, on systems that have them, backslashes and drives.
        if name == ".." or PurePath(name).name != name:
            raise Refused(HTTPStatus.FORBIDDEN)
        path /= name
    return path


def _inside(root: Path, path: Path) -> Path:
    """Follow symbolic links, but not out of the root."""
    try:
        found = path.resolve(strict=True)
    except RuntimeError:  # circular links, before Python 3.13
        raise Refused(HTTPStatus.NOT_FOUND) from None
    if not found.is_relative_to(root):
        raise Refused(HTTPStatus.FORBIDDEN)
    return found


def _text(status: HTTPStatus, text: str, kind: str, fields: dict[str, str]) -> Reply:
    content = text.encode("utf-8")
    fields = {**fields, "content-type": kind, "content-length": str(len(content))}
    return Reply(status, fields, BytesIO(content), len(content))


def _file(file: BinaryIO, name: str, request: dict[bytes, bytes], choice: siblings.Choice) -> Reply:
    """Return the response with a file, or part of it, or that the client already has it.

    :param name: of the requested file; it determines the type of the content
    """
    about = os.fstat(file.fileno())
    size = about.st_size
    coded = f"-{choice.coding}" if choice.coding else ""
    tag = f'"{about.st_mtime_ns:x}-{size:x}{coded}"'
    # "An origin server with a clock [...] MUST NOT generate a Last-Modified date that is later than
    # the server's time of message origination" (RFC 9110 section 8.8.2.1).
    modified = min(max(0.0, about.st_mtime), time.time())
    fields = {
        "etag": tag,
        "last-modified": formatdate(modified, usegmt=True),
        "accept-ranges": "bytes",
    }
    if choice.varies:
        fields["vary"] = "accept-encoding"
    if _is_known(request, tag.encode(), int(modified)):
        return Reply(HTTPStatus.NOT_MODIFIED, fields, file, 0)
    kind, encoding = mimetypes.guess_type(name)
    fields["content-type"] = kind if kind and not encoding else "application/octet-stream"
    if choice.coding:
        fields["content-encoding"] = choice.coding
    part = _part(request, tag.encode(), size)
    if part is None:
        fields["content-length"] = str(size)
        return Reply(HTTPStatus.OK, fields, file, size)
    start, stop = part
    if start >= stop:
        raise Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"content-range": f"bytes */{size}"}
        )
    file.seek(start)
    fields["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    fields["content-length"] = str(stop - start)
    return Reply(HTTPStatus.PARTIAL_CONTENT, fields, file, stop - start)


def _is_known(request: dict[bytes, bytes], tag: bytes, modified: int) -> bool:
    """Whether the client has the current version of the file (RFC 9110 section 13.1)."""
    tags = request.get(b"if-none-match")
    if tags is not None:
        return bool({tag, b"*"} & {part.strip().removeprefix(b"W/") for part in tags.split(b",")})
    try:
        since = parsedate_to_datetime(request[b"if-modified-since"].decode("ascii"))
        return modified <= since.timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):  # missing or invalid
        return False


def _part(request: dict[bytes, bytes], tag: bytes, size: int) -> tuple[int, int] | None:
    """Return where the wanted part starts and stops; None for all (RFC 9110 section 14.2).

    A part outside the file is returned as one that stops before it starts.
    """
    match = _RANGE.fullmatch(request.get(b"range", b""))
    if match is None or request[b":method"] != b"GET" or not any(match.groups()):
        return None
    if request.get(b"if-range", tag) != tag:
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _listing(root: Path, folder: Path) -> str:
    """Return a page with links to the contents of a folder."""
    items = ['<li><a href="../">../</a></li>'] * (folder != root)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = entry.name + "/" * _is_folder(entry)
        shown = html.escape(printable(os.fsencode(name)))
        items.append(f'<li><a href="{quote(os.fsencode(name))}">{shown}</a></li>')
    place = "/" if folder == root else f"/{folder.relative_to(root).as_posix()}/"
    title = html.escape(printable(os.fsencode(place)))
    return _LISTING.format(title=title, items="\n".join(items))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # circular links
        return False
