"""The base class of events, below all modules that use it: exceptions have events, too."""

from __future__ import annotations


class Event:
    """The base class of all events."""

    # Where programs, pickles and the API reference find it.
    __module__ = "h2.events"
