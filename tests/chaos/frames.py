"""What a line to Kafka carries, request by request: single ones can be lost, refused, or made wrong on their way.

Only what must be known of Kafka's protocol is known here: the size before each frame, what a request begins with, and
where in three kinds of frames the field stands that is to be changed.
"""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HEAD: Final = struct.Struct(">hhi")  # of a request: what it asks, in which version, and its number
NUMBER: Final = struct.Struct(">i")
CODE: Final = struct.Struct(">h")
NO_SUCH_EPOCH: Final = 1 << 20


class Api(IntEnum):
    """What a request asks for."""

    PRODUCE = 0
    FETCH = 1
    OFFSET_COMMIT = 8
    GROUP_HEARTBEAT = 68


#: From this version on a kind of request is "flexible": lengths are short numbers, and headers have a tag more.
FLEXIBLE: Final = {Api.PRODUCE: 9, Api.OFFSET_COMMIT: 8, Api.GROUP_HEARTBEAT: 0}


@dataclass
class Spoil:
    """What becomes of requests of a kind; `done` counts them, which is the proof that it took effect."""

    api: Api
    do: str  #: lose_request, lose_answer, refuse (the answer says `code` instead), stale (of an epoch that never was)
    code: int = 0
    about: bytes = b""  #: only requests that hold these bytes, as a topic's or a group's name
    share: float = 1.0
    most: int = 0  #: so many; 0: all
    done: int = 0

    def takes(self, api: int, frame: bytes) -> bool:
        """Whether this request is spoiled; it is counted then."""
        if api != self.api or (self.most and self.done >= self.most) or self.about not in frame:
            return False
        if random.random() >= self.share:
            return False
        self.done += 1
        return True


class Dialogue:
    """One connection, both ways; bytes come in chunks as they like and leave in whole frames."""

    def __init__(self, spoils: Callable[[], Sequence[Spoil]]) -> None:
        self._spoils = spoils
        self._rest = {True: b"", False: b""}
        self._awaited: dict[int, tuple[Spoil, int]] = {}  # number of a request -> what becomes of its answer

    def carry(self, chunk: bytes, *, up: bool) -> bytes:
        """What is passed on of this chunk."""
        change = self._request if up else self._answer
        changed = [change(frame) for frame in self._frames(chunk, up=up)]
        return b"".join(NUMBER.pack(len(frame)) + frame for frame in changed if frame is not None)

    def _frames(self, chunk: bytes, *, up: bool) -> Iterator[bytes]:
        held = self._rest[up] + chunk
        begin = 0
        while len(held) >= begin + NUMBER.size:
            (size,) = NUMBER.unpack_from(held, begin)
            end = begin + NUMBER.size + size
            if len(held) < end:
                break
            yield held[begin + NUMBER.size : end]
            begin = end
        self._rest[up] = held[begin:]

    def _request(self, frame: bytes) -> bytes | None:
        api, version, number = HEAD.unpack_from(frame)
        spoil = next((one for one in self._spoils() if one.takes(api, frame)), None)
        match spoil and spoil.do:
            case "lose_request":
                return None
            case "stale":
                return stale(frame, version)
            case "lose_answer" | "refuse":
                assert spoil
                self._awaited[number] = (spoil, version)
        return frame

    def _answer(self, frame: bytes) -> bytes | None:
        (number,) = NUMBER.unpack_from(frame)
        if number not in self._awaited:
            return frame
        spoil, version = self._awaited.pop(number)
        return None if spoil.do == "lose_answer" else refused(spoil.api, version, frame, spoil.code)


def refused(api: Api, version: int, frame: bytes, code: int) -> bytes:
    """The answer to a heartbeat, or to the first partition that was produced to, with that error."""
    assert version >= FLEXIBLE[api], f"{api.name} {version} is older than what is known here"
    at = NUMBER.size + 1 + 4  # number, tags, and how long the client is to wait
    if api is Api.PRODUCE:
        at = NUMBER.size + 1 + 1  # number, tags, how many topics
        at += frame[at]  # the name and its length, which counts one more
        at += 1 + 4  # how many partitions, and the number of the first
    return frame[:at] + CODE.pack(code) + frame[at + CODE.size :]


def stale(frame: bytes, version: int) -> bytes:
    """A commit that claims to be of an epoch that never was: the broker refuses it."""
    at = HEAD.size
    (length,) = CODE.unpack_from(frame, at)  # the client's name
    at += CODE.size + max(0, length)
    if version >= FLEXIBLE[Api.OFFSET_COMMIT]:
        at += 1  # tags
        at += frame[at]  # the group's name and its length, which counts one more
    else:
        at += CODE.size + CODE.unpack_from(frame, at)[0]
    return frame[:at] + NUMBER.pack(NO_SUCH_EPOCH) + frame[at + NUMBER.size :]
