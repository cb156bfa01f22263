"""What an attack is, and the list of all that the modules of the catalogue define."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: The raw bytes, in pieces of one or several whole frames, without end if need be.
Frames = Iterator[bytes]
Generator = Callable[[], Frames]
Role = Literal["server", "client"]

NOTHING: Mapping[int, int] = {}


@dataclass(frozen=True)
class Attack:
    """One attack on one role.

    `streams` is how many streams are open before it begins: requests with content to come for a
    server, requests of its own for a client. `answered` says that the server has answered these
    with content, as far as windows allow. `peer_settings` are what the attacker announces, and
    `own_settings` what the application under attack does. A server answers a request with
    `content` octets. `valid` says that it is valid, complete messages and nothing else, which
    every application has to handle: `judge` has bars of their own for these. Octets arrive in
    reads of 64 KiB, or of so many frames as `batch` says, which gives the application time to
    answer.
    """

    name: str
    victim: Role
    words: str
    frames: Generator
    topic: str
    cve: str = ""
    streams: int = 0
    peer_settings: Mapping[int, int] = field(default_factory=dict)
    own_settings: Mapping[int, int] = field(default_factory=dict)
    content: int = 0
    batch: int = 0
    valid: bool = False
    answered: bool = False

    @property
    def id(self) -> str:
        """The name that the command line and the tables use."""
        return f"{self.victim}/{self.name}"


#: All attacks by their identifiers; see `catalogue`.
ATTACKS: dict[str, Attack] = {}


def attack(
    name: str,
    words: str,
    victims: tuple[Role, ...] = ("server",),
    *,
    cve: str = "",
    streams: int = 0,
    peer_settings: Mapping[int, int] = NOTHING,
    own_settings: Mapping[int, int] = NOTHING,
    content: int = 0,
    batch: int = 0,
    valid: bool = False,
    answered: bool = False,
) -> Callable[[Generator], Generator]:
    """Put the frames that a function generates on the list, once for each role that they hit."""

    def add(frames: Generator) -> Generator:
        for victim in victims:
            found = Attack(
                name=name,
                victim=victim,
                words=words,
                frames=frames,
                topic=frames.__module__.rpartition(".")[2],
                cve=cve,
                streams=streams,
                peer_settings=peer_settings,
                own_settings=own_settings,
                content=content,
                batch=batch,
                valid=valid,
                answered=answered,
            )
            if found.id in ATTACKS:
                raise ValueError(f"two attacks have the name {found.id}")
            ATTACKS[found.id] = found
        return frames

    return add
