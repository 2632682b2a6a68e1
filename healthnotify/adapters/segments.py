"""How many parts a text costs as SMS: GSM-7 with its extension table, else UCS-2 (3GPP TS 23.038, 23.040)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GSM_7: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION: Final = frozenset("\f^{}\\[~]|€")  # two units each: an escape, then the character


class Encoding(StrEnum):
    GSM_7 = "gsm7"
    UCS_2 = "ucs2"


#: Units of a text that fits one message, and of one part when it does not (the rest is the header that joins them).
ROOM: Final = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text comes to: `units` are septets (GSM-7) or 16-bit words (UCS-2), `count` is billed messages."""

    encoding: Encoding
    units: int
    count: int


def segments(text: str) -> Segments:
    """Encoding, units and count of parts. An empty text has none."""
    encoding = Encoding.GSM_7 if set(text) <= GSM_7 | GSM_7_EXTENSION else Encoding.UCS_2
    widths = [_width(character, encoding) for character in text]
    units = sum(widths)
    single, part = ROOM[encoding]
    return Segments(encoding, units, min(units, 1) if units <= single else _parts(widths, part))


def _width(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return 2 if character in GSM_7_EXTENSION else 1
    return len(character.encode("utf-16-be", "surrogatepass")) // 2


def _parts(widths: Sequence[int], room: int) -> int:
    """Parts are filled in turn; neither an escape pair nor a surrogate pair is split between two of them."""
    count, left = 1, room
    for width in widths:
        if width > left:
            count, left = count + 1, room
        left -= width
    return count
