"""`--waterfall FILE`: a page that shows what connections did."""

from __future__ import annotations

from h2._cli.failure import Failure, Status
from h2._cli.text import reason
from h2.recorder import Recorder, to_json, waterfall

HELP = (
    "write a page that shows the frames of all streams over time, or the recording itself if the "
    "name ends with .json"
)


def save(name: str, recorders: list[Recorder], title: str) -> None:
    """Write what was recorded to a file."""
    save_recording(name, to_json(*recorders), title)


def save_recording(name: str, recording: str, title: str) -> None:
    """Write a recording in its JSON format to a file, as a page unless the name says otherwise.

    Raises ValueError for what is not a recording.
    """
    text = waterfall(recording, title)
    try:
        with open(name, "w", encoding="utf-8") as file:
            file.write(recording if name.endswith(".json") else text)
    except (OSError, ValueError) as error:
        raise Failure(Status.WRITE, f"Could not write {name}: {reason(error)}") from None
