"""The files below a folder as responses, without any connection."""

from __future__ import annotations

import errno
import os
import re
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2._cli.site import Reply, respond

CONTENT = b"0123456789"
SECRET = b"not for you"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all kinds of files that cannot or must not be served."""
    above = tmp_path_factory.mktemp("above").resolve()
    (above / "secret").write_bytes(SECRET)
    (above / "root-and-more").mkdir()
    (above / "root-and-more" / "file").write_bytes(SECRET)
    root = above / "root"
    (root / "with index").mkdir(parents=True)
    (root / "with index" / "index.html").write_text("<h1>Index</h1>")
    (root / "listed" / "<b>").mkdir(parents=True)
    (root / "listed" / "javascript:alert(1)").touch()
    (root / "listed" / os.fsdecode(b"\xff\x1b&")).touch()
    (root / "bad index" / "index.html").mkdir(parents=True)
    (root / "out index").mkdir()
    (root / "out index" / "index.html").symlink_to(above / "secret")
    (root / "file.txt").write_bytes(CONTENT)
    (root / "page.html").write_bytes(CONTENT)
    (root / "archive.tar.gz").write_bytes(CONTENT)
    (root / "unknown").write_bytes(CONTENT)
    (root / "empty").touch()
    (root / "out").symlink_to(above / "secret")
    (root / "out-folder").symlink_to(above)
    (root / "inside").symlink_to(root / "file.txt")
    (root / "circle").symlink_to(root / "circle")
    (root / "nowhere").symlink_to(root / "missing")
    os.mkfifo(root / "pipe")
    return root


def ask(root: Path, path: str | bytes, method: str = "GET", **fields: str) -> Reply:
    target = path if isinstance(path, bytes) else path.encode()
    request = [(b":method", method.encode()), (b":path", target)]
    for name, value in fields.items():
        request.append((name.replace("_", "-").encode(), value.encode()))
    return respond(root, request)


def content(reply: Reply) -> bytes:
    found = b""
    while piece := reply.read(4):
        found += piece
    reply.close()
    return found


def status(root: Path, path: str | bytes, method: str = "GET", **fields: str) -> int:
    reply = ask(root, path, method, **fields)
    assert SECRET not in content(reply)
    return int(reply.status)


def test_a_file(root: Path) -> None:
    reply = ask(root, "/file.txt?query")
    assert (reply.status, content(reply)) == (200, CONTENT)
    assert reply.fields["content-type"] == "text/plain"
    assert reply.fields["content-length"] == "10"
    modified = (root / "file.txt").stat().st_mtime
    assert reply.fields["last-modified"] == formatdate(modified, usegmt=True)
    assert abs(parsedate_to_datetime(reply.fields["date"]).timestamp() - time.time()) < 100
    assert reply.fields["server"].startswith("python-h2/")


@pytest.mark.parametrize("seconds", [-(10**10), 4 * 10**9, 10**12])
def test_a_date_that_cannot_be_said(root: Path, seconds: int) -> None:
    os.utime(root / "file.txt", (seconds, seconds))
    reply = ask(root, "/file.txt")
    assert (reply.status, content(reply)) == (200, CONTENT)
    said = parsedate_to_datetime(reply.fields["last-modified"]).timestamp()
    assert 0 <= said <= time.time()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/page.html", "text/html"),
        ("/archive.tar.gz", "application/octet-stream"),
        ("/unknown", "application/octet-stream"),
        ("/with%20index/", "text/html"),
        ("/inside", "text/plain"),
    ],
)
def test_content_types(root: Path, path: str, kind: str) -> None:
    reply = ask(root, path)
    reply.close()
    assert (reply.status, reply.fields["content-type"]) == (200, kind)


def test_head_has_all_fields_and_no_content(root: Path) -> None:
    for path, length in (("/file.txt", "10"), ("/missing", "14")):
        reply = ask(root, path, "HEAD")
        assert (content(reply), reply.fields["content-length"]) == (b"", length)


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "CONNECT"])
def test_other_methods(root: Path, method: str) -> None:
    reply = ask(root, "/file.txt", method)
    assert (reply.status, reply.fields["allow"]) == (405, "GET, HEAD")
    assert content(reply) == b"405 Method Not Allowed\n"
    assert int(respond(root, [(b":method", b"CONNECT")]).status) == 405


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/../secret", 403),
        ("/..", 403),
        ("/%2e%2e/secret", 403),
        ("/listed/../file.txt", 403),
        ("/%2E./secret", 403),
        ("/listed/../../secret", 403),
        ("/..%2fsecret", 403),
        ("/%2fetc%2fpasswd", 403),
        ("//etc/passwd", 404),
        ("/../root-and-more/file", 403),
        ("/out", 403),
        ("/out-folder/secret", 403),
        ("/out-folder/", 403),
        ("/out-folder", 403),
        ("/out%20index/", 403),
        ("/bad%20index/", 404),
        ("/circle", 404),
        ("/nowhere", 404),
        ("/missing", 404),
        ("/missing/", 404),
        ("/file.txt/", 404),
        ("/file.txt/more", 404),
        ("/pipe", 404),
        ("/%00", 400),
        ("/" + "a" * 5000, 404),
        (b"/\xff", 404),
        ("*", 404),
    ],
)
def test_what_is_refused(root: Path, path: str | bytes, expected: int) -> None:
    assert status(root, path) == expected


def test_names_that_are_no_text_where_names_must_be(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode())  # as on Windows
    assert status(root, "/%ff") == 400


@given(st.lists(st.sampled_from(
    ["..", ".", "", "%2e%2e", "%2f", "%5c", "\\", "out", "out-folder", "secret", "listed", "root",
     "root-and-more", "file", "%00", "inside", "with%20index"]), max_size=6))  # fmt: skip
def test_nothing_leads_out(root: Path, segments: list[str]) -> None:
    assert status(root, "/" + "/".join(segments)) in {200, 308, 400, 403, 404}


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/listed", "/listed/"),
        ("/with%20index?a=b&c=%20", "/with%20index/?a=b&c=%20"),
        ("//listed", "/listed/"),
        ("/./listed", "/listed/"),
    ],
)
def test_a_folder_is_at_its_path_with_a_slash(root: Path, path: str, location: str) -> None:
    reply = ask(root, path)
    assert (reply.status, reply.fields["location"]) == (308, location)


def test_listings(root: Path) -> None:
    reply = ask(root, "/listed/")
    text = content(reply).decode()
    assert reply.fields["content-type"] == "text/html; charset=utf-8"
    assert "<title>/listed/</title>" in text
    assert re.findall(r'<li><a href="(.*)">(.*)</a></li>', text) == [
        ("../", "../"),
        ("%3Cb%3E/", "&lt;b&gt;/"),
        ("javascript%3Aalert%281%29", "javascript:alert(1)"),
        ("%FF%1B%26", r"\xff\x1b&amp;"),
    ]
    assert status(root, "/listed/%FF%1B%26") == 200
    top = content(ask(root, "/")).decode()
    assert "<title>/</title>" in top
    assert "../" not in top


def test_what_the_client_has_already(root: Path) -> None:
    reply = ask(root, "/file.txt")
    reply.close()
    fields = reply.fields
    tag, modified = fields["etag"], fields["last-modified"]
    for condition in (tag, f'"other", W/{tag}', "*"):
        reply = ask(root, "/file.txt", if_none_match=condition)
        assert (reply.status, content(reply), reply.fields["etag"]) == (304, b"", tag)
        assert "content-length" not in reply.fields
    assert status(root, "/file.txt", if_modified_since=modified) == 304
    earlier = formatdate(parsedate_to_datetime(modified).timestamp() - 1, usegmt=True)
    for condition in (earlier, "nonsense", "ä", "Mon, 32 Foo 99999 25:61:61 GMT"):
        assert status(root, "/file.txt", if_modified_since=condition) == 200
    # Entity tags take precedence over dates.
    both = {"if_none_match": '"other"', "if_modified_since": modified}
    assert status(root, "/file.txt", **both) == 200


@pytest.mark.parametrize(
    ("part", "expected", "range_"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=3-3", b"3", "bytes 3-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=-20", CONTENT, "bytes 0-9/10"),
        ("bytes=5-1000", b"56789", "bytes 5-9/10"),
    ],
)
def test_parts(root: Path, part: str, expected: bytes, range_: str) -> None:
    reply = ask(root, "/file.txt", range=part)
    assert (reply.status, reply.fields["content-range"]) == (206, range_)
    assert content(reply) == expected
    assert reply.fields["content-length"] == str(len(expected))


@pytest.mark.parametrize("part", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_parts_that_are_not_there(root: Path, part: str) -> None:
    reply = ask(root, "/file.txt", range=part)
    assert (reply.status, reply.fields["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize(
    "part", ["bytes=-", "bytes=3-2", "bytes=0-1,3-4", "lines=1-2", "bytes=" + "9" * 30 + "-"]
)
def test_parts_that_are_not_understood_are_not_asked_for(root: Path, part: str) -> None:
    assert content(ask(root, "/file.txt", range=part)) == CONTENT


def test_parts_of_another_state_of_the_file(root: Path) -> None:
    reply = ask(root, "/file.txt")
    reply.close()
    tag = reply.fields["etag"]
    assert status(root, "/file.txt", range="bytes=0-3", if_range=tag) == 206
    assert status(root, "/file.txt", range="bytes=0-3", if_range='"other"') == 200
    assert status(root, "/file.txt", "HEAD", range="bytes=0-3") == 200
    assert status(root, "/empty", range="bytes=0-3") == 416


@pytest.mark.parametrize(
    ("code", "expected"),
    [(errno.EACCES, 403), (errno.EMFILE, 503), (errno.ENOENT, 404), (errno.EIO, 404)],
)
def test_files_that_cannot_be_opened(
    root: Path, code: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_keywords: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "open", fail)
    assert status(root, "/file.txt") == expected


# --- compressed siblings ---


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("packed").resolve()
    (root / "page.html").write_bytes(bytes(100))
    (root / "page.html.br").write_bytes(b"b" * 20)
    (root / "page.html.zst").write_bytes(b"z" * 10)
    (root / "page.html.gz").write_bytes(b"g" * 30)
    (root / "stale").write_bytes(bytes(100))
    (root / "stale.gz").write_bytes(b"old")
    os.utime(root / "stale.gz", (1, 1))
    (root / "folder").write_bytes(bytes(100))
    (root / "folder.gz").mkdir()
    (root / "out").write_bytes(bytes(100))
    os.utime(root / "out", (1, 1))
    (root / "out.gz").symlink_to("/etc/hostname")
    (root / "nowhere").write_bytes(bytes(100))
    (root / "nowhere.gz").symlink_to("missing")
    (root / "grown").write_bytes(b"g")
    (root / "grown.gz").write_bytes(b"g" * 30)
    return root


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, br", "br"),
        ("GZIP , br,zstd", "zstd"),
        ("gzip, br;q=0.5, zstd;q=0.1", "gzip"),
        ("*", "zstd"),
        ("*, zstd;q=0", "br"),
        ("gzip;q=0", None),
        ("gzip;q=nonsense", None),
        ("gzip;q=7, br;q=1", "br"),
        ("gzip;q=0.5, identity", None),
        ("gzip;x=1", "gzip"),
        ("deflate", None),
        ("", None),
    ],
)
def test_the_best_sibling_is_sent(packed: Path, accept: str, coding: str | None) -> None:
    reply = ask(packed, "/page.html", accept_encoding=accept)
    assert reply.fields.get("content-encoding") == coding
    assert reply.fields["content-type"] == "text/html"
    assert reply.fields["vary"] == "accept-encoding"
    first = {"gzip": b"g", "br": b"b", "zstd": b"z", None: b"\0"}[coding]
    data = content(reply)
    assert data[:1] == first
    assert reply.fields["content-length"] == str(len(data))


def fields(root: Path, path: str, **given: str) -> dict[str, str]:
    reply = ask(root, path, **given)
    reply.close()
    return reply.fields


def test_what_is_known_of_siblings(packed: Path) -> None:
    tags = set()
    for accept in ("", "gzip", "br"):
        tag = fields(packed, "/page.html", accept_encoding=accept)["etag"]
        tags.add(tag)
        reply = ask(packed, "/page.html", accept_encoding=accept, if_none_match=tag)
        assert (reply.status, content(reply), reply.fields["vary"]) == (304, b"", "accept-encoding")
    assert len(tags) == 3
    reply = ask(packed, "/page.html", accept_encoding="gzip", range="bytes=0-4")
    assert (reply.status, content(reply)) == (206, b"ggggg")
    assert reply.fields["content-range"] == "bytes 0-4/30"


@pytest.mark.parametrize("name", ["stale", "folder", "out", "nowhere"])
def test_siblings_that_are_none(packed: Path, name: str) -> None:
    reply = ask(packed, f"/{name}", accept_encoding="gzip")
    assert {"vary", "content-encoding"}.isdisjoint(reply.fields)
    assert content(reply) == bytes(100)


def test_a_sibling_is_sent_even_if_it_is_larger_unless_the_client_minds(packed: Path) -> None:
    assert "content-encoding" in fields(packed, "/grown", accept_encoding="gzip")
    both = fields(packed, "/grown", accept_encoding="gzip, identity")
    assert "content-encoding" not in both
    assert both["vary"] == "accept-encoding"
