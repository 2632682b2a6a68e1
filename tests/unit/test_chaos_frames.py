"""What chaos does to single requests to Kafka: it finds the right ones, and changes the right field."""

import struct

import pytest

from tests.chaos.frames import NO_SUCH_EPOCH, Api, Dialogue, Spoil, refused, stale
from tests.chaos.taken import Take, Takes


def framed(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


def a_request(api: Api, version: int, number: int, body: bytes = b"") -> bytes:
    return struct.pack(">hhih", api, version, number, 2) + b"me" + body


def an_answer(number: int, body: bytes = b"\x00") -> bytes:
    return struct.pack(">i", number) + body


def carry(dialogue: Dialogue, *, up: bool, frames: list[bytes]) -> bytes:
    return dialogue.carry(b"".join(map(framed, frames)), up=up)


def test_what_is_not_spoiled_passes_whole_however_it_is_cut():
    said = b"".join(framed(a_request(Api.FETCH, 12, number, bytes(number))) for number in range(1, 9))
    dialogue = Dialogue(lambda: [Spoil(Api.PRODUCE, "lose_request")])

    passed = [dialogue.carry(said[at : at + 5], up=True) for at in range(0, len(said), 5)]

    assert b"".join(passed) == said


def test_a_lost_request_is_missing_and_its_neighbours_pass():
    spoil = Spoil(Api.PRODUCE, "lose_request", about=b"daily")
    ours, theirs = a_request(Api.PRODUCE, 9, 1, b"daily"), a_request(Api.PRODUCE, 9, 2, b"retry")

    passed = carry(Dialogue(lambda: [spoil]), up=True, frames=[ours, theirs])

    assert passed == framed(theirs)
    assert spoil.done == 1


def test_a_lost_answer_is_that_of_the_request_and_of_no_other():
    spoil = Spoil(Api.PRODUCE, "lose_answer", most=1)
    dialogue = Dialogue(lambda: [spoil])
    asked = [a_request(Api.PRODUCE, 9, number) for number in (1, 2)]

    assert carry(dialogue, up=True, frames=asked) == b"".join(map(framed, asked))

    assert carry(dialogue, up=False, frames=[an_answer(2), an_answer(1)]) == framed(an_answer(2))


def test_a_heartbeat_is_answered_with_the_error():
    answer = an_answer(7, b"\x00" + struct.pack(">ih", 0, 0) + b"rest")

    changed = refused(Api.GROUP_HEARTBEAT, 1, answer, 42)

    assert changed == an_answer(7, b"\x00" + struct.pack(">ih", 0, 42) + b"rest")


def test_the_first_partition_that_was_produced_to_has_failed():
    def said(code: int) -> bytes:
        return an_answer(7, b"\x00\x02" + b"\x06daily" + b"\x02" + struct.pack(">ih", 3, code) + b"rest")

    assert refused(Api.PRODUCE, 10, said(0), 6) == said(6)


def test_an_answer_of_a_version_that_is_not_known_is_a_bug_of_ours():
    with pytest.raises(AssertionError, match="PRODUCE 3"):
        refused(Api.PRODUCE, 3, an_answer(1), 6)


@pytest.mark.parametrize(("version", "group"), [(9, b"\x00\x06group"), (7, b"\x00\x05group")])
def test_a_commit_is_of_an_epoch_that_never_was(version, group):
    def asked(epoch: int) -> bytes:
        return a_request(Api.OFFSET_COMMIT, version, 1, group + struct.pack(">i", epoch) + b"rest")

    assert stale(asked(4), version) == asked(NO_SUCH_EPOCH)


def test_a_record_that_was_given_twice_is_seen_and_what_came_before_is_not(tmp_path):
    takes = Takes(tmp_path / "takes.txt")
    (tmp_path / "takes.txt").write_text("1 daily 0 5\n")
    mark = takes.mark()
    with (tmp_path / "takes.txt").open("a") as notes:
        notes.write("1 daily 0 6\n1 paused\n2 daily 0 5\n2 daily 0 6\n2 daily 0 ")

    assert takes.twice(mark) == {("daily", 0, 6): [1, 2]}
    assert takes.pauses(mark) == 1
    assert takes.since(mark)[0] == Take(1, "daily", 0, 6)
