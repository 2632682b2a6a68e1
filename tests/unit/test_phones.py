"""Telephone numbers as people write them."""

import pytest

from healthnotify.apps.users.phones import e164
from healthnotify.domain.errors import BadInput


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+44 7911 123456", None, "+447911123456"),
        ("07911 123456", "GB", "+447911123456"),
        ("(0151) 23-456789", "DE", "+4915123456789"),
        ("+1 (201) 555-0123", None, "+12015550123"),
        ("+12015550123", "DE", "+12015550123"),
    ],
)
def test_a_number_is_kept_in_one_form(text, region, number):
    assert e164(text, region) == number


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "cannot be read"),
        ("call me", "cannot be read"),
        ("07911 123456", "cannot be read"),
        ("+44 7911", "no such number"),
        ("+1 201 555 0123 ext. 4", "no such number"),
        ("+44 20 7946 0958", "receives no texts"),
        ("+1 800 555 0199", "receives no texts"),
    ],
)
def test_what_cannot_get_a_text_is_refused_with_the_fix(text, problem):
    with pytest.raises(BadInput, match=problem) as refusal:
        e164(text)

    assert refusal.value.field == "phone"
    assert "+44 7911 123456" in refusal.value.fix
