"""The normative sentences of an RFC, found in its text.

A normative sentence has one of the binding key words of RFC 2119, in capitals: MUST, SHALL, SHOULD,
REQUIRED, RECOMMENDED, with or without NOT. MAY is not binding, so it is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

KEY_WORD = re.compile(r"\b(?:MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED)\b")

_HEADING = re.compile(r"(?:Appendix )?((?:\d+|[A-Z])(?:\.\d+)*)\. +\S.*")

_BULLET = re.compile(r"(?:[\N{WHITE STAR}\N{BULLET}*o-]|\d+\.|\([a-z\d]\)) +(?=\S)")

# A full stop, possibly followed by a bracket or quotation mark, and the beginning of a sentence.
_END = re.compile(r"""(?:(?<=[.!?])|(?<=[.!?][)"'\]]))\s(?=["'(\[]*[A-Z0-9])""")

_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|vs|cf|al)\.$")


class Sentence(NamedTuple):
    """One normative sentence: `9113-5.1.1-3` is the third of section 5.1.1 of RFC 9113.

    The text of an RFC never changes, so the id is stable.
    """

    id: str
    text: str

    @property
    def section(self) -> str:
        """The number of the section."""
        return self.id.split("-")[1]


def normative(rfc: str, text: str) -> list[Sentence]:
    """The normative sentences of an RFC in order."""
    found = []
    count: Counter[str] = Counter()
    for section, lines in _sections(text.splitlines()):
        for paragraph in _paragraphs(lines):
            for sentence in _sentences(paragraph):
                if KEY_WORD.search(sentence):
                    count[section] += 1
                    found.append(Sentence(f"{rfc}-{section}-{count[section]}", sentence))
    return found


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The lines of each section by its number, without anything before the first one."""
    starts = [
        (number, match[1])
        for number, line in enumerate(lines)
        if (match := _HEADING.fullmatch(line)) and _is_alone(lines, number)
    ]
    for (start, section), (end, _) in pairwise([*starts, (len(lines), "")]):
        yield section, lines[start + 1 : end]


def _is_alone(lines: list[str], number: int) -> bool:
    """Whether there is an empty line before and after that line."""
    return not any(
        line.strip() for line in (*lines[number - 1 : number], *lines[number + 1 : number + 2])
    )


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """The paragraphs, and items of lists, each as one line.

    A paragraph ends at an empty line, at an item of a list, and where the indentation changes.
    """
    words: list[str] = []
    indentation = 0
    for line in lines:
        content = line.strip()
        start = len(line) - len(line.lstrip())
        bullet = _BULLET.match(content)
        if bullet or start != indentation or not content:
            if words:
                yield " ".join(words)
            words = []
            indentation = start
        if bullet:
            indentation += bullet.end()
            content = content[bullet.end() :]
        words += content.split()
    if words:
        yield " ".join(words)


def _sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a paragraph."""
    begun = ""
    for part in _END.split(paragraph):
        begun = f"{begun} {part}" if begun else part
        if not _ABBREVIATION.search(begun):
            yield begun
            begun = ""
    if begun:
        yield begun
