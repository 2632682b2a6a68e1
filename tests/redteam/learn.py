"""Learn the weights of `domain/guardrails/weighing.py` from the corpus: python -m tests.redteam.learn

Logistic regression with L2 over the features of the production code; small weights are left out. What a rule of form
finds by itself is not learnt from. The threshold is where `FALSE_ALARMS` of the allowed texts, each scored by weights
that have not seen it, would be blocked.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from healthnotify.domain import wording as shipped_texts
from healthnotify.domain.guardrails import lexicon, weighing
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.reading import WORD, read_draft
from tests.redteam.corpus import FOLDER, HELD_OUT, Labelled, shipped, tuned_on

C: Final = 0.3
FOLDS: Final = 5
FALSE_ALARMS: Final = 0.05
SEEN: Final = 2  # what stands in one text alone says nothing of others
SMALLEST: Final = 0.03
DECIMALS: Final = 2
#: The rules of form see these better than words do.
FORM: Final = frozenset({"obfuscated", "over_length", "markup", "external_link", "wrong_language"})
TARGET: Final = Path(weighing.__file__).with_name("learned.json")


def main() -> None:
    """Write `learned.json` and say how it does."""
    texts = [one for one in [*tuned_on(), *shipped()] if one.label not in FORM]
    rows = [_features(one) for one in texts]
    bad = [one.is_bad for one in texts]
    scores = _cross_scores(rows, bad, [_fold(one) for one in texts])
    allowed = sorted((score for score, is_bad in zip(scores, bad, strict=True) if not is_bad), reverse=True)
    threshold = allowed[int(FALSE_ALARMS * len(allowed))]
    caught = sum(score > threshold for score, is_bad in zip(scores, bad, strict=True) if is_bad)
    weights = _fit(rows, bad)
    TARGET.write_text(json.dumps(_packed(weights, threshold, texts), ensure_ascii=False, indent=0), encoding="utf-8")
    print(f"{len(texts)} texts, {len(weights)} weights; recall {caught / sum(bad):.3f} at {FALSE_ALARMS} false alarms")


def digest() -> str:
    """Of everything that the weights were learnt from."""
    found = hashlib.sha256()
    lexicons = Path(lexicon.__file__).parent.glob("*.txt")
    templates = Path(shipped_texts.__file__).parent.glob("*.toml")
    corpora = (path for path in FOLDER.glob("*.jsonl") if path.stem != HELD_OUT)
    for path in sorted([*lexicons, *templates, *corpora]):
        found.update(path.read_bytes())
    return found.hexdigest()[:8]


def _features(one: Labelled) -> list[str]:
    return sorted(weighing.features(one.language, read_draft(one.draft, one.language, one.facts)))


def _fold(one: Labelled) -> int:
    return hashlib.sha256(one.id.encode()).digest()[0] % FOLDS


def _cross_scores(rows: Sequence[list[str]], bad: Sequence[bool], folds: Sequence[int]) -> list[float]:
    scores = [0.0] * len(rows)
    for fold_ in range(FOLDS):
        seen = [number for number, other in enumerate(folds) if other != fold_]
        weights = _fit([rows[number] for number in seen], [bad[number] for number in seen])
        for number, other in enumerate(folds):
            if other == fold_:
                scores[number] = weights[weighing.BIAS] + sum(weights.get(one, 0.0) for one in rows[number])
    return scores


def _fit(rows: Sequence[list[str]], bad: Sequence[bool]) -> dict[str, float]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    seen = Counter(one for row in rows for one in row)
    names = DictVectorizer()
    matrix = names.fit_transform([{one: 1.0 for one in row if seen[one] >= SEEN} for row in rows])
    model: Any = LogisticRegression(C=C, max_iter=300, class_weight="balanced").fit(matrix, bad)
    pairs = zip(names.get_feature_names_out(), model.coef_[0], strict=True)
    kept = {name: round(float(weight), DECIMALS) for name, weight in pairs if abs(weight) >= SMALLEST}
    return {**kept, weighing.BIAS: round(float(model.intercept_[0]), DECIMALS)}


def _packed(weights: dict[str, float], threshold: float, texts: Sequence[Labelled]) -> dict[str, Any]:
    """Features that weigh the same stand together."""
    by_weight: dict[int, list[str]] = defaultdict(list)
    for name, weight in weights.items():
        by_weight[round(weight * 10**DECIMALS)].append(name)
    words: dict[str, set[str]] = defaultdict(set)
    for one in texts:
        if not one.is_bad:
            words[one.language].update(WORD.findall(fold(f"{one.draft.subject} {one.draft.text}")))
    return {
        "version": digest(),
        "threshold": math.floor(threshold * 100) / 100,
        "decimals": DECIMALS,
        "words": {language: " ".join(sorted(found)) for language, found in sorted(words.items())},
        "weights": {str(weight): "\t".join(sorted(by_weight[weight])) for weight in sorted(by_weight)},
    }


if __name__ == "__main__":
    main()
