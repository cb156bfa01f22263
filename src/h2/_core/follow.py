"""Effects of the peer's frames on pending content: windows, limits, resets, priorities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from h2._core.scheduler import PARKED
from h2._core.send_queue import SendQueue
from h2._rules.connection_states import TERMINATED
from h2.events import (
    ConnectionTerminated,
    Event,
    PriorityUpdateReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamReset,
    WindowUpdated,
)
from h2.priorities import Priority
from h2.settings import SettingCodes


def follow(queue: SendQueue, events: list[Event]) -> list[Event]:
    """Act on the events of a call of receive_data; return them with the events that they cause."""
    for event in events:
        if type(event) in _ACTIONS:
            _ACTIONS[type(event)](queue, event)
    conn = queue.conn
    if conn.signals:
        _take_signals(queue, conn.signals, events)
    if conn.state == TERMINATED:
        queue.drop_all()
    if queue.events:
        events += queue.take_events()
    return events


def _window_updated(queue: SendQueue, event: Any) -> None:
    outbound = queue.queues.get(event.stream_id)
    if outbound is not None and outbound.place == PARKED:
        queue.wake(outbound)


def _settings_changed(queue: SendQueue, event: Any) -> None:
    changed = event.changed_settings
    if not queue.first_settings:
        queue.first_settings = True
        # "if the client receives SETTINGS_NO_RFC7540_PRIORITIES with a value of 0 or if the
        # settings parameter was absent, it SHOULD stop sending PRIORITY_UPDATE frames"; with a
        # value of 1 "it SHOULD stop sending the HTTP/2 priority signals" (section 2.1.1).
        setting = changed.get(SettingCodes.NO_RFC7540_PRIORITIES)
        queue.takes_updates = setting is not None and setting.new_value == 1
        queue.takes_old_signals = not queue.takes_updates
    if SettingCodes.INITIAL_WINDOW_SIZE in changed and queue.queues:
        queue.windows_changed = True
        queue.straight = 0


def _stream_reset(queue: SendQueue, event: Any) -> None:
    queue.drop(event.stream_id)


def _going_away(queue: SendQueue, event: Any) -> None:
    if queue.conn.goaway_hook is None:  # otherwise that was done right after the hook
        queue.peer_goes_away(event.unprocessed_stream_ids)


def _priority_updated(queue: SendQueue, event: Any) -> None:
    stream_id = event.prioritized_stream_id
    priority = Priority(event.urgency, event.incremental)
    if queue.priorities.update_received(stream_id, priority):
        outbound = queue.queues.get(stream_id)
        if outbound is not None:
            queue.scheduler.reprioritize(outbound, event.urgency, event.incremental)


def _take_signals(queue: SendQueue, signals: list[int], events: list[Event]) -> None:
    """Look for priorities in requests."""
    streams = set(signals)
    signals.clear()
    for event in events:
        if isinstance(event, RequestReceived) and event.stream_id in streams:
            queue.priorities.request_received(event.stream_id, event.headers)


_ACTIONS: Final[dict[type[Event], Callable[[SendQueue, Any], None]]] = {
    WindowUpdated: _window_updated,
    RemoteSettingsChanged: _settings_changed,
    StreamReset: _stream_reset,
    ConnectionTerminated: _going_away,
    PriorityUpdateReceived: _priority_updated,
}
