"""The base class of events, below all that names it: exceptions carry events, too."""

from __future__ import annotations


class Event:
    """The base class of all events."""

    # Where programs, pickles and the reference find it.
    __module__ = "h2.events"
