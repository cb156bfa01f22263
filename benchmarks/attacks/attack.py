"""The definition of an attack, and the list of all attacks of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: The raw bytes, in pieces of one or several whole frames, endless if necessary.
Frames = Iterator[bytes]
Generator = Callable[[], Frames]
Role = Literal["server", "client"]

NOTHING: Mapping[int, int] = {}


@dataclass(frozen=True)
class Attack:
    """One attack on one role.

    `streams` is how many streams are open before it begins: incomplete requests for a server, its
    own requests for a client. `answered` means that the server has answered these with content, as
    far as windows allow. `peer_settings` are the settings of the attacker, and `own_settings` those
    of the application under attack. A server answers a request with `content` octets. `valid` means
    that it consists only of valid, complete messages, which every application has to handle:
    `judge` has separate limits for these. Octets arrive in reads of 64 KiB, or of `batch` frames,
    which gives the application time to answer.
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
        """The name in the command line and in the tables."""
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
    """Add the frames that a function generates to the list, once for each role that they attack."""

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
