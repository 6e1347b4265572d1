"""What does a question ask for? A classifier on the embedder's vectors; `synthesis.intents` trained it.

It predicts the relation asked for ("payment term", "seat"), and what is to be done with its values (give one, compare
two, list those above a limit). Logistic regressions on sentence vectors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labkit import paths
from labkit.models.encoders import Embedder
from labkit.values import without_quantities


@dataclass(frozen=True)
class Intent:
    """What a question asks for.

    Attributes:
        operation: "value", "larger", "same", "difference", "list above", "list below" or "list equal".
        relations: probability of each relation.
    """

    operation: str
    relations: Mapping[str, float]


# Words that show what is to be done with several values, in the order in which they are looked for.
_CUES = {
    "pair": (
        ("difference", r"by (?:what|how)|how (?:big|much|far|wide|large|great)|spread|subtract|apart|work out"),
        ("same", r"same|alike|equal|identical|match(?:es)?|agree|coincide|no different"),
        ("difference", r"differs?|difference|gap|margin|step"),
        ("larger", ""),
    ),
    "list": (
        ("list equal", r"sorted|grouped|equals?|exactly"),
        ("list below", r"not (?:more|above|over|up)|less|below|under|lower|smaller|shorter|fewer|within|short of"),
        ("list above", r"more|above|over|exceeds?|beyond|greater|higher|larger|longer|tops?|past|at least|upwards"),
        ("list equal", ""),
    ),
}


@dataclass(frozen=True)
class Head:
    """A linear classifier: scores of shape (texts, classes) are vectors @ weights.T + bias."""

    classes: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray

    def shares(self, vectors: np.ndarray) -> np.ndarray:
        """Probability of each class, shape (texts, classes)."""
        from scipy.special import softmax

        return np.asarray(softmax(vectors @ self.weights.T + self.bias, axis=1))


class Intents:
    """The trained classifier: give it questions, get an `Intent` for each.

    It has learned whether one value is asked for, two are compared or a set is filtered; which comparison it is follows
    from the words of the question.

    Attributes:
        embedder: whose vectors it was trained on.
        mask: takes names out of a question, writing "the company".
        relation: what it has learned of relations.
        kind: what it has learned of operations.
    """

    def __init__(self, embedder: Embedder, relation: Head, kind: Head, mask: Callable[[str], str] = str) -> None:
        self.embedder, self.mask = embedder, mask
        self.relation, self.kind = relation, kind

    def __call__(self, questions: Sequence[str]) -> list[Intent]:
        """What each question asks for."""
        if not questions:
            return []
        masked = [self.mask(q) for q in questions]
        vectors = self.embedder.encode([without_quantities(q) for q in masked])
        shares = self.relation.shares(vectors)
        kinds = self.kind.shares(np.hstack([vectors, structure(masked)])).argmax(axis=1)
        relations = [dict(zip(self.relation.classes, row, strict=True)) for row in shares.tolist()]
        operations = [_operation(self.kind.classes[k], question) for k, question in zip(kinds, masked, strict=True)]
        return list(map(Intent, operations, relations))


def load_intents(folder: Path, embedder: Embedder, mask: Callable[[str], str] = str) -> Intents:
    """The classifier in a folder.

    Args:
        embedder: that it was trained with.
        mask: writes "the company" for names.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a file does not match its checksum.
    """
    from safetensors.numpy import load_file

    if not (folder / "intents.safetensors").exists():
        raise FileNotFoundError(f"No intents are in {folder}: those of the course are in `paths.adapter('intents')`.")
    if (folder / paths.SUMS).exists():
        paths.check_folder(folder)
    arrays = load_file(folder / "intents.safetensors")
    classes = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    heads = [Head(tuple(classes[n]), arrays[f"{n}.weights"], arrays[f"{n}.bias"]) for n in ("relation", "kind")]
    return Intents(embedder, heads[0], heads[1], mask)


def _operation(kind: str, question: str) -> str:
    """The first operation of a kind of which a word stands in the question; the last one needs none."""
    cues = _CUES.get(kind, (("value", ""),))
    return next(name for name, words in cues if not words or re.search(rf"\b(?:{words})\b", question.lower()))


def structure(masked: Sequence[str]) -> np.ndarray:
    """What distinguishes questions about one value, two and many: quantities, companies, conjunctions, length."""
    texts = [without_quantities(question) for question in masked]
    rows = [(3.0 * ("quantity" in t), t.count("the company"), " or " in t, " and " in t, len(t) / 60) for t in texts]
    return np.array(rows, dtype=np.float32)
