"""The page about speed and its plots show each figure in the right place."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from benchmarks.workloads import WORKLOADS
from support.processes import ROOT
from tools import plots, speed_page

OPEN = dict.fromkeys(speed_page.STREAMS_OPEN, 100.0)
READS = dict.fromkeys(speed_page.READS, 1000.0)
GROWTH = {"open_stream": OPEN, "receive": READS}

DATA: speed_page.Data = {
    "python": "3.11.7",
    "workloads": {
        "get": {
            "published": [310.0, 300.0],
            "jh2": [150.0],
            "ours": [30.0, 31.0],
            "compiled": [10.0],
            "libnghttp2": [3.0],
        },
        "download": {
            "published": [2000.0],
            "jh2": [1000.0],
            "ours": [500.0],
            "compiled": [100.0],
            "libnghttp2": [],
        },
    },
    "growth": {
        **{
            name: {"published": figures, "jh2": figures, "ours": figures, "compiled": figures}
            for name, figures in GROWTH.items()
        },
        "import_time": {"published": {"ms": 40.0}, "ours": {"ms": 30.4}, "compiled": {"ms": 20.0}},
    },
}

SERVED: speed_page.Served = {
    "minimal": {
        "ours": {"32": 8.0, "1": 16.0},
        "published": {"32": 80.0, "1": 160.0},
        "compiled": {"32": 3.14, "1": 10.0},
        "nghttpd": {"32": 2.0, "1": 9.0},
    },
    "asgi": {
        "hypercorn": {"32": 220.0, "1": 230.0},
        "hypercorn-ours": {"32": 140.0, "1": 150.0},
        "hypercorn-compiled": {"32": 130.0, "1": 140.0},
        "example-compiled": {"32": 34.0, "1": 45.0},
        "h2corn": {"32": 13.6, "1": 28.0},
    },
}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return speed_page.files(DATA, SERVED)


def texts(svg: str) -> list[str]:
    return [part.text or "" for part in ElementTree.fromstring(svg).iterfind(".//{*}text")]


def test_the_table_has_costs_and_how_many_times_less_they_are(made: dict[str, str]) -> None:
    page = made["speed.md"]
    assert "| `get` | 300.0 | 150.0 (2x) | 30.0 (10x) | 10.0 (30x) | 3.0 (100x) |\n" in page
    # MiB per second for the workloads that measure throughput.
    assert "| `download` | 500 | 1,000 (2x) | 2,000 (4x) | 10,000 (20x) |  |\n" in page


def test_sentences_have_the_figures(made: dict[str, str]) -> None:
    text = " ".join(made["speed.md"].split())
    assert "takes 30 ms with the pure build, 20 ms with the compiled one, and 40 ms with h2" in text
    assert (
        "h2corn (Rust) takes 14 us per request, and the example on the compiled build 34 us, 2.5"
        in text
    )
    assert "takes 3.1 us in total" in text
    assert "220 us with h2 4.4.1, 140 us with the pure build and 130 us with the comp" in text


def test_the_page_shows_every_plot_and_ends_with_what_made_it(made: dict[str, str]) -> None:
    shown = re.findall(r"\]\((diagrams/.+\.svg)\)", made["speed.md"])
    assert shown == [name for name in made if name != "speed.md"]
    assert made["speed.md"].startswith("# ")
    assert made["speed.md"].endswith("by `python -m tools.speed_page`; do not edit by hand. -->\n")


def test_the_page_says_what_a_minimal_server_takes(made: dict[str, str]) -> None:
    text = " ".join(made["speed.md"].split())
    assert "80 us of CPU time per request with h2 4.4.1, 8 us with the pure build" in text
    assert "and 3.1 us with the compiled one. nghttpd, a server in C, takes 2 us." in text


def test_the_readme_has_the_same_figures() -> None:
    data, served = speed_page.read()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert speed_page.summary(data) in readme
    assert speed_page.minimal_server(served) in readme


def test_ratios_to_both_packages_and_of_both_builds() -> None:
    assert "| `get` | a request and a response of 512 octets at a time | 10x | 5x | 30x |\n" in (
        speed_page.summary(DATA)
    )


def test_every_workload_is_explained() -> None:
    assert speed_page.WORDS.keys() == WORKLOADS.keys()


def test_bars_are_as_long_as_their_figures_and_the_highest_comes_first(
    made: dict[str, str],
) -> None:
    svg = made["diagrams/speed-servers.svg"]
    bars = [
        (float(part.attrib["width"]), part.attrib["class"])
        for part in ElementTree.fromstring(svg).iterfind(".//{*}rect")
    ]
    widths = [width for width, _ in bars]
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.01)
    assert widths[4] / widths[0] == pytest.approx(2, rel=0.01)
    assert [kind for _, kind in bars] == ["mark s1", "mark s3", "mark s3", "mark s1"] * 2
    words = texts(svg)
    assert words[:3] == ["32 requests at a time, us for each", "h2 4.4.1", "80"]


def test_ratios_are_on_a_logarithmic_scale() -> None:
    svg = plots.ratios("", {"get": {"published": 1, "ours": 10, "jh2": 100}}).svg()
    root = ElementTree.fromstring(svg)
    square, triangle = (
        float(part.attrib["points"].split(",")[0])
        for part in list(root.iterfind(".//{*}polygon"))[2:]
    )
    (_, circle) = (float(part.attrib["cx"]) for part in root.iterfind(".//{*}circle"))
    assert circle - (square + 0.9 * 4) == pytest.approx(triangle - circle, abs=0.2)


def test_lines_go_through_their_figures() -> None:
    svg = plots.lines("", ["1", "10", "100"], "us", "open", {"ours": [10, 100, 1000]}).svg()
    root = ElementTree.fromstring(svg)
    places = [float(part.attrib["cy"]) for part in root.iterfind(".//{*}circle")][1:]
    assert places[0] - places[1] == pytest.approx(places[1] - places[2], abs=0.2)
    assert places[0] > places[2]
    assert {"10", "100", "1,000"} <= set(texts(svg))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.96, "1"), (1.26, "1.3"), (12.6, "13"), (1234.0, "1,234"), (2_200_000.0, "2,200k")],
)
def test_figures_are_short(value: float, shown: str) -> None:
    assert plots.number(value) == shown
