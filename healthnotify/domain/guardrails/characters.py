"""Length and characters: what could not be read, or not be seen."""

import re
import unicodedata
from typing import Final

from healthnotify.domain.facts import BRACES
from healthnotify.domain.guardrails.case import Case

LONGEST_TEXT: Final = 600
LONGEST_SUBJECT: Final = 78


def over_length(case: Case) -> bool:
    """The text is longer than its channel takes, or than any message may be."""
    return len(case.draft.text) > min(case.longest, LONGEST_TEXT)


def subject_line(case: Case) -> bool:
    """The subject is longer than a line."""
    return "\n" in case.draft.subject or len(case.draft.subject) > LONGEST_SUBJECT


def empty(case: Case) -> bool:
    """Nothing to read in one of the two, placeholders aside."""
    parts = (case.draft.subject, case.draft.text)
    return not all(any(sign.isalpha() for sign in BRACES.sub("", part)) for part in parts)


#: Cc control, Cf zero-width and bidirectional, Co private use, Cs lone surrogate, Zl and Zp line separators.
UNSEEN_KINDS: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
#: Letters and marks that print as nothing: grapheme joiner, fillers, empty braille, variation selectors but the two of
#: emoji. U+FFFD is what is left of a broken encoding.
UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0d\uffa0\ufffd\U000e0100-\U000e01ef]")
#: The joiner is one sign with its neighbours only between emoji.
EMOJI: Final = "[\u2190-\u2bff\u3030\u303d\U0001f000-\U0001faff]"
JOINED: Final = re.compile(f"(?<={EMOJI}|\ufe0f)\u200d(?={EMOJI})")


def character_set(case: Case) -> bool:
    """There are signs that print as nothing, or that turn the writing round."""
    text = JOINED.sub("", f"{case.draft.subject}\n{case.draft.text}")
    return UNSEEN.search(text) is not None or any(_is_unseen(sign) for sign in set(text) - {"\n"})


def _is_unseen(sign: str) -> bool:
    kind = unicodedata.category(sign)
    newer_emoji = "\U0001f300" <= sign <= "\U0001faff"  # our Unicode tables are older than the models' emoji
    return kind in UNSEEN_KINDS or (kind == "Cn" and not newer_emoji)
