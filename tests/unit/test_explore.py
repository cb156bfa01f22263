"""Two ends never accuse each other of errors, and the program that checks this can fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from h2._core import receive_settings, send
from h2._rules import connection_states, stream_states
from h2._rules.stream_states import CLOSED, HALF_LOCAL, OPEN_BOTH
from h2.errors import ErrorCodes
from support.builds import pure_build
from tools.explore import __main__ as program
from tools.explore import seeded
from tools.explore.calls import SCENARIOS, Call
from tools.explore.chains import Chain, chain_walk
from tools.explore.endpoint import Endpoint
from tools.explore.facts import Fault
from tools.explore.frames import is_whole, split
from tools.explore.images import copy_of, image_of, stream_images
from tools.explore.relay import Relay
from tools.explore.search import Search
from tools.explore.seeded import CLIENT, SERVER, STREAM, Cell
from tools.explore.starts import settle, start
from tools.explore.walks import walk
from tools.explore.worlds import check_agreement

pytestmark = pure_build

# The searches of the test suite: how many calls in a row, with one stream and with two, and the
# least number of states found. `python -m tools.explore` goes further.
SEARCHES = {
    "messages": (5, 4, 2_000),
    "push": (3, 2, 1_000),
    "connect": (3, 2, 700),
    "upgrade": (2, 1, 1_000),
    "settings": (2, 2, 1_000),
    "windows": (3, 2, 1_000),
    "filled": (3, 2, 1_000),
    "shutdown": (3, 3, 2_000),
    "others": (3, 3, 1_500),
    "ending": (3, 3, 1_500),
    "leaving": (2, 1, 1_500),
    "largest": (3, 2, 3_000),
    "restricted": (2, 2, 2_000),
    "forgetful": (4, 3, 2_000),
    "all": (2, 1, 2_000),
    "start": (1, 1, 500),
    "held": (2, 1, 300),
}

both_modes = pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])


def pair(name: str = "all", strict: bool = True, streams: int = 2) -> tuple[Endpoint, Endpoint]:
    client, server, to_server, to_client = start(SCENARIOS[name], strict, streams)
    settle(client, server, to_server, to_client)
    return client, server


def exchange(client: Endpoint, server: Endpoint, *steps: tuple[Endpoint, Call]) -> None:
    for end, call in steps:
        assert end.call(call)
    settle(client, server, client.take(), server.take())


# The searches ------------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("name", SCENARIOS)
def test_two_ends_never_accuse_each_other(name: str, strict: bool) -> None:
    *depths, states = SEARCHES[name]
    for streams, depth in enumerate(depths, start=1):
        report = Search(SCENARIOS[name], strict, streams).run(depth)
        assert report.findings == []
        assert report.depth == depth
        states -= report.states
    assert states <= 0


@both_modes
@pytest.mark.parametrize("name", SCENARIOS)
def test_random_walks_of_two_ends(name: str, strict: bool) -> None:
    for streams in (1, 8):
        assert walk(SCENARIOS[name], strict, streams, walks=5, length=200, seed="t").findings == []


@both_modes
@pytest.mark.parametrize("name", SCENARIOS)
def test_random_walks_with_an_intermediary(name: str, strict: bool) -> None:
    report = chain_walk(SCENARIOS[name], strict, streams=8, walks=2, length=300, seed="t")
    assert report.findings == []
    assert report.steps > 100


# Faults that it must find-------------------------------------------------------------------------


def stream_cell(input_: str, state: str) -> Cell:
    return Cell(
        STREAM, stream_states.INPUT_NAMES.index(input_), stream_states.STATE_NAMES.index(state)
    )


def connection_cell(table: str, input_: str, state: str) -> Cell:
    return Cell(
        table,
        connection_states.STATE_NAMES.index(state),
        connection_states.INPUT_NAMES.index(input_),
    )


FAULTS = [
    # An allowed frame becomes an error.
    ("messages", stream_cell("RECV_HEADERS_END", "OPEN_REQUEST_RECEIVED"), -4, "accused"),
    ("messages", stream_cell("SEND_DATA", "OPEN_BOTH"), -1, "refused"),
    ("push", connection_cell(CLIENT, "RECV_PUSH_PROMISE", "OPEN"), -2, "accused"),
    # Frames in flight are no longer ignored.
    ("messages", stream_cell("RECV_DATA", "CLOSED_BY_US"), -3, "accused"),
    ("push", stream_cell("RECV_PUSH_PROMISE", "CLOSED_BY_US"), -9, "accused"),
    ("windows", stream_cell("RECV_WINDOW_UPDATE", "CLOSED_BY_US"), -5, "accused"),
    # Frames are ignored although the stream was not reset.
    ("messages", stream_cell("RECV_DATA", "HALF_LOCAL"), -2, "crashed"),
    # A frame leads to the wrong state.
    ("messages", stream_cell("RECV_DATA_END", "HALF_LOCAL"), HALF_LOCAL, "state"),
    ("push", stream_cell("SEND_HEADERS", "RESERVED_LOCAL"), OPEN_BOTH, "disagree"),
    ("shutdown", connection_cell(CLIENT, "RECV_GOAWAY", "OPEN"), 1, "state"),
    # A refused call becomes possible.
    ("messages", stream_cell("SEND_DATA", "HALF_LOCAL"), HALF_LOCAL, "allowed"),
    ("shutdown", connection_cell(SERVER, "SEND_PUSH_PROMISE", "GOAWAY_RECEIVED"), 4, "allowed"),
]


@pytest.mark.parametrize(("name", "cell", "value", "kind"), FAULTS, ids=str)
def test_a_fault_in_a_table_is_found(name: str, cell: Cell, value: int, kind: str) -> None:
    before = cell.value
    places = [place for place, (scenario, *_) in enumerate(seeded.SEARCHES) if scenario == name]
    outcome = seeded.try_cell(cell, value, places)
    assert outcome.found.startswith(kind)
    assert outcome.calls > 0
    assert cell.value == before


@pytest.mark.parametrize("table", [STREAM, CLIENT, SERVER])
def test_what_a_fault_can_be(table: str) -> None:
    cells = [cell for cell in seeded.cells() if cell.table == table]
    assert len(cells) == (13 * 18 if table == STREAM else 7 * 24)
    for cell in cells:
        assert cell.value not in seeded.changes(cell)
        assert all(seeded.name_of(cell, value) for value in seeded.changes(cell))


def test_cells_that_nobody_asks_for_have_a_reason() -> None:
    asked = seeded.asked_cells([0, 1, 2])
    assert asked[Cell(STREAM, stream_states.RECV_HEADERS, OPEN_BOTH - 2)] == [0, 1, 2]
    never = Cell(STREAM, stream_states.RECV_HEADERS, CLOSED)
    assert never not in asked
    assert seeded.reason(never)
    assert not seeded.reason(Cell(STREAM, stream_states.SEND_DATA, OPEN_BOTH))


def test_a_rejected_call_that_changes_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    no_stream = send.no_stream

    def spoil(conn: send.Connection, stream_id: int) -> Exception:
        conn.window.value -= 1
        return no_stream(conn, stream_id)

    monkeypatch.setattr(send, "no_stream", spoil)
    report = Search(SCENARIOS["messages"], True, 1).run(3)
    assert {finding.fault.kind for finding in report.findings} == {"changed"}


def test_a_setting_that_is_not_followed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive_settings, "change_send_windows", lambda conn, size: None)
    report = Search(SCENARIOS["windows"], True, 1, first_only=True).run(3)
    assert report.findings[0].fault.kind == "window"
    assert report.findings[0].calls == len([
        step for step in report.findings[0].steps if not step.endswith("receives")
    ])  # fmt: skip
    walks = walk(SCENARIOS["windows"], True, 2, walks=5, length=100, seed="w")
    assert "seed w:" in str(walks.findings[0])


def cut_streams(end: Endpoint) -> None:
    end.conn._core.streams.open.inbound += 1


def take_window(end: Endpoint) -> None:
    end.conn._core.window.value += 2**31


def end_stream(end: Endpoint) -> None:
    del end.facts[1]


@pytest.mark.parametrize(
    ("change", "kind"), [(cut_streams, "count"), (take_window, "window"), (end_stream, "state")]
)
def test_an_end_that_is_out_of_step_with_itself(
    change: Callable[[Endpoint], None], kind: str
) -> None:
    client, server = pair()
    exchange(client, server, (client, Call("headers", 1)))
    server.verify()
    change(server)
    with pytest.raises(Fault, match=kind):
        server.verify()


def lose_reset(end: Endpoint) -> None:
    end.conn.reset_stream(1, ErrorCodes.CANCEL)


def shut_window(end: Endpoint) -> None:
    end.conn._core.window.value = 0


def shut_stream(end: Endpoint) -> None:
    end.conn._core.streams[1].window.value -= 1


def announce(end: Endpoint) -> None:
    end.conn.update_settings({5: 20_000})


def shrink_frames(end: Endpoint) -> None:
    end.conn._core.max_inbound_frame_size -= 1


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lose_reset, "disagree: stream 1 is"),
        (shut_window, "window: of the connection"),
        (shut_stream, "window: of stream 1"),
        (announce, "stuck: SETTINGS"),
        (shrink_frames, "disagree: on the size"),
        (cut_streams, "disagree: on the number"),
    ],
)
def test_ends_that_do_not_agree(change: Callable[[Endpoint], None], kind: str) -> None:
    client, server = pair()
    exchange(client, server, (client, Call("headers", 1)))
    check_agreement(client, server)
    change(server)
    with pytest.raises(Fault, match=kind):
        check_agreement(client, server)


def test_windows_that_stay_shut_are_found() -> None:
    client, server = pair()
    exchange(client, server, (client, Call("headers", 1)))
    for core, window in (
        (client.conn._core, server.conn._core.window),
        (client.conn._core, server.conn._core.streams[1].window),
    ):
        before = window.value, core.send_windows.connection, core.streams[1].send_offset
        window.value = 0
        if window is server.conn._core.window:
            core.send_windows.connection = 0
        else:
            core.streams[1].send_offset = -core.send_windows.initial
        with pytest.raises(Fault, match="stuck"):
            check_agreement(client, server)
        window.value, core.send_windows.connection, core.streams[1].send_offset = before
        check_agreement(client, server)


def test_a_chain_brings_content_through() -> None:
    chain = Chain(SCENARIOS["windows"], True, 10, "c")
    chain.run(600)
    brought = sum(chain.received[end, stream] for end, stream in chain.received if end in (0, 3))
    assert brought > 1000


def test_a_chain_that_loses_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(relay: Relay, *arguments: Any) -> None:
        arguments[-1].clear()

    monkeypatch.setattr(Relay, "_flush", forget)
    report = chain_walk(SCENARIOS["messages"], True, streams=4, walks=3, length=200, seed="l")
    assert {finding.fault.kind for finding in report.findings} == {"lost", "disagree"}


# How it works -------------------------------------------------------------------------------------


def everything(end: Endpoint) -> object:
    return image_of(end.conn), stream_images(end.conn)


def test_a_copy_goes_on_like_its_original() -> None:
    for seed in range(10):
        chance = random.Random(seed)
        ends = list(pair(streams=3))
        for _ in range(60):
            who = chance.randrange(2)
            end = ends[who]
            call = chance.choice(list(end.candidates()))
            twin = end.copy()
            before = everything(end)
            assert everything(twin) == before
            assert twin.call(call) == end.call(call)
            frames = end.take()
            assert twin.take() == frames
            assert everything(twin) == everything(end)
            ends[who] = twin
            for frame in frames:
                ends[1 - who].deliver(frame)
            for frame in ends[1 - who].take():
                ends[who].deliver(frame)


def test_a_copy_shares_nothing_with_its_original() -> None:
    client, server = pair()
    exchange(client, server, (client, Call("headers", 1)), (client, Call("data", 1)))
    before = server.image()
    twin = server.copy()
    exchange(client, twin, (twin, Call("headers", 1)), (twin, Call("set-window")))
    exchange(client, twin, (client, Call("reset", 1)))
    assert server.image() == before
    assert copy_of(server.conn).streams is not server.conn.streams


def test_an_image_needs_empty_tables() -> None:
    client, server = pair()
    client.more = [("x", "a value that enters the table")]
    exchange(client, server, (client, Call("headers", 1)))
    for end in (client, server):
        with pytest.raises(ValueError, match="HPACK"):
            end.image()


def test_states_that_differ_in_the_names_of_streams_are_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folded = Search(SCENARIOS["messages"], True, 2).run(4)
    monkeypatch.setattr("tools.explore.search._renamable", lambda end: 0)
    whole = Search(SCENARIOS["messages"], True, 2).run(4)
    assert whole.states * 0.4 < folded.states < whole.states
    assert whole.findings == folded.findings == []


def test_images_that_hash_alike_are_told_apart() -> None:
    search = Search(SCENARIOS["messages"], True, 1)
    images = [search._image(number, {1: 0}, {}) for number in (-1, -2, -1)]
    assert hash(-1) == hash(-2)
    assert images[0] == images[2] != images[1]


def test_a_search_gives_up_where_it_is_told_to() -> None:
    report = Search(SCENARIOS["messages"], True, 1, most_states=50).run(5)
    assert report.depth < 5
    assert 50 < report.states < 200


def test_output_is_cut_into_frames() -> None:
    client, _, to_server, to_client = start(SCENARIOS["start"], True, 1)
    assert [frame[:3] for frame in to_server] == [b"PRI"]
    assert len(to_client) == 1
    client.conn.ping(bytes(8))
    client.conn.ping(bytes(8))
    output = client.conn.data_to_send()
    assert [len(frame) for frame in split(output)] == [17, 17]
    assert is_whole(output[:17])
    for cut in range(17):
        assert [is_whole(frame) for frame in split(output[: 17 + cut])] == [True, False][
            : 1 + (cut > 0)
        ]


# The command --------------------------------------------------------------------------------------


def test_the_command_searches(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--depth", "2", "--scenario", "messages", "--streams", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:4] for row in rows] == [
        ["| messages", mode, "2", "2"] for mode in ("default", "strict")
    ]
    assert program.DEPTHS.keys() == SCENARIOS.keys() == SEARCHES.keys()
    with pytest.raises(SystemExit):
        program.main(["--streams", "3"])


def test_the_command_walks(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--walks", "3", "--length", "50", "--scenario", "all", "--mode", "strict"]
    assert program.main([*given, "--streams", "4"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("| all | strict | 4 | 3 | ")
    assert program.main([*given, "--streams", "4", "--chain"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("| all | strict | 4 | 3 | ")


def test_the_command_says_what_it_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_settings, "change_send_windows", lambda conn, size: None)
    assert program.main(["--depth", "3", "--scenario", "windows", "--mode", "strict"]) == 1
    assert "window: of stream 1: 65535, 4\n    after client " in capsys.readouterr().out
    assert program.main(["--walks", "5", "--scenario", "windows", "--mode", "strict"]) == 1


def test_the_command_puts_faults_into_tables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeded, "SEARCHES", (("messages", 1, 3), ("push", 2, 2)))
    faults = ["--faults", "--only"]
    assert program.main([*faults, "SEND_DATA_END in OPEN_BOTH"]) == 0
    assert "misuse: 3 calls of 'messages': refused: end(1)" in capsys.readouterr().out
    # Neither scenario has the call that would detect it.
    assert program.main([*faults, "SEND_WINDOW_UPDATE in OPEN_BOTH"]) == 1
    assert "nobody asks: NO REASON" in capsys.readouterr().out
    assert program.main([*faults, "RECV_HEADERS in CLOSED"]) == 0
    assert "nobody asks: only a peer that" in capsys.readouterr().out
    # Another check rejects it, too.
    assert program.main([*faults, "client: SEND_PUSH_PROMISE in OPEN"]) == 0
    assert "not found: " in capsys.readouterr().out
    monkeypatch.setattr(seeded, "changes", lambda cell: [cell.value])
    assert program.main([*faults, "SEND_DATA in OPEN_BOTH"]) == 1
    assert "NOT FOUND" in capsys.readouterr().out
