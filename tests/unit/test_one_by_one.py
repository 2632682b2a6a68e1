"""Suspects go one by one."""

from healthnotify.domain.one_by_one import OneByOne


def test_suspects_go_one_by_one_each_when_the_one_before_is_settled():
    dice = iter([0.5, 0.0, 0.0])
    one_by_one = OneByOne(lambda: next(dice))
    keys = first, second, third = object(), object(), object()
    for name, key in zip("abc", keys, strict=True):
        one_by_one.add(key, name)

    assert one_by_one.next() == ["b"]
    one_by_one.gone()
    assert one_by_one.next() == []
    one_by_one.settled([first, object()])
    assert one_by_one.next() == []
    one_by_one.settled([second])
    assert one_by_one.next() == ["a"]
    one_by_one.gone()
    one_by_one.settled([first])
    assert one_by_one.next() == ["c"]
    one_by_one.gone()
    one_by_one.settled([third])
    assert one_by_one.next() == []


def test_whose_turn_it_is_stays_so_until_it_has_gone():
    one_by_one = OneByOne(lambda: 0.0)
    for name in "ab":
        one_by_one.add(object(), name)

    assert one_by_one.next() == ["a"]
    assert one_by_one.next() == ["a"]
