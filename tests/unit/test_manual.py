"""The manual has all its chapters, and the Sphinx extension finds names without documentation."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from support.processes import ROOT, run

pytest.importorskip("sphinx", reason="Sphinx is in the dependency group 'docs'")
from tools import manual
from tools.drawing import Drawing

# Search terms of readers, and the page that answers each.
CHAPTERS = {
    "installation": "installation",
    "your first HTTP/2 server": "tutorial",
    "negotiating HTTP/2": "negotiating",
    "examples": "examples",
    "command line": "command-line",
    "tested peers": "interop",
    "flow control": "flow-control",
    "sending": "sending",
    "receiving": "receiving",
    "header rules": "headers",
    "related events": "related-events",
    "priorities": "priorities",
    "push": "push",
    "errors": "errors",
    "graceful shutdown": "shutdown",
    "timeouts and keepalive": "timeouts",
    "threads and free-threaded Python": "threads",
    "buffers and when to send": "buffers",
    "logging and debugging": "debugging",
    "how fast it is": "speed",
    "performance and how to measure it": "performance",
    "architecture": "architecture",
    "states": "states",
    "API reference": "api/index",
    "rules that are checked": "conformance",
    "differences from h2 4.4.1": "differences",
    "migrating from h2 and from jh2": "migrating",
    "release process": "contributing",
    "changelog": "changelog",
}


@pytest.fixture
def entries() -> list[str]:
    """The pages in the table of contents."""
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```{toctree}(.+?)```", text, re.DOTALL)
    lines = [line for tree in trees for line in tree.split("\n") if line and line[0] != ":"]
    return [re.sub(r".* <(.+)>", r"\1", line) for line in lines]


@pytest.mark.parametrize("page", CHAPTERS.values(), ids=CHAPTERS)
def test_chapter_is_in_the_table_of_contents(entries: list[str], page: str) -> None:
    assert page in entries


def test_every_page_in_the_table_of_contents_exists(entries: list[str]) -> None:
    missing = {page for page in entries if not (ROOT / "docs" / f"{page}.md").exists()}
    assert not missing


def test_the_landing_page_names_each_chapter_once(entries: list[str]) -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[.+\]\((.+)\.md\): .+\?$", text, re.MULTILINE) == entries


# --- public names ---


def test_public_names_are_what_modules_export_and_their_members() -> None:
    names = set(manual.public_names())
    assert {
        "h2.connection.H2Connection",
        "h2.connection.H2Connection.send_data",
        "h2.connection.H2Connection.MAX_CLOSED_STREAMS",
        "h2.connection.H2Connection.open_inbound_streams",  # from a class inside the package
        "h2.events.DataReceived.data",  # has an annotation only
        "h2.exceptions.H2Error.rule",
        "h2.stream.StreamState",
        "h2.utilities.validate_headers",
        "h2.windows.LARGEST_FLOW_CONTROL_WINDOW",
    } <= names
    absent = {
        "h2.connection.H2Connection._core",
        "h2.config.H2Configuration.client_side",  # a parameter that the docstring explains
        "h2.exceptions.FlowControlError.rule",  # documented in the module that defines it
        "h2.settings.Settings.keys",  # from the standard library
        "h2.settings.Settings.announced",  # for the connection, as its docstring says
    }
    assert not names & absent
    assert not [name for name in names if "._" in name]


def test_code_means_what_it_names() -> None:
    meant = manual.link_names(set(manual.public_names()))
    connection = "h2.connection.H2Connection"
    assert meant["send_data"] == meant["H2Connection.send_data"] == f"{connection}.send_data"
    assert meant["conn.ping"] == f"{connection}.ping"
    assert meant["CANCEL"] == "h2.errors.ErrorCodes.CANCEL"
    assert meant["exc.events"] == "h2.exceptions.H2Error.events"
    assert meant["normalize_outbound_headers"] == "h2.config.H2Configuration"
    assert not {"ping", "streams", "data", "logger"} & meant.keys()


# --- a small manual ---

PAGE = """\
# Page

`H2Error`, `exc.rule`, `send_data()`, `-v`, `--a-long-option`.

| name | class |
| --- | --- |
| `ENABLE_PUSH` | `NoSuchStreamError` |

![A drawing](drawing.svg)

```{literalinclude} program.py
```

```{literalinclude} output.txt
```

```{literalinclude} table.txt
```

```{eval-rst}
.. autoexception:: h2.exceptions.H2Error
   :members:
.. autoexception:: h2.exceptions.FlowControlError
   :members:
.. autoclass:: h2.events.PingReceived
.. autoclass:: h2.events.StreamReset
```
"""


def test_a_small_manual(tmp_path: Path) -> None:
    extensions = ["myst_parser", "sphinx.ext.autodoc", "tools.manual"]
    (tmp_path / "conf.py").write_text(f"extensions = {extensions}\nhighlight_language = 'text'\n")
    (tmp_path / "index.md").write_text(PAGE)
    (tmp_path / "program.py").write_text("import h2\n")
    (tmp_path / "output.txt").write_text("import h2\n")
    (tmp_path / "table.txt").write_text("seconds   stream   frame\n      1        0   SETTINGS\n")
    drawing = Drawing("What it shows", 10, 10).svg()
    (tmp_path / "drawing.svg").write_text(drawing)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    done = run([*command, "-b", "html", str(tmp_path), str(out)])
    assert done.returncode == 1
    reported = re.findall(r"WARNING: (\S+) is not in the API reference", done.stderr)
    given = {
        "h2.exceptions.H2Error",
        "h2.exceptions.H2Error.events",
        "h2.exceptions.H2Error.rule",
        "h2.exceptions.FlowControlError",
        "h2.exceptions.FlowControlError.error_code",
        "h2.events.PingReceived",
        "h2.events.PingReceived.ping_data",
        "h2.events.StreamReset",
        "h2.events.StreamReset.stream_id",
        "h2.events.StreamReset.error_code",
        "h2.events.StreamReset.remote_reset",
    }
    assert reported == sorted(set(manual.public_names()) - given)

    html = (out / "index.html").read_text(encoding="utf-8")
    # Names that the page documents become links, and the others stay code.
    assert re.search(r'<a [^>]*href="#h2.exceptions.H2Error.rule"[^>]*><code[^>]*>.*?rule', html)
    assert not re.search(r"<a [^>]*><code[^>]*>(?:<[^>]*>)*send_data", html)
    assert re.search(r"section 7\): (?:<[^>]*>)*FLOW_CONTROL_ERROR", html)
    assert not re.search(r"PingReceived</span>.{0,40}\(", html)

    # The fields of events are attributes with their types; their text in the docstring becomes
    # a sentence.
    text = re.sub("<[^>]*>", "", html)
    assert "ping_data: bytes¶\nThe opaque data of the frame, 8 bytes." in text
    assert "error_code: h2.errors.ErrorCodes | int¶\nWhy: an integer" in text

    # Tables fit on a phone, drawings are inline, and files are highlighted.
    plain = re.sub("</?span[^>]*>", "", html)
    assert "ENABLE_<wbr>PUSH" in plain
    assert "NoSuch<wbr>Stream<wbr>Error" in plain
    assert re.findall(r'<code class="short [^>]*>-v<', plain) == re.findall(
        r"<code [^>]*>-v<", plain
    )
    assert not re.search(r'<code class="short [^>]*>--a-long', plain)
    assert drawing in html
    assert "<img" not in html
    assert re.findall(r'<div class="(highlight-\w+)', html) == [
        "highlight-python",
        "highlight-text",
    ]
