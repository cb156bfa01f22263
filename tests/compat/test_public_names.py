"""All names of the published h2 exist here, or the page of differences says why not."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from support.peers import require_published_python
from support.processes import ROOT
from tools import public_names
from tools.public_names import ACCEPTED, Names, listed, missing, report


@pytest.fixture(scope="module")
def published() -> Names:
    return public_names.published_names(require_published_python())


def test_every_name_exists_or_has_a_reason(published: Names) -> None:
    assert list(report(published)) == []


def test_the_published_names_are_found(published: Names) -> None:
    assert {
        "h2.connection.H2Configuration",  # from another module
        "h2.connection.H2Connection.incoming_buffer",  # of an object
        "h2.connection.H2Connection._receive_goaway_frame",  # private, and overridden
        "h2.errors.ErrorCodes.CANCEL",
        "h2.events.ConnectionTerminated.last_stream_id",
        "h2.exceptions.StreamIDTooLowError.max_stream_id",
        "h2.utilities.utf8_encode_headers",
    } <= published.keys()
    assert not [name for name in published if "DataFrame" in name]
    assert published["h2.connection.H2Connection.ping"] == [
        ["self", 1, False],
        ["opaque_data", 1, False],
    ]


def test_the_page_of_differences_gives_the_reasons() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert [reason for reason in ACCEPTED if f"*{reason}*" not in page] == []


ONE = [["one", 1, False], ["two", 1, True], ["three", 3, True]]


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (ONE, []),
        ([*ONE[:2], ["more", 1, True], ONE[2]], []),  # an additional optional one
        (None, ["cannot be called, or has other parameters"]),
        (ONE[1:], ["has no parameter one", "takes two in another way"]),
        ([ONE[1], ONE[0], ONE[2]], ["takes one in another way", "takes two in another way"]),
        ([ONE[0], ["two", 1, False], ONE[2]], ["asks for two"]),
        ([*ONE, ["more", 3, False]], ["asks for more"]),
        ([["one", 0, False], *ONE[1:]], ["takes one in another way"]),
    ],
)
def test_parameters(given: public_names.Parameters | None, problems: list[str]) -> None:
    found = missing({"h2.f": ONE}, {"h2.f": given})
    assert [problem for _, problem in found] == problems


def test_a_name_that_is_missing() -> None:
    ours = listed()
    assert list(missing(ours, ours)) == []
    published: Names = {"h2.config.Nothing": None, "h2.connection.ErrorCodes": None}
    assert list(missing(published, {})) == [("h2.config.Nothing", "is missing")]
    assert "h2.config.Nothing is missing" in report(published)
    assert "h2.events.kw_only is accepted, and not missing" in report(published)


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    tool = [sys.executable, "-I", public_names.__file__, "--list"]
    done = subprocess.run(tool, check=True, capture_output=True, text=True, timeout=60)
    assert '"h2.config.H2Configuration.strict"' in done.stdout
    # Compared with itself, it lacks no names, so the accepted ones are unused.
    assert public_names.main(["--python", sys.executable]) == 0
    assert capsys.readouterr().out == ""
    assert public_names.main(["--check", "--python", sys.executable]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == sum(map(len, ACCEPTED.values()))


def test_what_is_borrowed_is_found_in_the_connection_module() -> None:
    connection = importlib.import_module("h2.connection")
    assert connection.H2Configuration is importlib.import_module("h2.config").H2Configuration
    with pytest.raises(AttributeError, match=r"'h2.connection' has no attribute 'Nothing'"):
        _ = connection.Nothing
