"""Results: on a terminal, as JSON, as JUnit XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from conformance.run import Result, Status

_SIGNS = {Status.PASSED.value: "ok", Status.FAILED.value: "FAILED", Status.SKIPPED.value: "skipped"}


def line(result: Result, out: TextIO, everything: bool) -> None:
    """Print the result of a case: in full if it failed, otherwise in one line."""
    if not (everything or result.failed):
        return
    sign = _SIGNS[result.status]
    grade = f" ({result.grade})" if result.grade in ("allowed", "lenient") else ""
    print(f"{sign}{grade}  {result.case}  [{result.section}]  {result.title}", file=out)
    if result.status == Status.PASSED.value:
        return
    print(f"    expected: {result.expected}", file=out)
    print(f"    came:     {result.seen}", file=out)
    if result.failed:
        print(f"    sent:     {'; '.join(result.sent[-6:])}", file=out)


def summary(results: Sequence[Result]) -> str:
    """The figures, in one line."""
    count = Counter(result.status for result in results)
    grades = Counter(result.grade for result in results if result.status == Status.PASSED.value)
    text = f"{len(results)} cases: {count[Status.PASSED.value]} passed"
    shown = [f"{grades[name]} {name}" for name in ("exact", "allowed", "lenient") if grades[name]]
    if shown:
        text += f" ({', '.join(shown)})"
    return f"{text}, {count[Status.FAILED.value]} failed, {count[Status.SKIPPED.value]} skipped"


def write_json(file: str, subject: str, results: Sequence[Result]) -> None:
    """All results with the frames in both directions."""
    content = {"subject": subject, "cases": [result.as_json() for result in results]}
    Path(file).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_junit(file: str, subject: str, results: Sequence[Result]) -> None:
    """The results in the form that CI systems read."""
    count = Counter(result.status for result in results)
    suite = ET.Element(
        "testsuite",
        name=f"HTTP/2 conformance of {subject}",
        tests=str(len(results)),
        failures=str(count[Status.FAILED.value]),
        skipped=str(count[Status.SKIPPED.value]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{result.role}.{result.section}",
            name=f"{result.case}: {result.title}",
            time=f"{result.seconds:.3f}",
        )
        message = f"expected {result.expected}; came {result.seen}"
        if result.failed:
            ET.SubElement(case, "failure", message=message).text = "\n".join(
                [*(f"sent {item}" for item in result.sent), *(f"got {x}" for x in result.received)]
            )
        elif result.status == Status.SKIPPED.value:
            ET.SubElement(case, "skipped", message=result.seen)
    ET.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
