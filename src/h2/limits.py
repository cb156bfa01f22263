"""Limits against abuse: how much a peer may do that ordinary peers rarely do (RFC 9113 10.5).

All limits are on by default. A program that needs other numbers passes them to the configuration::

    limits = AbuseLimits(fields=500, resets_received=Rate(burst=5000, per_second=100))
    config = H2Configuration(client_side=False, limits=limits)

``None`` in place of a number turns that limit off.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from h2._dataclass import dataclass

__all__ = ["AbuseLimits", "Rate"]

#: A header list of this size fits into the compression table at its initial size.
_ORDINARY_LIST: Final = 4096

#: Larger than any header list.
_LARGEST: Final = 2**63

_INFINITE: Final = float("inf")

#: Fewer answers than this are not merged (h2._core.output).
_FEW_ANSWERS: Final = 255


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: a burst, and a number more each second.

    :param burst: how many may arrive at once, at least 1
    :param per_second: how many more may arrive each second, 0 or more
    :raises ValueError: if a number is out of range or of another type
    """

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if not (
            _is_int(self.burst) and (_is_int(self.per_second) or type(self.per_second) is float)
        ):
            raise ValueError(f"{self!r}: burst must be an int, per_second a number")
        # NaN compares as false.
        if not (self.burst >= 1 and 0 <= self.per_second < _INFINITE):
            raise ValueError(f"{self!r} is out of range")


@dataclass(frozen=True, kw_only=True, slots=True)
class AbuseLimits:
    """The limits against abuse of a connection, in both roles.

    When the peer exceeds one, ``receive_data`` raises
    :class:`~h2.exceptions.DenialOfServiceError`, and the connection ends with GOAWAY and
    ENHANCE_YOUR_CALM. If noted below, only the stream is reset.

    :param resets_received: streams that the peer opens and resets ("rapid reset", CVE-2023-44487):
        each makes the application do useless work, unless the response was sent in full. If the
        peer may have more streams open than the burst, it may cancel all of them at once, up to ten
        times the burst. 2000 is more than a page load or a proxy cancels at once, and as many as
        Twisted's tests cancel; 33 per second is twice the rate at which all users of a proxy
        together cancel by hand
    :param resets_provoked: streams of the peer that we have to reset because of its errors, after
        the application was told about them ("MadeYouReset", CVE-2025-8671). The effect is that of
        rapid reset
    :param glitches: legal frames that have no effect: unknown types, PRIORITY, PRIORITY_UPDATE,
        repeated SETTINGS (each entry counts) and GOAWAY, ALTSVC, ORIGIN (by size), unsolicited
        acknowledgments, frames on closed streams, small WINDOW_UPDATE frames (CVE-2019-9511,
        CVE-2019-9513), refused streams, informational responses. As many as ordinary traffic has
        per stream, and per octet sent, do not count. A program that keeps the events of a whole
        burst holds less than 2 MB
    :param pending_answers: acknowledgments of PING and SETTINGS that are pending in the output
        (CVE-2019-9512, CVE-2019-9515): the peer asks but never reads. 1000 take about 17 KB
    :param settings_entries: entries in one SETTINGS frame (CVE-2020-11080). RFC 9113 has six
        settings; the rest is room for extensions
    :param fields: fields in one message, not counting cookies (CVE-2026-49975). A field can take
        one octet on the wire and a hundred in memory. Browsers send 20. The stream is reset; with
        ``strict`` a server answers 431
    :param cookie_crumbs: ``cookie`` fields in one request, which may be split into one per cookie
        pair (RFC 9113 section 8.2.3). Browsers store 180 cookies per site. The stream is reset;
        with ``strict`` a server answers 431
    :param encoded_factor: the largest size of an encoded field block, as a multiple of
        MAX_HEADER_LIST_SIZE (CONTINUATION flood, VU#421644); checked as the octets arrive. An
        encoder that uses Huffman codes only where they are shorter stays below 1
    :param expansion: octets of decoded fields beyond what an honest encoder achieves with the
        octets sent: the whole table once per message, 64 per field, and 2 per octet. Counted over
        the connection (CVE-2016-6581, CVE-2026-49975). Honest traffic stays at 0; 512 KiB bounds
        what one read can make us allocate, and 64 KiB per second the long-term cost
    :param reserved_streams: promised streams whose response has not started: no limit that the
        server knows of counts them. More are refused, and each is a glitch. So is each promise,
        kept or not, beyond this number per request of the client. A page needs a few dozen
    :param empty_data: DATA frames with neither content nor END_STREAM (CVE-2019-9518)
    :param small_data: DATA frames of less than 256 octets that were not acknowledged with
        ``acknowledge_received_data``: each takes a hundred octets of memory that flow control does
        not count (RUSTSEC-2026-0258). Larger windows and more concurrent streams allow more: one
        per 8 octets of the connection's window, and 16 per stream. Frames with END_STREAM do not
        count
    :raises ValueError: if a number is negative or of another type
    """

    resets_received: Rate | None = Rate(2000, 33)
    resets_provoked: Rate | None = Rate(1000, 33)
    glitches: Rate | None = Rate(10_000, 330)
    pending_answers: int | None = 1000
    settings_entries: int | None = 32
    fields: int | None = 128
    cookie_crumbs: int | None = 256
    encoded_factor: int | None = 2
    expansion: Rate | None = Rate(2**19, 2**16)
    reserved_streams: int | None = 200
    empty_data: Rate | None = Rate(100, 10)
    small_data: int | None = 2**14

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(field.default, Rate):
                if not isinstance(value, Rate):
                    raise ValueError(f"{field.name} must be a Rate or None, not {value!r}")
            elif not _is_int(value):
                raise ValueError(f"{field.name} must be an int or None, not {value!r}")
            elif value < 0:
                raise ValueError(f"{field.name} must not be negative")

    def suspect_list(self) -> int:
        """Return the size in octets up to which a header list cannot exceed any limit.

        :meta private:
        """
        sizes = [_LARGEST]
        # Each field counts 32 octets in addition to its name and value (section 6.5.2).
        sizes += [32 * most for most in (self.fields, self.cookie_crumbs) if most is not None]
        if self.expansion is not None:
            sizes.append(_ORDINARY_LIST)
        return min(sizes)

    def few_answers(self) -> int:
        """Return how many answers may be pending before anything needs to be done about them.

        :meta private:
        """
        most = self.pending_answers
        return _FEW_ANSWERS if most is None else min(most, _FEW_ANSWERS)

    def few_small_data(self) -> int:
        """Return up to how many small DATA frames need not be checked.

        :meta private:
        """
        return _LARGEST if self.small_data is None else self.small_data

    @classmethod
    def off(cls) -> AbuseLimits:
        """Return limits that are all turned off."""
        return cls(**{field.name: None for field in fields(cls)})
