"""How to reach the situation of a case."""

from __future__ import annotations

from conformance import build, wire
from conformance.build import Made
from conformance.case import Case, Need, Situation
from conformance.peer import NotApplicableError, NotPossibleError, Peer, Role
from conformance.wire import Setting


def prepare(peer: Peer, case: Case) -> None:
    """Bring the connection into the situation of the case; raises `NotPossibleError`."""
    if case.situation is Situation.START:
        if peer.role is Role.CLIENT:
            peer.wait("the preface of the client", lambda peer: bool(peer.seen.frames))
        return
    connect(peer, _WINDOWS.get(case.situation))
    _check_needs(peer, case)
    if peer.role is Role.CLIENT and case.situation is not Situation.CONNECTED:
        peer.wait("a request", lambda peer: peer.stream != 0)
    for made in _FRAMES.get((case.situation, peer.role), ()):
        peer.send(made(peer))
    if case.situation is Situation.CLOSED and peer.role is Role.SERVER:
        peer.wait("the end of the response", lambda peer: peer.stream in peer.seen.ended)
    if case.situation is Situation.CLOSED and peer.role is Role.CLIENT:
        peer.wait("the end of the request", lambda peer: peer.stream in peer.seen.ended)
        peer.send(build.message(end=True)(peer))
    if case.situation is Situation.REFUSED:
        try:
            peer.wait("the reset of the stream", lambda peer: peer.stream in peer.seen.resets)
        except NotPossibleError as error:  # section 5.4.1: it may end the connection
            raise NotApplicableError(str(error)) from None


_FRAMES: dict[tuple[Situation, Role], tuple[Made, ...]] = {
    (Situation.OPEN, Role.SERVER): (build.message(end=False, method=b"POST"),),
    (Situation.OPEN, Role.CLIENT): (build.message(end=False),),
    (Situation.ENDED, Role.SERVER): (build.message(end=True),),
    (Situation.CLOSED, Role.SERVER): (build.message(end=True),),
    (Situation.RESET, Role.SERVER): (build.message(end=False, method=b"POST"), build.reset()),
    (Situation.RESET, Role.CLIENT): (build.reset(),),
    (Situation.REFUSED, Role.SERVER): (
        build.message(end=False, method=b"POST"),
        build.window(0),
    ),
    (Situation.REFUSED, Role.CLIENT): (build.message(end=False), build.window(0)),
    (Situation.ENDED, Role.CLIENT): (build.message(end=True),),
    (Situation.PROMISED, Role.CLIENT): (build.promise(),),
}


_LARGE = 2**24
# How much content the endpoint may send, if it is not the initial value.
_WINDOWS = {Situation.ENDED: 0, Situation.CLOSED: _LARGE}


def connect(peer: Peer, window: int | None) -> None:
    """Exchange prefaces and acknowledgments."""
    pairs = [] if window is None else [(Setting.INITIAL_WINDOW_SIZE, window)]
    preface = wire.PREFACE if peer.role is Role.SERVER else b""
    peer.send(preface + wire.settings(*pairs))
    if window:
        peer.send(build.window(window, on=0)(peer))
    peer.release()
    if peer.role is Role.CLIENT:
        peer.wait("the preface of the client", lambda peer: bool(peer.seen.frames))
    peer.wait("SETTINGS and the acknowledgment of ours", _is_settled)


def _is_settled(peer: Peer) -> bool:
    settings = [frame for frame in peer.seen.frames if frame.type == wire.Type.SETTINGS]
    return peer.acknowledged > 0 and any(not frame.has(wire.ACK) for frame in settings)


def _check_needs(peer: Peer, case: Case) -> None:
    if peer.role is not Role.CLIENT:
        return
    pushes = peer.settings.get(Setting.ENABLE_PUSH, 1) == 1
    if case.needs is Need.PUSH and not pushes:
        raise NotApplicableError("the client has disabled push")
    if case.needs is Need.NO_PUSH and pushes:
        raise NotApplicableError("the client takes pushed responses")
