"""A model that speaks of itself, or says that it will not."""

import re
from typing import Final

from healthnotify.domain.guardrails.case import Case

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


def refuses(text: str) -> bool:
    """Whether a model talks about itself, or says that it will not."""
    return REFUSAL.search(text.replace("’", "'")) is not None


def model_refusal(case: Case) -> bool:
    """In a draft."""
    return refuses(case.plain)
