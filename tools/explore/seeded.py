"""Faults in the cells of the state tables, to check that the exploration finds them.

First the use of all cells is recorded: a fault in a cell that no order of legal calls uses cannot
be found by legal calls, and needs a reason. Then each of the others is changed in turn: what was
allowed becomes an error, or leads elsewhere; what was refused or ignored becomes allowed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, NamedTuple

import h2._core
from h2._core import reader
from h2._rules import connection_states, stream_states
from h2.exceptions import H2Error
from tools.explore.calls import SCENARIOS
from tools.explore.facts import Fault
from tools.explore.search import Search

#: The searches for each fault, in this order: scenario, streams, calls.
SEARCHES = (
    ("messages", 2, 3),
    ("others", 2, 2),
    ("push", 2, 3),
    ("connect", 2, 2),
    ("windows", 2, 3),
    ("shutdown", 2, 3),
    ("ending", 2, 3),
    ("upgrade", 1, 2),
    ("messages", 2, 5),
    ("others", 2, 4),
    ("push", 2, 4),
    ("shutdown", 2, 4),
    ("leaving", 2, 3),
    ("ending", 1, 5),
    ("windows", 2, 4),
    ("start", 2, 2),
)

#: Inputs for which the code only checks whether they are allowed: the state does not change.
_STATE_STAYS = (
    *(stream_states.SEND_PUSH_PROMISE, stream_states.SEND_WINDOW_UPDATE),
    *(stream_states.SEND_ALTSVC, stream_states.RECV_DATA, stream_states.RECV_PUSH_PROMISE),
    *(stream_states.RECV_WINDOW_UPDATE, stream_states.RECV_ALTSVC),
)

STREAM, CLIENT, SERVER = "stream", "client", "server"


class Cell(NamedTuple):
    """One cell: of the table of streams (input, state), or of a role (state, input)."""

    table: str
    row: int
    column: int

    def __str__(self) -> str:
        if self.table == STREAM:
            state, input_ = stream_states.STATE_NAMES[self.column], self.row
            return f"{stream_states.INPUT_NAMES[input_]} in {state}"
        state = connection_states.STATE_NAMES[self.row]
        return f"{self.table}: {connection_states.INPUT_NAMES[self.column]} in {state}"

    @property
    def value(self) -> int:
        """The content of the cell."""
        return _table(self.table)[self.row][self.column]


@dataclass
class Outcome:
    """The result for a fault in a cell."""

    cell: Cell
    value: int  #: the changed content of the cell
    found: str = ""  #: the fault that was reported, empty for none
    scenario: str = ""
    calls: int = 0
    excuse: str = ""  #: why it cannot be found

    def __str__(self) -> str:
        what = f"{self.cell}: {name_of(self.cell, self.value)}"
        if self.excuse:
            return f"{what}: not found: {self.excuse}"
        if not self.found:
            return f"{what}: NOT FOUND"
        return f"{what}: {self.calls} calls of {self.scenario!r}: {self.found}"


def name_of(cell: Cell, value: int) -> str:
    """Return the name of a state or a reaction."""
    if cell.table == STREAM:
        names: Any = stream_states.STATE_NAMES if value >= 0 else stream_states.REACTION_NAMES
    else:
        states, reactions = connection_states.STATE_NAMES, connection_states.REACTION_NAMES
        names = states if value >= 0 else reactions
    return str(names[value])


def _table(name: str) -> tuple[tuple[int, ...], ...]:
    if name == STREAM:
        return stream_states.TABLE
    return connection_states.CLIENT if name == CLIENT else connection_states.SERVER


def cells() -> list[Cell]:
    """Return all cells of the three tables."""
    return [
        Cell(name, row, column)
        for name in (STREAM, CLIENT, SERVER)
        for row, values in enumerate(_table(name))
        for column in range(len(values))
    ]


# Other tables in place of those of the package.


def _core_modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(h2._core.__path__):
        yield importlib.import_module(f"h2._core.{module.name}")


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextmanager
def _row_replaced(table: str, row: int, values: tuple[int, ...]) -> Iterator[None]:
    """Make the package use another row of a table."""
    original = _table(table)[row]
    with ExitStack() as stack:
        if table == STREAM:
            for module in _core_modules():
                for name, value in list(vars(module).items()):
                    if value is original:
                        stack.enter_context(_replaced(module, name, values))
        else:
            rows = list(_table(table))
            rows[row] = values
            stack.enter_context(_replaced(connection_states, table.upper(), tuple(rows)))
            # Ordinary frames skip the table, because of what it says.
            handlers = (None,) * len(reader._ORDINARY)
            stack.enter_context(_replaced(reader, "_ORDINARY", handlers))
        yield


@contextmanager
def seeded(cell: Cell, value: int) -> Iterator[None]:
    """Make the package use a table with one changed cell."""
    values = list(_table(cell.table)[cell.row])
    values[cell.column] = value
    with _row_replaced(cell.table, cell.row, tuple(values)):
        yield


class _Watched(tuple[int, ...]):
    """A row that records which of its cells are used."""

    asked: set[int]

    def __getitem__(self, place: Any) -> Any:
        self.asked.add(place)
        return super().__getitem__(place)


# The searches.


def explore(places: Iterable[int], first_only: bool = True) -> Outcome | None:
    """Run searches; return the first fault that is found."""
    for place in places:
        name, streams, depth = SEARCHES[place]
        try:
            report = Search(SCENARIOS[name], True, streams, first_only=first_only).run(depth)
        except (Fault, H2Error) as error:  # not even the start works
            return Outcome(_NONE, 0, f"{type(error).__name__}: {error}", name, 0)
        if report.findings:
            finding = report.findings[0]
            return Outcome(_NONE, 0, str(finding.fault), name, finding.calls)
    return None


_NONE = Cell(STREAM, 0, 0)


def asked_cells(places: Iterable[int] | None = None) -> dict[Cell, list[int]]:
    """Return the cells that some order of legal calls uses, and the searches that use them."""
    asked: dict[Cell, list[int]] = {}
    for place in range(len(SEARCHES)) if places is None else places:
        rows: list[tuple[str, int, _Watched]] = []
        with ExitStack() as stack:
            for table in (STREAM, CLIENT, SERVER):
                for row, values in enumerate(_table(table)):
                    twin = _Watched(values)
                    twin.asked = set()
                    rows.append((table, row, twin))
                    stack.enter_context(_row_replaced(table, row, twin))
            explore([place], first_only=False)
        for table, row, twin in rows:
            for column in twin.asked:
                asked.setdefault(Cell(table, row, column), []).append(place)
    return asked


def changes(cell: Cell) -> list[int]:
    """Return wrong values for a cell: one for each kind of fault."""
    value = cell.value
    if cell.table != STREAM:
        return _changes_of_connection(cell)
    if value >= 0:
        sent = cell.row <= stream_states.SEND_ALTSVC
        refusal = stream_states.MISUSE if sent else stream_states.RESET_ERROR
        if cell.row in _STATE_STAYS:
            return [refusal]
        closed = value == stream_states.CLOSED
        return [refusal, stream_states.OPEN_BOTH if closed else stream_states.CLOSED]
    if value == stream_states.IGNORE:
        return [stream_states.RESET_ERROR]
    return [cell.column]


def _changes_of_connection(cell: Cell) -> list[int]:
    if cell.value < 0:
        return [cell.row]
    received = cell.column <= connection_states.RECV_UNKNOWN
    if not received and cell.column < connection_states.SEND_GOAWAY:
        return [connection_states.ENDED]  # the state stays, whatever the cell says
    open_ = cell.value in (connection_states.STARTING, connection_states.OPEN)
    elsewhere = connection_states.GOAWAY_BOTH if open_ else connection_states.OPEN
    # Both kinds of GOAWAY can be sent at any time: the code does not ask whether.
    return [connection_states.NOT_FOR_ROLE, elsewhere] if received else [elsewhere]


def try_cell(cell: Cell, value: int, places: Iterable[int]) -> Outcome:
    """Put one fault into one cell, and run searches to find it."""
    with seeded(cell, value):
        outcome = explore(places)
    if outcome is None:
        return Outcome(cell, value, excuse=_excuse(cell))
    outcome.cell, outcome.value = cell, value
    return outcome


def _excuse(cell: Cell) -> str:
    """Return why a fault in a cell has no effect."""
    twice = (CLIENT, connection_states.SEND_PUSH_PROMISE), (SERVER, connection_states.SEND_OPEN)
    if (cell.table, cell.column) in twice:
        return "another check refuses the call as well"
    return ""


#: ORIGIN and PRIORITY_UPDATE, which change no state.
_NOT_SENT: Final = (
    *(connection_states.RECV_ORIGIN, connection_states.SEND_ORIGIN),
    *(connection_states.RECV_PRIORITY_UPDATE, connection_states.SEND_PRIORITY_UPDATE),
)


def reason(cell: Cell) -> str:
    """Return why no order of legal calls uses a cell."""
    if cell.table == STREAM:
        return _stream_reason(cell)
    if cell.row == connection_states.TERMINATED:
        return "the application has ended the connection and goes on neither way"
    if (
        cell.value == connection_states.NOT_SETTINGS
        or cell.row in connection_states.BEFORE_SETTINGS
    ):
        return "SETTINGS comes first, always"
    if (
        cell.value == connection_states.NOT_FOR_ROLE
        or cell.column == connection_states.RECV_UNKNOWN
    ):
        return "no call makes such a frame"
    if cell.column in _NOT_SENT:
        return "the search does not send it"
    if cell.table == SERVER and cell.column == connection_states.RECV_ALTSVC:
        return "a client does not send it"
    if cell.table == CLIENT and cell.column == connection_states.RECV_PRIORITY:
        return "a server does not send it"
    if cell.table == CLIENT and cell.column == connection_states.RECV_PUSH_PROMISE:
        return "a server does not send it after its GOAWAY"
    return ""


def _stream_reason(cell: Cell) -> str:
    if cell.row == stream_states.SEND_RST_STREAM:
        return "every stream that exists can be reset: the code does not ask"
    if cell.row <= stream_states.SEND_ALTSVC:
        if cell.column == stream_states.IDLE or cell.column >= stream_states.CLOSED:
            return "nothing is sent on a stream that does not exist: the code does not ask"
        if cell.value < 0:
            return "another check comes before: the role, or what a field block would be"
    elif cell.row == stream_states.RECV_RST_STREAM and cell.column < stream_states.CLOSED:
        return "every stream that exists can be reset: the code does not ask"
    if cell.row == stream_states.RECV_ALTSVC:
        return "a server does not send it after the response"
    if cell.value < 0:
        return "only a peer that breaks the rules sends this"
    return ""
