"""What was learnt from the labelled corpus: weights, threshold and words. Made by `python -m tests.redteam.learn`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Learned:
    """Read from `learned.json`."""

    version: str  #: hash of the corpus and the lexicons that it was learnt from
    threshold: float  #: a text is blocked when its weights come to more
    weights: Mapping[str, float]
    words: Mapping[str, frozenset[str]]  #: language -> the words of allowed texts


@lru_cache
def learned() -> Learned:
    """Read once."""
    found = json.loads(files(__package__).joinpath("learned.json").read_text(encoding="utf-8"))
    words = {language: frozenset(text.split()) for language, text in found["words"].items()}
    weights = {
        feature: int(tenths) / 10 ** found["decimals"]
        for tenths, features in found["weights"].items()
        for feature in features.split("\t")
    }
    return Learned(found["version"], found["threshold"], weights, words)
