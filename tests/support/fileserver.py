"""Tests for every example that serves files, in addition to those that all servers share.

`FILE_CASES` take a server whose root is `root` inside a folder made by `make_cellar()`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support import wire
from support.cases import Offer
from support.clients import Request, curl, exchange
from support.example import Served
from support.misbehaving import MEGABYTE
from support.raw import RawClient, content, ends, request
from support.site import digest
from support.wire import DEFAULT_WINDOW, Code, Setting, Type

#: What a server offers that serves the files of the site.
FILE_OFFER = Offer(
    small="/hello.txt",
    small_is_hello=True,
    big="/big.bin",
    page="/page.html",
    missing="/none",
    refused=("DELETE", "/hello.txt"),
)

SECRET = b"not for the world\n"

#: Paths, and the status codes that are allowed for each.
ESCAPES = {
    "/../secret.txt": {403},
    "/folder/../../secret.txt": {403},
    "/folder/../inside.txt": {403},  # no benign client asks like this
    "/%2e%2e/secret.txt": {403},
    "/..%2fsecret.txt": {403},
    "/%2e%2e%2fsecret.txt": {403},
    "/folder%2f..%2f..%2fsecret.txt": {403},
    "/..%5csecret.txt": {403, 404},  # a backslash: two names on Windows, one elsewhere
    "//{secret}": {403, 404},  # as an absolute path
    "/{secret}": {403, 404},
    "/%2f{secret}": {403, 404},
    "/file://{secret}": {403, 404},
    "/link.txt": {403},
    "/link/secret.txt": {403},
    "/relative-link.txt": {403},
    "/circle": {404},
    "/pipe": {404},
    "/folder": {404},  # it has no index.html
    "/inside.txt%00.png": {400},
    "/inside.txt/": {200, 404},
    "/none.txt": {404},
    "/" + "x" * 3000: {404},
}
ALLOWED = ["/inside.txt", "/folder/deep.txt", "/link-within.txt", "/a%20b.txt", "/inside.txt?../x"]


@dataclass(frozen=True)
class Cellar:
    """A folder with a root to serve, and a secret outside the root."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def secret(self) -> Path:
        return self.folder / "secret.txt"


def make_cellar(folder: Path) -> Cellar:
    """Fill this folder."""
    cellar = Cellar(folder)
    root = cellar.root
    (root / "folder").mkdir(parents=True)
    cellar.secret.write_bytes(SECRET)
    for name in ("inside.txt", "folder/deep.txt", "a b.txt", "index.html"):
        (root / name).write_text(f"this is {name}\n")
    (root / "empty.txt").touch()
    (root / "link.txt").symlink_to(cellar.secret)
    (root / "link").symlink_to(folder, target_is_directory=True)
    (root / "relative-link.txt").symlink_to("../secret.txt")
    (root / "link-within.txt").symlink_to("folder/deep.txt")
    (root / "circle").symlink_to("circle")
    os.mkfifo(root / "pipe")
    return cellar


def nothing_outside(served: Served, cellar: Cellar) -> None:
    paths = [path.format(secret=cellar.secret) for path in ESCAPES]
    results = exchange("curl", served.target, [Request(path) for path in paths])
    for path, result, statuses in zip(paths, results, ESCAPES.values(), strict=True):
        assert result.status in statuses, path
        assert result.digest != digest(SECRET), path


def all_inside(served: Served, cellar: Cellar) -> None:
    results = exchange("curl", served.target, [Request(path) for path in ALLOWED])
    assert {result.status for result in results} == {200}
    deep = (cellar.root / "folder" / "deep.txt").read_bytes()
    assert results[1].digest == results[2].digest == digest(deep)
    index, empty = exchange("curl", served.target, [Request("/"), Request("/empty.txt")])
    assert (index.status, index.digest) == (200, digest(b"this is index.html\n"))
    assert (empty.status, empty.length) == (200, 0)


def head_names_the_length(served: Served, cellar: Cellar) -> None:
    done = curl(served.target, "--head", served.target.url + "/inside.txt")
    assert done.returncode == 0, done
    assert "content-length: 19\n" in done.stdout.replace("\r", "").lower()
    assert "content-type: text/plain\n" in done.stdout.replace("\r", "").lower()


def uploads_are_refused(served: Served, cellar: Cellar) -> None:
    """The content of such a request is discarded as it arrives."""
    upload = cellar.folder / "upload"
    upload.write_bytes(bytes(5 * MEGABYTE))
    form = "%{http_code} %{http_version} %{size_upload}"
    options = ["--output", os.devnull, "--write-out", form, "--data-binary", f"@{upload}"]
    done = curl(served.target, *options, served.target.url + "/inside.txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("405 2 ")


def shrinking_file(served: Served, cellar: Cellar) -> None:
    """If a file shrinks while it is sent, only its own stream ends with an error."""
    file = cellar.root / "shrinking.bin"
    file.write_bytes(bytes(MEGABYTE))
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 1000)) as client:
        client.send(request(1, "/shrinking.bin"))
        client.until(lambda frame: frame.type == Type.DATA)
        os.truncate(file, 500)
        client.send(wire.window_update(1, 100_000))
        (*_, last) = client.until(ends(1))
        assert (last.type, last.error_code) == (Type.RST_STREAM, Code.INTERNAL_ERROR)
        client.send(request(3, "/inside.txt"))
        assert content(client.until(ends(3)), 3) == b"this is inside.txt\n"


def responses_take_turns(served: Served, cellar: Cellar) -> None:
    (cellar.root / "large.bin").write_bytes(bytes(MEGABYTE))
    # The window of the connection has room for four pieces.
    with RawClient(served.target) as client:
        client.send(request(1, "/large.bin"), request(3, "/large.bin"))
        frames = client.pong()
        while len(content(frames, 1) + content(frames, 3)) < DEFAULT_WINDOW:
            frames += client.pong()
        assert content(frames, 1)
        assert content(frames, 3)


FILE_CASES: dict[str, Callable[[Served, Cellar], None]] = {
    "nothing outside the root": nothing_outside,
    "all inside the root": all_inside,
    "HEAD names the length": head_names_the_length,
    "uploads are refused": uploads_are_refused,
    "a file that shrinks": shrinking_file,
    "responses take turns": responses_take_turns,
}
