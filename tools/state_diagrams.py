"""Write docs/states.md and its diagrams: the states of streams and connections, in full.

usage: python -m tools.state_diagrams [--check]

Everything on the page comes from the tables that the code uses; `tools.state_layout` draws the
diagrams. With `--check` nothing is written, and the exit status is 1 if the page or a
diagram is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from h2._core.views import StreamState, StreamStateMachine
from h2._rules import connection_states, stream_states
from h2._rules.fields import KIND_NAMES
from tools.pages import note, table, write_or_check
from tools.state_layout import Places, StateDiagram

Edges = dict[tuple[int, int], list[str]]

INTRODUCTION = """\
# The states of streams and connections

The diagrams and tables are generated from `h2._rules.stream_states` and
`h2._rules.connection_states`, the tables that the code itself uses.

In the tables of outcomes, a name in capitals is the next state, "same" means that the state does
not change, and anything else is a reaction: *misuse* refuses a call of the application, *ignore*
discards a frame, and an *error* names the rule that a frame breaks. [Conformance](conformance.md)
shows what happens then, by default and with `strict=True`. A row without a state belongs to the
state above it.
"""

STREAMS = """
## Streams

These are the states of RFC 9113 section 5.1, with separate states for the phases of a message
(section 8.1), so the state alone determines what a field block means. The suffix `_WAITING` marks a
response that has not started. In the names of inputs, `_END` is a frame with END_STREAM, and
`INFORMATIONAL` is a field block with a status code from 100 to 199.

In the diagrams, solid arrows are what we send, and dashed arrows are what we receive; an arrow with
two inputs is followed on either. The diagrams omit `SEND_RST_STREAM`, which leads from every state
except `IDLE` and the closed ones to `CLOSED_BY_US`, `RECV_RST_STREAM`, which leads to
`CLOSED_BY_PEER`, and inputs that do not change the state.
"""

CONNECTIONS = """
## Connections

GOAWAY does not end a connection: existing streams continue to completion, and no new ones are
opened. A connection error, or `close_connection` with an error code (`SEND_GOAWAY_ERROR`), leads
from every state to `TERMINATED`, where everything that arrives is ignored; the diagram omits this.
`ON_STREAM` is any frame on an existing stream, `OPEN` is the HEADERS frame that opens a stream, and
`CONTROL` is SETTINGS, PING and WINDOW_UPDATE on stream 0.
"""


@dataclass(frozen=True)
class Diagram:
    """The content of a state diagram, and the position of each state (column, row)."""

    name: str
    title: str
    start: str
    first: str  # prefix of the inputs that may happen in the start, which both ends share
    places: Places

    @property
    def image(self) -> str:
        """The diagram as Markdown."""
        return f"![{self.title}](diagrams/{self.name}.svg)\n"


STREAM_DIAGRAMS = (
    Diagram(
        "request-sent",
        "A request that we send",
        "IDLE",
        "SEND_",
        {
            "IDLE": (0, 0),
            "OPEN_REQUEST_SENT": (0, 1),
            "OPEN_BOTH": (1, 1),
            "HALF_REMOTE": (2, 1),
            "HALF_LOCAL_WAITING": (0, 2),
            "HALF_LOCAL": (1, 2),
            "CLOSED": (2, 2),
        },
    ),
    Diagram(
        "request-received",
        "A request that we receive",
        "IDLE",
        "RECV_",
        {
            "IDLE": (0, 0),
            "OPEN_REQUEST_RECEIVED": (1, 0),
            "HALF_REMOTE_WAITING": (2, 0),
            "OPEN_BOTH": (1, 1),
            "HALF_REMOTE": (2, 1),
            "HALF_LOCAL": (1, 2),
            "CLOSED": (2, 2),
        },
    ),
    Diagram(
        "promise-sent",
        "A promise that we send",
        "RESERVED_LOCAL",
        "",
        {
            "RESERVED_LOCAL": (0, 0),
            "HALF_REMOTE_WAITING": (2, 0),
            "HALF_REMOTE": (1, 1),
            "CLOSED": (1, 2),
        },
    ),
    Diagram(
        "promise-received",
        "A promise that we receive",
        "RESERVED_REMOTE",
        "",
        {
            "RESERVED_REMOTE": (0, 0),
            "HALF_LOCAL_WAITING": (2, 0),
            "HALF_LOCAL": (1, 1),
            "CLOSED": (1, 2),
        },
    ),
)

CONNECTION_DIAGRAM = Diagram(
    "connection",
    "A connection",
    "STARTING",
    "",
    {
        "STARTING": (0, 0),
        "OPEN": (1, 0),
        "GOAWAY_RECEIVED": (2, 0),
        "STARTING_GOAWAY_SENT": (0, 1),
        "GOAWAY_SENT": (1, 1),
        "GOAWAY_BOTH": (2, 1),
    },
)

Column = Sequence[int]


def stream_columns() -> list[Column]:
    """The stream table transposed: what each input does, for each state."""
    return list(zip(*stream_states.TABLE, strict=True))


def reachable(columns: Sequence[Column], start: int, prefix: str, names: Sequence[str]) -> Edges:
    """All state changes from `start` except by RST_STREAM; the first input has this prefix."""
    edges: Edges = {}
    seen = {start}
    todo = [start]
    while todo:
        state = todo.pop(0)
        for input_, after in enumerate(columns[state]):
            name = names[input_]
            if after < 0 or after == state or name.endswith("RST_STREAM"):
                continue
            if state == start and not name.startswith(prefix):
                continue
            edges.setdefault((state, after), []).append(name)
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return edges


def outcome(after: int, state: int, names: Sequence[str], reactions: Mapping[int, str]) -> str:
    """The result of an input, as a cell."""
    if after < 0:
        return reactions[after]
    return "same" if after == state else f"`{names[after]}`"


def outcomes(
    columns: Sequence[Column],
    prefix: str,
    inputs: Sequence[str],
    names: Sequence[str],
    reactions: Mapping[int, str],
) -> str:
    """A table of the results of every input with this prefix in every state.

    States with the same results share their rows; so do inputs, within a state. A grid of all
    states and inputs would be wider than any screen.
    """
    chosen = [number for number, name in enumerate(inputs) if name.startswith(prefix)]
    alike: dict[tuple[str, ...], list[str]] = {}
    for state, column in enumerate(columns):
        results = tuple(outcome(column[n], state, names, reactions) for n in chosen)
        alike.setdefault(results, []).append(f"`{names[state]}`")
    rows = []
    for results, states in alike.items():
        causes: dict[str, list[str]] = {}
        for number, result in zip(chosen, results, strict=True):
            causes.setdefault(result, []).append(f"`{inputs[number].removeprefix(prefix)}`")
        # First inputs that change the state, then those that do not, then those that are not
        # allowed.
        order = sorted(causes, key=lambda result: (result[0] != "`", result != "same"))
        for result in order:
            rows.append((", ".join(states), ", ".join(causes[result]), result))
            states = []
    return table(("state", "input", "outcome"), rows)


def streams() -> str:
    """The part of the page about streams."""
    names, inputs = stream_states.STATE_NAMES, stream_states.INPUT_NAMES
    columns = stream_columns()
    parts = [STREAMS, "\n", header_blocks()]
    parts += [f"\n### {diagram.title}\n\n{diagram.image}" for diagram in STREAM_DIAGRAMS]
    for title, prefix in (("What we send", "SEND_"), ("What we receive", "RECV_")):
        parts.append(f"\n### {title} on a stream\n\n")
        parts.append(outcomes(columns, prefix, inputs, names, stream_states.REACTION_NAMES))
    return "".join(parts)


def header_blocks() -> str:
    """The table of stream states, with the meaning of a field block in each."""
    rows = []
    kinds = zip(stream_states.SENT_KIND, stream_states.RECEIVED_KIND, strict=True)
    for state, pair in enumerate(kinds):
        sent, received = (KIND_NAMES[kind] if kind >= 0 else "not allowed" for kind in pair)
        name = f"`{stream_states.STATE_NAMES[state]}`"
        rows.append((name, rfc_name(StreamStateMachine(state).state), sent, received))
    head = ("state", "in RFC 9113", "a field block that we send", "one that we receive")
    return table(head, rows)


def rfc_name(state: StreamState) -> str:
    """A state of section 5.1 as the RFC writes it."""
    kind, _, side = state.name.lower().replace("half_", "half-").partition("_")
    return f"{kind} ({side})" if side else kind


def connections() -> str:
    """The part of the page about connections."""
    names, inputs = connection_states.STATE_NAMES, connection_states.INPUT_NAMES
    parts = [CONNECTIONS]
    parts.append(f"\n{CONNECTION_DIAGRAM.image}")
    roles = (("client", connection_states.CLIENT), ("server", connection_states.SERVER))
    for role, states in roles:
        for title, prefix in (("receives", "RECV_"), ("sends", "SEND_")):
            parts.append(f"\n### What a {role} {title}\n\n")
            parts.append(outcomes(states, prefix, inputs, names, connection_states.REACTION_NAMES))
    return "".join(parts)


def connection_columns() -> list[Column]:
    """The effect of each input in each state, for both roles, which only differ in who may send.

    Without the end by an error, which leads to the same state from every state.
    """
    inputs = connection_states.INPUT_NAMES
    return [
        [after if inputs[n] != "SEND_GOAWAY_ERROR" else state for n, after in enumerate(row)]
        for state, row in enumerate(connection_states.CLIENT)
    ]


def labels(diagram: Diagram) -> dict[tuple[str, str], list[str]]:
    """The arrows of a diagram: from which state to which, with their inputs."""
    names: Sequence[str] = stream_states.STATE_NAMES
    inputs: Sequence[str] = stream_states.INPUT_NAMES
    columns = stream_columns()
    if diagram is CONNECTION_DIAGRAM:
        names, inputs = connection_states.STATE_NAMES, connection_states.INPUT_NAMES
        columns = connection_columns()
    edges = reachable(columns, names.index(diagram.start), diagram.first, inputs)
    return {(names[before], names[after]): named for (before, after), named in edges.items()}


def diagrams() -> dict[str, str]:
    """The diagrams by the name of their file."""
    return {
        f"diagrams/{shown.name}.svg": StateDiagram(
            shown.title, shown.start, shown.places, labels(shown)
        ).svg()
        for shown in (*STREAM_DIAGRAMS, CONNECTION_DIAGRAM)
    }


def page() -> str:
    """The text of the page."""
    return INTRODUCTION + streams() + connections() + note("tools.state_diagrams")


def main(arguments: Sequence[str]) -> int:
    """Write or check the page and its diagrams; returns the exit status."""
    return write_or_check("tools.state_diagrams", {"states.md": page(), **diagrams()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
