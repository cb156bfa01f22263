"""The splitter that finds the normative sentences of an RFC."""

from __future__ import annotations

import pytest

from tools.sentences import Sentence, normative

TEXT = """\
RFC 1: Tests
A frame MUST NOT be here: this is in front of the first section.

1. One

The first MUST be found (see Section 1.2 of [REF]). The second is
not normative. "MUST" is a word in quotes; it REQUIRED one. What you MAY do counts for nothing.

1.1. Sub

  • An item SHOULD be found
    over two lines. A second sentence of it SHALL be found, e.g. This one.
  • Another item is RECOMMENDED
state (of a list):
    Its text SHOULD NOT end
    there.
It MUST also be found? It MUST NOT! (It MUST be in brackets.) "It MUST be quoted." It MUST end with
no full stop
2. This is no heading and MUST be found, because no empty line is in front of it.

Appendix A. Letters

An appendix MUST count; MUSTER and MUST_NOT do not.

A.1. Below

  Some Frame {
    Length (24),
  }

The value 2^31-1 MUST be met. 16 SHOULD be met.
"""

FOUND = {
    "1-1-1": "The first MUST be found (see Section 1.2 of [REF]).",
    "1-1-2": '"MUST" is a word in quotes; it REQUIRED one.',
    "1-1.1-1": "An item SHOULD be found over two lines.",
    "1-1.1-2": "A second sentence of it SHALL be found, e.g. This one.",
    "1-1.1-3": "Another item is RECOMMENDED",
    "1-1.1-4": "Its text SHOULD NOT end there.",
    "1-1.1-5": "It MUST also be found?",
    "1-1.1-6": "It MUST NOT!",
    "1-1.1-7": "(It MUST be in brackets.)",
    "1-1.1-8": '"It MUST be quoted."',
    "1-1.1-9": "It MUST end with no full stop",
    "1-1.1-10": "This is no heading and MUST be found, because no empty line is in front of it.",
    "1-A-1": "An appendix MUST count; MUSTER and MUST_NOT do not.",
    "1-A.1-1": "The value 2^31-1 MUST be met.",
    "1-A.1-2": "16 SHOULD be met.",
}


def test_sentences_and_their_identifiers() -> None:
    assert normative("1", TEXT) == [Sentence(*pair) for pair in FOUND.items()]


def test_sections() -> None:
    assert [sentence.section for sentence in normative("1", TEXT)][-3:] == ["A", "A.1", "A.1"]


@pytest.mark.parametrize("text", ["", "MUST", "1. One\n\n", "1. One\n\nIt may be.\n"])
def test_nothing_to_find(text: str) -> None:
    assert normative("1", text) == []


@pytest.mark.parametrize("word", ["MUST", "SHALL", "SHOULD", "REQUIRED", "RECOMMENDED"])
def test_words(word: str) -> None:
    text = f"1. One\n\nThis {word} count. This {word.lower()} does not. This {word}ED does not.\n"
    assert normative("1", text) == [Sentence("1-1-1", f"This {word} count.")]


def test_where_lines_end_does_not_matter() -> None:
    words = "1. One\n\nThe first sentence MUST be one. The second SHOULD be another.\n"
    for place in range(words.index("The first"), len(words)):
        if words[place] == " ":
            cut = f"{words[:place]}\n{words[place + 1 :]}"
            assert [s.text for s in normative("1", cut)] == [
                "The first sentence MUST be one.",
                "The second SHOULD be another.",
            ]
