"""One at a time, in an order of chance, and the next one only when the one before it is settled."""

from healthnotify.domain.one_by_one import OneByOne


def test_suspects_are_handed_out_one_by_one_each_when_the_one_before_is_settled():
    dice = iter([0.5, 0.0, 0.9])
    one_by_one = OneByOne(lambda: next(dice))
    first, second, third = object(), object(), object()
    for one in (first, second, third):
        one_by_one.add(one)

    assert one_by_one.next() == [second]
    assert one_by_one.next() == []
    one_by_one.settled([first, object()])
    assert one_by_one.next() == []
    one_by_one.settled([second])
    assert one_by_one.next() == [first]
    one_by_one.settled([first])
    assert one_by_one.next() == [third]
    one_by_one.settled([third])
    assert one_by_one.next() == []
