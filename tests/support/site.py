"""A folder of files for servers to serve, whose content the tests know exactly."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MEGABYTES_20 = 20_000_000
RESOURCES = 20

# Once everything is loaded, the page shows the protocol over which each part of it arrived.
PAGE = """<!doctype html>
<meta charset=utf-8>
<title>a page with resources</title>
<body>
{images}
<script>
addEventListener("load", () => {{
  const parts = performance.getEntriesByType("navigation").concat(
    performance.getEntriesByType("resource"));
  const loaded = [...document.images].filter((image) => image.naturalWidth === 4).length;
  const protocols = parts.map((part) => part.nextHopProtocol);
  document.body.textContent = "REPORT " + JSON.stringify({{loaded, protocols}}) + " END";
}});
</script>
"""
IMAGE = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><!-- {number} --></svg>\n'


def page(prefix: str = "") -> str:
    """The page whose images are at `<prefix>0.svg`, `<prefix>1.svg` and so on."""
    names = [f"{prefix}{number}.svg" for number in range(RESOURCES)]
    return PAGE.format(images="\n".join(f'<img src="{name}">' for name in names))


def image(number: int) -> str:
    """One of the images of the page."""
    return IMAGE.format(number=number)


@dataclass(frozen=True)
class Site:
    """A folder with `hello.txt`, `big.bin` of 20 MB, and `page.html` with its images."""

    folder: Path

    @cached_property
    def hello(self) -> bytes:
        return (self.folder / "hello.txt").read_bytes()

    @cached_property
    def big(self) -> bytes:
        return self.big_file.read_bytes()

    @property
    def big_file(self) -> Path:
        return self.folder / "big.bin"


def make_site(folder: Path) -> Site:
    """Fill this folder and make it readable by servers of any user."""
    folder.chmod(0o755)
    (folder / "hello.txt").write_text("Hello from this folder.\n")
    (folder / "big.bin").write_bytes(random.Random(20).randbytes(MEGABYTES_20))
    (folder / "page.html").write_text(page())
    for number in range(RESOURCES):
        (folder / f"{number}.svg").write_text(image(number))
    return Site(folder)


def digest(content: bytes) -> str:
    """The SHA-256 of this content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
