"""What a text costs as SMS."""

import pytest

from healthnotify.adapters.segments import Encoding, Segments, segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments(Encoding.GSM_7, 0, 0)),
        ("a" * 160, Segments(Encoding.GSM_7, 160, 1)),
        ("a" * 161, Segments(Encoding.GSM_7, 161, 2)),
        ("a" * 306, Segments(Encoding.GSM_7, 306, 2)),
        ("a" * 307, Segments(Encoding.GSM_7, 307, 3)),
        ("ä" * 70, Segments(Encoding.GSM_7, 70, 1)),
        ("ç" * 70, Segments(Encoding.UCS_2, 70, 1)),
        ("ç" * 71, Segments(Encoding.UCS_2, 71, 2)),
        ("ç" * 134, Segments(Encoding.UCS_2, 134, 2)),
        ("ç" * 135, Segments(Encoding.UCS_2, 135, 3)),
        ("😀" * 35, Segments(Encoding.UCS_2, 70, 1)),
    ],
)
def test_a_text_fills_its_segments_to_the_last_unit(text, expected):
    assert segments(text) == expected


def test_the_extension_table_costs_two_units():
    assert segments("€" * 80) == Segments(Encoding.GSM_7, 160, 1)
    assert segments("€" * 81) == Segments(Encoding.GSM_7, 162, 2)


def test_an_escape_pair_is_not_split_between_two_segments():
    text = "a" * 152 + "€" + "a" * 152  # 306 units would fit two segments of 153, but the pair straddles the border

    assert segments(text) == Segments(Encoding.GSM_7, 306, 3)


def test_a_surrogate_pair_is_not_split_between_two_segments():
    text = "ç" * 66 + "😀" + "ç" * 66

    assert segments(text) == Segments(Encoding.UCS_2, 134, 3)
