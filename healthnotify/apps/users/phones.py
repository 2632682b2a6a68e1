"""Telephone numbers as people write them, in the one form that an SMS provider takes."""

import phonenumbers

from healthnotify.domain.errors import BadInput

FIX = "Give a mobile number with its country code, such as +44 7911 123456."


def e164(text: str, region: str | None = None) -> str:
    """The number as E.164 (`+447911123456`). Raises `BadInput`.

    `region` is the ISO 3166 code of the country whose national form is understood; without it the country code must
    be given. A number that is known to be a landline is refused: a text to it is paid for and read by nobody.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise BadInput("phone", "it cannot be read as a telephone number", FIX) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise BadInput("phone", "no such number exists in its country's plan", FIX)
    if phonenumbers.number_type(number) in NO_TEXTS:
        raise BadInput("phone", "a number of this kind receives no texts", FIX)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


NO_TEXTS = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.VOICEMAIL,
    }
)
