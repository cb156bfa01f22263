"""Write docs/command-line-options.md: every command and option, from the parsers.

usage: python -m tools.command_line_page [--check]

With `--check` nothing is written, and the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from h2._cli.arguments import parser
from tools.pages import note, write_or_check

NAME = "command-line-options.md"

INTRODUCTION = """\
# Commands and options

This page lists what `python -m h2 COMMAND --help` prints. [The command line](command-line.md) has
examples, and the [exit statuses](command-line.md#exit-statuses).
"""


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands, by name."""
    (found,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def page() -> str:
    """The text of the page."""
    parts = [part for name, command in commands().items() for part in _command(name, command)]
    return "".join([INTRODUCTION, *parts, note("tools.command_line_page")])


def _command(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield f"\n## {name}\n\n```text\n{_synopsis(name, command)}\n```\n\n"
    yield " ".join((command.description or "").split()) + "\n"
    for group in command._action_groups:
        actions = [action for action in group._group_actions if action.dest != "help"]
        if actions:
            title = (group.title or "").replace("positional arguments", "arguments")
            yield f"\n**{title[:1].upper()}{title[1:]}**\n\n"
            yield from (_action(action) for action in actions)


def _synopsis(name: str, command: argparse.ArgumentParser) -> str:
    words = [f"python -m h2 {name}", "[OPTION]..."]
    for action in command._actions:
        if not action.option_strings:
            place = f"{action.metavar}"
            words.append({"+": f"{place}...", "*": f"[{place}]..."}.get(str(action.nargs), place))
    return " ".join(words)


def _action(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar}"
    names = [f"`{name}{value}`" for name in action.option_strings or [f"{action.metavar}"]]
    text = (action.help or "").replace("%%", "%").replace("<", "&lt;").replace("*", "\\*")
    return f"- {', '.join(names)}: {text}\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or compare it; returns the exit status."""
    return write_or_check("tools.command_line_page", {NAME: page()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
