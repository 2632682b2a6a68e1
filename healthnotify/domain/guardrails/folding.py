"""Words as they are looked up: small letters, without accents."""

import re
import unicodedata
from typing import Final

#: What `n't`, `'re` and the like are part of; any other apostrophe parts words, as in l'eau.
JOINED: Final = re.compile(r"(?<=\w)'(?=(?:t|re|ve|ll|s|m|d)\b)")


def fold(text: str) -> str:
    """Small letters without accents, in compatibility form, with straight apostrophes: how words are looked up."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("œ", "oe").replace("æ", "ae").replace("’", "'")
    apart = unicodedata.normalize("NFKD", plain)
    return JOINED.sub("", "".join(sign for sign in apart if not unicodedata.combining(sign)))
