"""Finds the file for a request, and builds the response: shared by all file servers here.

A file server must never serve a file outside its folder, whatever a path looks like: `..`, its
escaped forms, absolute paths, and symbolic links that lead out are refused.
"""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import unquote_to_bytes

REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


class RefusedError(Exception):
    """A request that gets no file; the status code says why."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status = status


class SizedFile(io.BufferedReader):
    """A file with a fixed size: that of the time when it was opened, even if it changes.

    The response announces that number, and content of another length would make it malformed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.left = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        """Return this many octets, or the rest; raises `OSError` if the file has become shorter."""
        wanted = self.left if size is None or size < 0 else min(size, self.left)
        piece = super().read(wanted)
        self.left -= len(piece)
        if len(piece) < wanted:
            raise OSError("the file has become shorter")
        return piece


@dataclass
class Response:
    """The header section of a response and, if content follows, an open file or a text.

    The content of an echo is that of its request, and not included here.
    """

    headers: list[tuple[str, str]]
    file: SizedFile | None = None
    text: bytes = b""
    echo: bool = False

    @property
    def left(self) -> int:
        """How many octets of content have not been read yet."""
        return len(self.text) if self.file is None else self.file.left

    def read(self, size: int) -> bytes:
        """Return the next octets of the content, file or text; raises `OSError` if it cannot."""
        if self.file is not None:
            return self.file.read(size)
        piece, self.text = self.text[:size], self.text[size:]
        return piece

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
        file = SizedFile(path)
    except RefusedError as refused:
        return refusal(refused.status, method)
    except PermissionError:
        return refusal(403, method)
    except FileNotFoundError:  # it was deleted since it was found
        return refusal(404, method)
    except OSError:  # too many files are open, or the disk is broken
        return refusal(503, method)
    headers = [
        (":status", "200"),
        ("content-type", content_type(path)),
        ("content-length", str(file.left)),
    ]
    if method == b"HEAD":
        file.close()
        return Response(headers)
    return Response(headers, file)


def content_type(path: Path) -> str:
    """Return the media type for the suffix of a file's name."""
    # Only the suffix: the function is made for URLs, and a name may look like one ("data:").
    guess, encoding = mimetypes.guess_type(f"file{path.suffix}")
    return guess if guess and not encoding else "application/octet-stream"


def refusal(status: int, method: bytes = b"GET") -> Response:
    """Return the response for a refused request."""
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
    """Return the file below `root` for this `:path`; for a folder, its index.html.

    Raises `RefusedError` if there is none that may be served.
    """
    root = root.resolve()
    path = root
    for segment in target.partition(b"?")[0].split(b"/"):
        try:
            name = os.fsdecode(unquote_to_bytes(segment))
        except UnicodeDecodeError:  # on Windows, where names are text
            raise RefusedError(400) from None
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
        if not found.is_relative_to(root):
            raise RefusedError(403)
        if not found.is_file():  # opening a pipe would block until it has a writer
            raise RefusedError(404)
    except PermissionError:
        raise RefusedError(403) from None
    except (OSError, RuntimeError):  # no such file, too long a name, circular links
        raise RefusedError(404) from None
    return found
