"""What is read as JSON, and what is refused with the reason."""

import json

import pytest

from healthnotify.apps.api.parsing import DEEPEST, read_object
from healthnotify.apps.api.problems import Malformed
from healthnotify.domain.errors import BadInput, Rejected


def test_an_object_is_read_as_it_is():
    assert read_object('{"a": [1, -2.5, true, null, "ü", "\\ud83d\\ude00"]}'.encode()) == {
        "a": [1, -2.5, True, None, "ü", "\N{GRINNING FACE}"]
    }


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{"a": "\xff"}', "not UTF-8: see the byte at 7"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\x00\x00{}", "line 1, column 1"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1} {"a": 2}', "line 1, column 10"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(raw, says):
    with pytest.raises(Malformed, match=says):
        read_object(raw)


@pytest.mark.parametrize("raw", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_only_an_object_will_do(raw):
    with pytest.raises(BadInput, match="body: it is not an object"):
        read_object(raw)


@pytest.mark.parametrize(
    ("raw", "field", "says"),
    [
        (b'{"a": {"b": 1, "b": 2}}', "b", "given twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "body", "absurdly large"),
        (b'{"a": -1234567890123456789}', "body", "absurdly large"),
        (b'{"a": 1e999}', "body", "absurdly large"),
    ],
)
def test_what_two_readers_would_understand_differently_is_refused(raw, field, says):
    with pytest.raises(BadInput, match=says) as refused:
        read_object(raw)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"a": {"b": ["x", "\0"]}}, ["a.b.1"]),
        ({"a": "\0", "b": "\ud800"}, ["a", "b"]),
        ({"a\0": 1}, ["body"]),
        ({"a": {"b\0": 1}}, ["a"]),
    ],
)
def test_every_place_that_cannot_be_kept_is_named(value, places):
    with pytest.raises(Rejected) as refused:
        read_object(json.dumps(value).encode())
    assert [problem.field for problem in refused.value.problems] == places


def test_nesting_is_bounded_where_it_can_still_be_read():
    def nested(levels):
        return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert read_object(nested(DEEPEST))
    with pytest.raises(Rejected, match="nested too deeply"):
        read_object(nested(DEEPEST + 1))
