"""What no message may contain: one table of small rules, judged before a text is kept and again when it is filled."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from healthnotify.domain.facts import BRACES, PLACEHOLDERS
from healthnotify.domain.model import Draft

LONGEST_TEXT: Final = 600
LONGEST_SUBJECT: Final = 78
ABSURD: Final = 8 * LONGEST_TEXT  # beyond it nothing is read any more: no rule may be kept busy by 100 kB


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a draft may be sent, and the codes of every rule that it breaks."""

    allowed: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A draft with what the rules ask of it."""

    draft: Draft
    longest: int
    filled: bool
    plain: str  #: subject and text in compatibility form, with straight apostrophes: what patterns are matched against


def judge(draft: Draft, *, longest: int, filled: bool) -> Verdict:
    """Hold a draft against every rule. `longest` is the channel's limit for the text, in code points.

    `filled=False` allows the known placeholders, `filled=True` none.
    """
    if len(draft.subject) + len(draft.text) > ABSURD:
        return Verdict(allowed=False, reasons=("over_length",))
    plain = unicodedata.normalize("NFKC", f"{draft.subject}\n{draft.text}").replace("’", "'")
    case = Case(draft, longest, filled, plain)
    reasons = tuple(code for code, breaks in RULES.items() if breaks(case))
    return Verdict(allowed=not reasons, reasons=reasons)


def refuses(text: str) -> bool:
    """Whether a model talks about itself, or says that it will not."""
    return REFUSAL.search(text.replace("’", "'")) is not None


# --- length and characters


def _over_length(case: Case) -> bool:
    return len(case.draft.text) > min(case.longest, LONGEST_TEXT)


def _subject_line(case: Case) -> bool:
    return "\n" in case.draft.subject or len(case.draft.subject) > LONGEST_SUBJECT


def _empty(case: Case) -> bool:
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


def _character_set(case: Case) -> bool:
    text = JOINED.sub("", f"{case.draft.subject}\n{case.draft.text}")
    return UNSEEN.search(text) is not None or any(_is_unseen(sign) for sign in set(text) - {"\n"})


def _is_unseen(sign: str) -> bool:
    kind = unicodedata.category(sign)
    newer_emoji = "\U0001f300" <= sign <= "\U0001faff"  # our Unicode tables are older than the models' emoji
    return kind in UNSEEN_KINDS or (kind == "Cn" and not newer_emoji)


# --- leftovers

TAGS: Final = (
    "a|b|br|body|button|div|em|form|h[1-6]|head|hr|html|i|iframe|img|input|li|link|meta|object|ol|p|pre|s|script"
)
TAGS_MORE: Final = "small|span|strong|style|sub|sup|svg|table|td|th|tr|u|ul|video"
HTML: Final = re.compile(rf"<\s*[/!]?\s*(?:{TAGS}|{TAGS_MORE}|--)(?![\w@])|&(?:[a-z]{{2,8}}|#x?[0-9a-f]+);", re.I)
MARKDOWN: Final = re.compile(r"```|\*\*\S|__\S.*?__|^\s{0,3}#{1,6} |\]\(", re.M)
JSON_LEFT: Final = re.compile(r"[\"'](?:subject|text)[\"']\s*:|\{\s*[\"']|[\"']\s*\}|\\[nrtu\"]")
LABEL: Final = re.compile(r"^\s*(?:subject|text|betreff|asunto|texto|objet|texte)\s*:", re.I | re.M)

OTHER_PLACEHOLDERS: Final = re.compile(
    r"\[[^\[\]\n]{0,40}[^\W\d_][^\[\]\n]{0,40}\]"  # [name]
    r"|<\s*[^\W\d_][^<>\n]*>"  # <name>, and unknown tags
    r"|\{\{|\}\}|\$\{"  # {{name}} ${name}
    r"|%(?:\(\w+\))?[sd](?!\w)"  # %s %(name)s
    r"|\bINSERT\b|\b(?:YOUR|USER)[ _]NAME\b|\b(?:TO[D]O|TBD|X{3,})\b|(?i:lorem ipsum)"
)


def _unknown_placeholder(case: Case) -> bool:
    return not case.filled and any(name not in PLACEHOLDERS for name in BRACES.findall(case.plain))


def _unresolved_placeholder(case: Case) -> bool:
    braces = case.plain if case.filled else BRACES.sub("", case.plain)
    return OTHER_PLACEHOLDERS.search(case.plain) is not None or "{" in braces or "}" in braces


def _markup(case: Case) -> bool:
    return any(pattern.search(case.plain) for pattern in (HTML, MARKDOWN, JSON_LEFT, LABEL))


# --- ways out of the message

ENDINGS: Final = (
    "com|net|org|info|biz|io|co|app|dev|me|ly|link|shop|online|site|health|eu|de|at|ch|es|fr|uk|us|ca|mx|ar|ru"
)
LINK: Final = re.compile(
    r"\w+://|\bwww\.|\b(?:mailto|tel|sms):\S"
    rf"|\b[\w-]+\.(?:{ENDINGS})(?![\w'])"
    r"|\b(?=[\w-]*[^\W\d_])[\w-]{2,}\.(?-i:[a-zß-ÿ]{2,})\b(?!\.)"  # any other ending, in lower case; not e.g. or 10.30
    r"|\w@\w|(?<!\w)@\w{2,}"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|\b(?:dot|punkt|punto|point)\s+(?:com|net|org)\b",
    re.I,
)
DATE_OR_HOURS: Final = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}[.:]\d{2}\s?[-–]\s?\d{1,2}[.:]\d{2})\b"
)
THOUSANDS: Final = re.compile(r"\d{1,3}(?:[ .,]\d{3})+")
PHONE: Final = re.compile(r"(?<![\w.,])[+(]?\d(?:[ ().\-/–]{0,2}\d){4,}(?!\w)")
SHORTEST_PHONE: Final = 7  # digits, or five after a plus


def _external_link(case: Case) -> bool:
    text = DATE_OR_HOURS.sub("", BRACES.sub("", case.plain))
    return LINK.search(text) is not None or any(_is_phone(match[0]) for match in PHONE.finditer(text))


def _is_phone(number: str) -> bool:
    digits = sum(sign.isdigit() for sign in number)
    if number.startswith("+"):
        return True
    million = THOUSANDS.fullmatch(number) is not None and digits <= SHORTEST_PHONE
    return digits >= SHORTEST_PHONE and not million


# --- a model that speaks of itself

REFUSAL: Final = re.compile(
    # English
    r"\b(?:sorry|apologi[sz]e)\b[^.!?\n]{0,30}\bi(?:'m| am)?\s(?:can't|cannot|can not|won't|unable|not able)\b"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|\b(?:large )?language model\b"
    r"|\bi(?:'m| am)? (?:can't|cannot|unable to|not able to) (?:help|assist|provide|create|generate|comply|fulfil)"
    # German
    r"|\btut mir (?:sehr )?leid\b[^.!?\n]{0,30}\b(?:ich kann|kann ich|ich darf)\b"
    r"|\bals (?:eine )?(?:ki|künstliche intelligenz|(?:ki-)?sprachmodell)\b|\bsprachmodell\b"
    r"|\bich kann (?:dir |ihnen )?(?:dabei |damit |hierbei )(?:leider )?nicht (?:helfen|dienen)"
    # Spanish
    r"|\blo siento\b[^.!?\n]{0,20}\bno puedo\b|\bcomo (?:una )?(?:ia|inteligencia artificial)\b|\bmodelo de lenguaje\b"
    r"|\bno puedo (?:ayudar(?:te|le)? con|proporcionar|generar|cumplir)"
    # French
    r"|\bdésolée?\b[^.!?\n]{0,30}\bje ne (?:peux|suis pas)\b|\ben tant qu'(?:ia|intelligence artificielle|assistant)"
    r"|\bmodèle de langage\b|\bje ne peux pas (?:t'aider|vous aider|fournir|générer)",
    re.I,
)


def _model_refusal(case: Case) -> bool:
    return refuses(case.plain)


#: Code of a rule -> whether a case breaks it. The codes are kept with messages and never change their meaning.
RULES: Final[Mapping[str, Callable[[Case], bool]]] = {
    "empty": _empty,
    "over_length": _over_length,
    "subject_line": _subject_line,
    "character_set": _character_set,
    "unknown_placeholder": _unknown_placeholder,
    "unresolved_placeholder": _unresolved_placeholder,
    "markup": _markup,
    "external_link": _external_link,
    "model_refusal": _model_refusal,
}
