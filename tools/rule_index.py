"""Write docs/conformance.md: every rule by which the package rejects something, by RFC.

usage: python -m tools.rule_index [--check]

With `--check` nothing is written, and the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from h2._rules.registry import MISUSE, RULES, SCOPE_NAMES, Rule
from h2.exceptions import (
    H2Error,
    InvalidBodyLengthError,
    InvalidSettingsValueError,
    NoSuchStreamError,
    StreamClosedError,
    StreamIDTooLowError,
)
from tools.pages import note, table, write_or_check

TITLES = {
    "9113": "HTTP/2",
    "9110": "HTTP Semantics",
    "8441": "Bootstrapping WebSockets with HTTP/2 (extended CONNECT)",
    "9218": "Extensible Prioritization Scheme for HTTP",
    "7540": "HTTP/2, the edition before: the upgrade from HTTP/1.1 and priorities",
}

#: Rules whose exception is created where they are checked, because it needs more than a message;
#: the registry names one of its base classes.
MORE_EXACT: dict[str, tuple[type[H2Error], ...]] = {
    "connect-protocol-revoked": (InvalidSettingsValueError,),
    "content-length-mismatch": (InvalidBodyLengthError,),
    "not-allowed-now": (NoSuchStreamError, StreamClosedError),
    "priorities-setting-changed": (InvalidSettingsValueError,),
    "priorities-setting-invalid": (InvalidSettingsValueError,),
    "reset-of-idle-stream": (NoSuchStreamError,),
    "setting-invalid": (InvalidSettingsValueError,),
    "stream-closed": (StreamClosedError,),
    "stream-id-too-low": (StreamIDTooLowError,),
    "stream-idle": (NoSuchStreamError,),
}

HEAD = ("rule", "section", "by default", "strict", "error code", "exception")

INTRODUCTION = """\
# Conformance: the rules that are checked

Every protocol violation that h2 detects breaks one of these rules. Rule identifiers are stable;
exceptions carry them in the attribute `rule`. The scope says what happens:

- *connection error* (RFC 9113 section 5.4.1): `receive_data` raises the exception, and a GOAWAY
  frame with the error code is pending in `data_to_send` (for `preface-invalid` only with
  `strict=True`).
- *stream error* (section 5.4.2): a RST_STREAM frame with the error code is pending in
  `data_to_send`. If the application knows the stream, there is a `StreamReset` event with
  `remote_reset=False`. Nothing is raised.
- *tolerated*: nothing happens. The frame is ignored or accepted as if it were valid.
- *misuse*: a call of the application raises the exception and changes nothing; nothing is sent.
  After the end of a connection this includes `receive_data` (`connection-closed`).

There are two columns of scopes. By default, an error of the peer never has worse consequences than
with h2 4.4.1. With `H2Configuration(strict=True)`, each rule has the scope that the RFC requires.
In that mode, a stream error is an event even for a stream that the application never saw, and a
server that has not started its response sends the status code in parentheses before it resets the
stream. [Errors](errors.md#strict-or-not) explains which mode to choose.

A call that would make this endpoint break a rule of the first three kinds is refused like misuse,
with the exception in that rule's row. Some things are left to the application, as in h2 4.4.1:

- Content that is sent is not counted, so it may be longer or shorter than the `content-length`
  before it (`content-length-mismatch`).
- By default, messages that break these rules are still sent: {sent}.
- So are a `content-length` in a successful response to CONNECT (`content-length-forbidden`), and
  ENABLE_PUSH with 1 among a server's initial settings (`setting-invalid`).

[What the RFCs require](requirements.md) lists the sentences of the RFCs that each rule enforces,
and the tests that exercise them.

Arguments that are wrong regardless of the protocol, such as a negative amount or a header field
that is not a pair, raise `ValueError` or `TypeError`.
"""


def sections(rule: Rule) -> tuple[str, list[int]]:
    """The RFC of a rule and the numbers of its section, for sorting."""
    rfc, number = rule.section.split()
    return rfc, [int(part) for part in number.split(".")]


def exceptions(rule: Rule) -> str:
    """The public exceptions of a rule, as a cell."""
    classes = MORE_EXACT.get(rule.id)
    names = [cls.__name__ for cls in classes] if classes else [_name(rule)]
    if rule.id == "not-allowed-now":
        names.insert(0, _name(rule))
    return ", ".join(f"`{name}`" for name in names)


def _name(rule: Rule) -> str:
    return type(rule.error("")).__name__


def code(rule: Rule) -> str:
    """The error code of a rule, as a cell."""
    if rule.id == "setting-invalid":
        return "PROTOCOL_ERROR or FLOW_CONTROL_ERROR, as the setting demands"
    if rule.scope == MISUSE and not hasattr(rule.error(""), "error_code"):
        return ""
    if rule.strict_code != rule.code:
        return f"{rule.code.name}; strict: {rule.strict_code.name}"
    return rule.code.name


def strict_scope(rule: Rule) -> str:
    """The scope of a rule with `strict=True`, as a cell."""
    scope = SCOPE_NAMES[rule.strict_scope]
    if rule.status:
        return f"{scope} ({rule.status.decode()})"
    return "the same" if rule.strict_scope == rule.scope else scope


def introduction() -> str:
    """The text above the tables."""
    sent = ", ".join(f"`{rule.id}`" for rule in RULES.values() if rule.sent)
    return INTRODUCTION.replace("{sent}", sent)


def page() -> str:
    """The text of the page."""
    parts = [introduction()]
    for rfc, title in TITLES.items():
        rules = [rule for rule in RULES.values() if sections(rule)[0] == rfc]
        rows = [
            (
                f"`{rule.id}`",
                f"[{rule.section.split()[1]}]({_link(rule)})",
                SCOPE_NAMES[rule.scope],
                strict_scope(rule),
                code(rule),
                exceptions(rule),
            )
            for rule in sorted(rules, key=lambda rule: (sections(rule), rule.id))
        ]
        parts.append(f"\n## RFC {rfc}: {title}\n\n")
        parts.append(table(HEAD, rows))
    return "".join(parts) + note("tools.rule_index")


def _link(rule: Rule) -> str:
    rfc, number = rule.section.split()
    return f"https://www.rfc-editor.org/rfc/rfc{rfc}.html#section-{number}"


def main(arguments: Sequence[str]) -> int:
    """Write or check the page; returns the exit status."""
    return write_or_check("tools.rule_index", {"conformance.md": page()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
