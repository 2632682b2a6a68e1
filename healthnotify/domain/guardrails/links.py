"""Ways out of the message: links, addresses and telephone numbers."""

import re
from typing import Final

from healthnotify.domain.facts import BRACES
from healthnotify.domain.guardrails.case import Case

ENDINGS: Final = (
    "com|net|org|info|biz|io|co|app|dev|me|ly|link|shop|online|site|health|eu|de|at|ch|es|fr|uk|us|ca|mx|ar|ru"
)
LINK: Final = re.compile(
    r"\w+://|\bwww\.|\b(?:mailto|tel|sms):\S"
    rf"|\b[\w-]+\.(?:{ENDINGS})(?![\w'])"
    r"|\b(?=[\w-]*[^\W\d_])[\w-]{2,}\.(?-i:[a-zß-ÿ]{2,})\b(?!\.)"  # any other ending, in lower case; not e.g. or 10.30
    r"|\w@\w|(?<!\w)@\w{2,}"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|\b(?:(?:dot|full stop)\W{1,3}(?:com|net|org|info|app|io|tv|ie|uk)|punkt\W{1,3}(?:com|net|org|info|de|ch|at)"
    r"|punto\W{1,3}(?:com|net|org|info|mx|ar)|point\W{1,3}(?:com|net|org|info|fr|ca|ch|f\W+r|c\W+o\W+m))\b"
    r"|[\[({]\s?(?:\.|dot|punkt|punto|point|at|@)\s?[\])}]|\b(?:klammeraffe|at[- ]sign|barre oblique|barra oblicua"
    r"|forward slash|schrägstrich)\b"
    r"|\b(?:drei w|tres dobles u|trois w|three w'?s)\b|\b(?:schwarz-weiße|carré noir et blanc|cuadradito de punt)"
    r"|\b(?:blaue[ns]?|blue|azul|bleu)\s(?:knopf|wort|button|words?|link)\b|\b(?:botón|mot|bouton)\s(?:azul|bleu)\b"
    r"|\b(?:suivi|suivie|seguido|followed|gefolgt)\b[^.!?\n]{0,12}\b(?:point|punto|dot|punkt)\b",
    re.I,
)
DATE_OR_HOURS: Final = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}[.:]\d{2}\s?[-–]\s?\d{1,2}[.:]\d{2})\b"
)
THOUSANDS: Final = re.compile(r"\d{1,3}(?:[ .,]\d{3})+")
PHONE: Final = re.compile(r"(?<![\w.,])[+(]?\d(?:[ ().\-/–]{0,2}\d){4,}(?!\w)")
SHORTEST_PHONE: Final = 7  # digits, or five after a plus


def external_link(case: Case) -> bool:
    """There is a link, an address or a telephone number."""
    text = DATE_OR_HOURS.sub("", BRACES.sub("", case.plain))
    return LINK.search(text) is not None or any(_is_phone(match[0]) for match in PHONE.finditer(text))


def _is_phone(number: str) -> bool:
    digits = sum(sign.isdigit() for sign in number)
    if number.startswith("+"):
        return True
    million = THOUSANDS.fullmatch(number) is not None and digits <= SHORTEST_PHONE
    return digits >= SHORTEST_PHONE and not million
