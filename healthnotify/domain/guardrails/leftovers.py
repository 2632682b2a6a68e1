"""Leftovers: placeholders that nobody filled in, markup, pieces of JSON."""

import re
from typing import Final

from healthnotify.domain.facts import BRACES, PLACEHOLDERS
from healthnotify.domain.guardrails.case import Case

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


def unknown_placeholder(case: Case) -> bool:
    """A draft has a placeholder that is none of ours."""
    return not case.filled and any(name not in PLACEHOLDERS for name in BRACES.findall(case.plain))


def unresolved_placeholder(case: Case) -> bool:
    """There is a placeholder that will not be filled in."""
    braces = case.plain if case.filled else BRACES.sub("", case.plain)
    return OTHER_PLACEHOLDERS.search(case.plain) is not None or "{" in braces or "}" in braces


def markup(case: Case) -> bool:
    """There is HTML, Markdown, JSON or the label of a field."""
    return any(pattern.search(case.plain) for pattern in (HTML, MARKDOWN, JSON_LEFT, LABEL))
