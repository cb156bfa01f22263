"""Limits on the cost of an attack, and the verdict on an outcome."""

from __future__ import annotations

from typing import Literal

from .attack import ATTACKS
from .probe import Outcome, times

Verdict = Literal["refused", "harmless", "valid", "FAIL"]

#: Octets that an attack may make a connection hold, at any time.
MOST_GROWTH = 2_000_000
#: The same for each octet received, if the application keeps all events.
MOST_KEPT = 8
#: CPU time for each octet, relative to ordinary requests.
MOST_TIMES = 20.0
#: An attack that is not refused may cost at most this, and memory must not grow: anything below
#: this is noise.
HARMLESS_TIMES = 2.0
NO_GROWTH = 65536
#: Valid, complete messages cannot be distinguished from those of a busy peer: refusing them breaks
#: honest traffic. Many small fields cost more than the same octets in a few large ones, and an
#: event for an octet of content is a Python object, as is a field; both are proportional to what
#: arrives.
VALID_TIMES = 5.0
VALID_KEPT = 20


def is_valid(outcome: Outcome) -> bool:
    """Whether only valid, complete messages were sent."""
    return outcome.attack in ATTACKS and ATTACKS[outcome.attack].valid


def too_costly(outcome: Outcome) -> bool:
    """Whether it takes too much CPU time."""
    if outcome.hung or outcome.crash:
        return False
    return times(outcome) > (MOST_TIMES if outcome.error else _most_times(outcome))


def grows(outcome: Outcome) -> bool:
    """Whether memory grows although nothing ends the attack."""
    return not outcome.error and outcome.mode != "keeps" and outcome.late_growth > NO_GROWTH


def _most_times(outcome: Outcome) -> float:
    return VALID_TIMES if is_valid(outcome) else HARMLESS_TIMES


def _most_kept(outcome: Outcome) -> int:
    if outcome.mode != "keeps":
        return 0
    return (VALID_KEPT if is_valid(outcome) else MOST_KEPT) * outcome.octets


def faults(outcome: Outcome) -> list[str]:
    """The faults of an outcome."""
    if outcome.hung:
        return ["did not end"]
    if outcome.crash:
        return [f"raised {outcome.crash}"]
    found = []
    if outcome.peak > max(MOST_GROWTH, _most_kept(outcome)):
        found.append(f"holds {outcome.peak / 1e6:.1f} MB")
    if too_costly(outcome):
        refused = "" if outcome.error else "not refused, but "
        found.append(f"{refused}costs {times(outcome):.1f} times ordinary requests")
    if grows(outcome):
        found.append(f"not refused, but grows: {outcome.late_growth:,} octets in the second half")
    return found


def verdict(outcome: Outcome) -> Verdict:
    """The verdict in one word."""
    if faults(outcome):
        return "FAIL"
    if outcome.error:
        return "refused"
    return "valid" if is_valid(outcome) else "harmless"
