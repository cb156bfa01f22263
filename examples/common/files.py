"""Which file a request asks for, and the response to it: what all file servers here share.

A server that hands out files must never hand out one from outside its folder, whatever a path looks
like: `..`, its escaped forms, absolute paths, and symbolic links that lead out are refused.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

REASONS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


class RefusedError(Exception):
    """A request that gets no file; the status code says why."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status = status


@dataclass
class Response:
    """The header section of a response and, where content follows, an open file or a text."""

    headers: list[tuple[str, str]]
    file: BinaryIO | None = None
    text: bytes = b""

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file is not None:
            self.file.close()


def respond(root: Path, fields: Iterable[tuple[bytes, bytes]]) -> Response:
    """Return the response to a request with these header fields, from the files below `root`."""
    request = dict(fields)
    method = request.get(b":method", b"")
    try:
        if method not in {b"GET", b"HEAD"}:
            raise RefusedError(405)
        path = locate(root, request.get(b":path", b""))
        file = path.open("rb")
    except RefusedError as refused:
        return refusal(refused.status, method)
    except OSError as error:  # it may not be read, or has gone since it was found
        return refusal(403 if isinstance(error, PermissionError) else 404, method)
    headers = [
        (":status", "200"),
        ("content-type", mimetypes.guess_type(path.name)[0] or "application/octet-stream"),
        ("content-length", str(os.fstat(file.fileno()).st_size)),
    ]
    if method == b"HEAD":
        file.close()
        return Response(headers)
    return Response(headers, file)


def refusal(status: int, method: bytes = b"GET") -> Response:
    """Return the response that tells a client why it gets no file."""
    text = f"{status} {REASONS[status]}\n".encode()
    headers = [
        (":status", str(status)),
        ("content-type", "text/plain"),
        ("content-length", str(len(text))),
    ]
    if status == 405:
        headers.append(("allow", "GET, HEAD"))
    return Response(headers, text=b"" if method == b"HEAD" else text)


def locate(root: Path, target: bytes) -> Path:
    """Return the file below `root` that this `:path` asks for; a folder stands for its index.html.

    Raises `RefusedError` where there is none that may be served.
    """
    root = root.resolve()
    path = root
    for segment in target.partition(b"?")[0].split(b"/"):
        name = os.fsdecode(unquote_to_bytes(segment))
        if "\0" in name:
            raise RefusedError(400)
        if name in {"", "."}:
            continue
        # Also refuses an escaped slash, and on Windows drives and backslashes.
        if name == ".." or PurePath(name).name != name:
            raise RefusedError(403)
        path /= name
    try:
        if path.is_dir():
            path /= "index.html"
        found = path.resolve(strict=True)  # follows symbolic links
    except (OSError, RuntimeError):
        raise RefusedError(404) from None
    if not found.is_relative_to(root):
        raise RefusedError(403)
    if not found.is_file():  # opening a pipe would wait for somebody to write into it
        raise RefusedError(404)
    return found
