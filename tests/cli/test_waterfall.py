"""`--waterfall` of the commands, and the page in headless Chromium."""

from __future__ import annotations

import json
import re
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from h2._cli import serve
from h2._cli.arguments import main
from h2.recorder import to_json, waterfall
from support import wire
from support.peers import require_program
from support.processes import python_command, run, run_for_bytes, serving
from tools import waterfall_example


def recording_in(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="recording">(.*)</script>', page)
    assert match
    found = json.loads(match[1])
    assert isinstance(found, dict)
    return found


# --- the commands ---


def test_get_and_serve_write_what_they_did(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "file").write_bytes(bytes(50_000))
    ours, theirs = tmp_path / "get.html", tmp_path / "serve.html"
    command = python_command("-m", "h2", "serve", "0", str(site), "--waterfall", str(theirs))
    with serving(command) as server:
        url = f"http://127.0.0.1:{server.port}/file"
        get = python_command("-m", "h2", "get", "--waterfall", str(ours), url)
        done = run_for_bytes([*get, url])
        assert (done.returncode, done.stderr, len(done.stdout)) == (0, b"", 100_000)
        run_for_bytes([*python_command("-m", "h2", "get"), url])
        run_for_bytes(python_command("-m", "h2", "get", url.replace("http:", "https:")))
        server.process.send_signal(signal.SIGTERM)
        server.finish()
    (mine,) = recording_in(ours.read_text())["connections"]
    first, second = recording_in(theirs.read_text())["connections"]
    assert mine["title"] == f"client of 127.0.0.1:{server.port}"
    assert (first["title"], second["title"]) == ("client #1", "client #2")
    sent = [f["type"] for f in mine["frames"] if f["sent"]]
    assert sent == [f["type"] for f in first["frames"] if not f["sent"]]
    data = [f for f in mine["frames"] if f["type"] == "DATA"]
    assert sum(f["content"] for f in data) == 100_000
    assert "h2 get http" in ours.read_text()


def test_a_server_records_only_so_many_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MAX_RECORDED", 1)
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket() as unused:
        server = serve.Server(unused, tmp_path, None, False)
        server.recording = True
        monkeypatch.setattr(socket, "IPPROTO_TCP", socket.SOL_SOCKET)  # these are Unix sockets
        monkeypatch.setattr(socket, "TCP_NODELAY", socket.SO_KEEPALIVE)
        monkeypatch.setattr(serve, "_LOW_WATER", None)  # as on other systems
        for _ in range(3):
            server._channel(ours)
        server._selector.close()
    assert len(server.recorders) == 1
    assert server.recorders[0].limit == serve.MAX_FRAMES


def test_decode_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page = tmp_path / "bytes", tmp_path / "page.html"
    file.write_bytes(wire.PREFACE + wire.settings() + wire.headers(1, wire.REQUEST))
    assert main(["decode", str(file), "--waterfall", str(page)]) == 0
    (connection,) = recording_in(page.read_text())["connections"]
    assert connection["unit"] == "octets"
    assert [(f["at"], f["type"]) for f in connection["frames"]] == [
        (24, "SETTINGS"),
        (33, "HEADERS"),
    ]
    assert "HEADERS" in capsys.readouterr().out
    file.write_bytes(wire.settings() + wire.ping()[:-1])  # an incomplete frame is left out
    assert main(["decode", str(file), "--waterfall", str(page)]) == 1
    (connection,) = recording_in(page.read_text())["connections"]
    assert [f["type"] for f in connection["frames"]] == ["SETTINGS"]
    file.write_bytes(b"")
    assert main(["decode", str(file), "--waterfall", str(page)]) == 0


def test_decode_draws_what_a_program_has_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = to_json(waterfall_example.record("a", 1_000_000, at_server=False))
    file, page, copy = tmp_path / "a.json", tmp_path / "page.html", tmp_path / "copy.json"
    file.write_text(text)
    assert main(["decode", str(file), "--waterfall", str(page)]) == 0
    assert recording_in(page.read_text()) == json.loads(text)
    assert main(["decode", str(file), "--waterfall", str(copy)]) == 0
    assert copy.read_text() == text
    assert capsys.readouterr() == ("", "")
    file.write_text("{}")
    assert main(["decode", str(file), "--waterfall", str(page)]) == 1
    assert "is not a recording: the format is not" in capsys.readouterr().err
    file.write_text(text)
    assert main(["decode", str(file), "--waterfall", str(tmp_path / "none" / "page.html")]) == 23
    assert main(["decode", str(file), "--waterfall", "a\0b"]) == 23


# --- the page ---

REPORT = """
<pre id="report"></pre>
<script>
addEventListener("load", () => {
  const fill = () => {
    const report = {};
    try { (PROGRAM)(report); } catch (error) { report.error = `${error} ${error.stack}`; }
    document.getElementById("report").textContent = JSON.stringify(report) + " END";
  };
  if (WAIT) setTimeout(fill, 100); else fill();
});
</script>
"""


def ask(page: str, program: str, *arguments: str, wait: bool = True) -> dict[str, Any]:
    """Open a page in Chromium, and let a function of JavaScript fill in a report.

    It is called after the visible part has been drawn, with a stopped clock; or, without `wait`,
    immediately, with the real clock.
    """
    script = REPORT.replace("PROGRAM", program).replace("WAIT", str(wait).lower())
    browser = require_program("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder, "page.html")
        file.write_text(page.replace("</body>", script + "</body>"), encoding="utf-8")
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update",
                   "--disable-dev-shm-usage", *["--virtual-time-budget=5000"] * wait, *arguments,
                   f"--user-data-dir={folder}/profile", "--dump-dom", file.as_uri()]  # fmt: skip
        done = run(command)
    match = re.search(r'<pre id="report">(.*) END</pre>', done.stdout)
    assert match, done.stdout[-2000:] + done.stderr
    report = json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert "error" not in report, report["error"]
    assert isinstance(report, dict)
    return report


@pytest.mark.slow
def test_what_the_page_makes_of_a_recording() -> None:
    report = ask(
        waterfall_example.page(),
        """(report) => {
          const stream = (id) => {
            const one = waterfall.state().study.streams.find((one) => one.id === id);
            return { spans: one.spans, blocked: one.blocked, ended: one.ended,
                     windows: [true, false].map((way) => one.windows[way].octets),
                     lowest: Math.min(...one.windows[true].steps.map((step) => step[1])) };
          };
          report.connections = [0, 1, 2].map((place) => {
            waterfall.choose(place);
            return [1, 3, 5, 7].map(stream);
          });
        }""",
    )
    large, small, server = report["connections"]
    page, film, style, picture = large
    # A request of one frame, then waiting, then the response.
    assert [phase for _, _, phase in page["spans"]] == ["waiting", "response"]
    assert page["spans"][0][1] == pytest.approx(0.100, abs=0.003)
    # Priorities: the style sheet, then the picture, then the film.
    begins = {name: one["spans"][-1][0] for name, one in
              (("style", style), ("picture", picture), ("film", film))}  # fmt: skip
    ends = {name: one["spans"][-1][1] for name, one in (("style", style), ("picture", picture))}
    assert begins["style"] < ends["style"] <= begins["picture"] < ends["picture"]
    assert ends["picture"] <= begins["film"] + 0.001
    assert film["blocked"] == []
    # Small windows: the server is blocked for most of the time.
    slow = server[1]
    blocked = sum(stop - begin for begin, stop, why in slow["blocked"] if why == "stream")
    begin, end, phase = slow["spans"][-1]
    assert phase == "response"
    assert blocked > 0.9 * (end - begin)
    assert slow["lowest"] == 0
    # The client paused reading, and its recording shows that it granted no window.
    (pause,) = small[1]["blocked"]
    assert pause[1] == pytest.approx(waterfall_example.PAUSE[1], abs=0.003)
    assert pause[2] == "stream"
    # Both ends agree about the window at the end.
    assert small[1]["windows"][1] == pytest.approx(slow["windows"][0], abs=20_000)


@pytest.mark.slow
def test_filters_zoom_and_words() -> None:
    report = ask(
        waterfall_example.page(),
        """(report) => {
          const names = () => [...document.querySelectorAll(".row b")].map((b) => b.textContent);
          const field = document.getElementById("streams");
          const filter = (text) => {
            field.value = text;
            field.dispatchEvent(new Event("input"));
            return names();
          };
          report.rows = ["", "3", "3-5", "/film, 1", "nothing"].map(filter);
          filter("");
          const row = waterfall.state().rows[2];
          const press = (key) => row.element.dispatchEvent(new KeyboardEvent("keydown", { key }));
          const tip = document.getElementById("tip");
          press("ArrowRight");
          report.request = tip.innerText;
          press("ArrowRight"); press("ArrowRight");
          report.data = tip.innerText;
          press("Escape");
          report.gone = tip.hidden;
          const box = row.canvas.getBoundingClientRect();
          const frame = row.one.frames.find((frame) => frame.type === "HEADERS" && !frame.sent);
          const x = box.left + 4 + (box.width - 8) * frame.at / waterfall.state().to;
          const point = (type) => row.canvas.dispatchEvent(
            new PointerEvent(type, { clientX: x, clientY: box.top + 16, bubbles: true }));
          point("pointermove");
          report.hover = tip.innerText;
          for (const check of document.querySelectorAll("#kinds input")) {
            if (check.value === "HEADERS") check.click();
          }
          waterfall.drawAll(true);
          point("pointermove");
          report.filtered = tip.hidden || tip.innerText;
          const all = waterfall.state().to;
          document.getElementById("in").click();
          const { from, to } = waterfall.state();
          report.zoomed = [from / all, to / all];
          document.getElementById("fit").click();
          report.fit = waterfall.state().to === all;
          const select = document.getElementById("connection");
          select.value = "2";
          select.dispatchEvent(new Event("change"));
          report.summary = document.getElementById("summary").textContent;
        }""",
    )
    assert report["rows"] == [
        ["connection", "1", "3", "5", "7"],
        ["connection", "3"],
        ["connection", "3", "5"],
        ["connection", "1", "3"],
        ["connection"],
    ]
    assert report["request"].startswith("HEADERS sent ↑")
    assert "/film.mp4" in report["request"]
    assert "u=5" in report["request"]
    assert report["data"].startswith("DATA received ↓")
    assert report["gone"]
    assert report["hover"].startswith("HEADERS received ↓")
    assert re.search(r":status\s+200", report["hover"])
    assert report["filtered"] is True or not report["filtered"].startswith("HEADERS")
    assert report["zoomed"] == [pytest.approx(0.25), pytest.approx(0.75)]
    assert report["fit"]
    assert report["summary"].startswith("3. windows of 20 kB, at the server: 4 streams, ")


@pytest.mark.slow
def test_what_a_peer_says_is_text() -> None:
    fields = [[":method", "GET"], [":path", "/<img src=x onerror=bad()>"], ["x", "</script>"]]
    frame = {"at": 0, "sent": True, "type": "HEADERS", "stream": 1, "length": 9,
             "flags": ["END_STREAM"], "fields": fields}  # fmt: skip
    types = ["PUSH_PROMISE", "RST_STREAM", "GOAWAY", "type 0x42", "CONTINUATION"]
    odd = [{**frame, "stream": n, "type": type_, "fields": None} for n, type_ in enumerate(types)]
    recording = {"format": "h2-recording", "version": 1, "connections": [
        {"title": "<b>", "began": "", "unit": "octets", "dropped": 7, "frames": [frame, *odd]},
        {"title": "", "began": "", "unit": "seconds", "dropped": 0, "frames": []},
    ]}  # fmt: skip
    report = ask(
        waterfall(json.dumps(recording), "<i>"),
        """(report) => {
          report.images = document.images.length;
          report.name = document.querySelectorAll(".row .name span")[1].textContent;
          report.title = document.querySelector("h1").textContent;
          report.dropped = document.getElementById("summary").textContent;
          waterfall.choose(1);
          report.empty = document.getElementById("summary").textContent;
        }""",
    )
    assert report["images"] == 0
    assert report["name"] == "GET /<img src=x onerror=bad()>"
    assert report["title"] == "<i>"
    assert "6 frames, 7 more not recorded" in report["dropped"]
    assert report["empty"].startswith("connection: 0 streams, 0 frames")
    empty = '{"format": "h2-recording", "version": 1, "connections": []}'
    report = ask(waterfall(empty), "(r) => { r.text = document.body.innerText; }")
    assert "There was no connection." in report["text"]


def many(frames: int, streams: int) -> str:
    """A recording of a long connection."""
    found: list[dict[str, Any]] = []
    for n in range(frames):
        stream = 2 * (n % streams) + 1
        kind = {"type": "DATA", "content": 900, "length": 900, "flags": []}
        if n < streams:
            fields = [[":method", "GET"], [":path", f"/{n}"]]
            kind = {"type": "HEADERS", "length": 40, "flags": ["END_STREAM"], "fields": fields}
        elif n % 7 == 0:
            kind = {"type": "WINDOW_UPDATE", "length": 4, "flags": [], "increment": 900}
        sent = kind["type"] != "DATA"
        found.append({"at": n / 1000, "sent": sent, "stream": stream, **kind})
    connection = {"title": "", "began": "", "unit": "seconds", "dropped": 0, "frames": found}
    return json.dumps({"format": "h2-recording", "version": 1, "connections": [connection]})


@pytest.mark.slow
@pytest.mark.parametrize("streams", [3, 300])
def test_ten_thousand_frames_stay_fluid(streams: int) -> None:
    report = ask(
        waterfall(many(10_000, streams)),
        """(report) => {
          const rows = waterfall.state().rows;
          for (const row of rows) row.visible = row.element.getBoundingClientRect().top < 1000;
          const times = [];
          for (let i = 0; i < 20; i++) {
            const begin = performance.now();
            waterfall.zoom(i % 2 ? 2 : 0.5);
            waterfall.drawAll(false);
            times.push(performance.now() - begin);
          }
          report.best = Math.min(...times);
          report.drawn = rows.filter((row) => row.drawn).length;
          report.rows = rows.length;
        }""",
        "--window-size=1280,800",
        wait=False,
    )
    assert report["rows"] == streams + 1
    assert 0 < report["drawn"] <= min(40, streams + 1)
    assert 0 < report["best"] < 33  # milliseconds: 30 frames per second


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1280])  # the smallest width of a window in Chromium
@pytest.mark.parametrize("dark", [True, False])
def test_the_page_fits_and_has_the_colours_of_the_system(width: int, dark: bool) -> None:
    report = ask(
        waterfall_example.page(),
        r"""(report) => {
          report.wide = document.documentElement.scrollWidth > innerWidth;
          const sum = (numbers) => +numbers[0] + +numbers[1] + +numbers[2];
          const lightness = (color) => sum(color.match(/\d+/g));
          const style = getComputedStyle(document.body);
          report.dark = lightness(style.backgroundColor) < lightness(style.color);
          dispatchEvent(new Event("beforeprint"));
          report.print = getComputedStyle(document.body).backgroundColor;
          report.drawn = waterfall.state().rows.every((row) => row.drawn);
          dispatchEvent(new Event("afterprint"));
          report.after = getComputedStyle(document.body).backgroundColor === style.backgroundColor;
        }""",
        f"--window-size={width},800",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    )
    assert not report["wide"]
    assert report["dark"] is dark
    assert report["print"] == "rgb(255, 255, 255)"
    assert report["drawn"]
    assert report["after"]
