"""Training the classifier of what a question asks for, on questions with known answers.

Logistic regressions of scikit-learn on sentence vectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from labkit import paths
from labkit.corpus import Question
from labkit.models import Embedder
from labkit.models.intents import Head, Intents, structure
from labkit.tune.intents import labels
from labkit.values import without_quantities

_KIND = {"value": "value", "larger": "pair", "same": "pair", "difference": "pair"}


def train_intents(
    questions: Sequence[Question],
    embedder: Embedder,
    mask: Callable[[str], str] = str,
    texts: Sequence[tuple[str, str]] = (),
    strength: float = 10.0,
) -> Intents:
    """Train the classifier on questions of the train split.

    Args:
        questions: of known wording.
        embedder: gives the vectors.
        mask: writes "the company" for names, so that a question is not judged by who is in it.
        texts: further (text, relation) pairs for the relations, such as clauses; they weigh a third of a question.
        strength: inverse of the regularisation.

    Raises:
        ValueError: fewer than two kinds of relations or of operations are among the questions.
    """
    labelled = [(q.question, label) for q in questions if q.followup is None and (label := labels(q)) is not None]
    kinds, relations = [_KIND.get(o, "list") for _, (o, _) in labelled], [r for _, (_, r) in labelled]
    if len(set(kinds)) < 2 or len(set(relations)) < 2:
        raise ValueError("There is only one class to learn: give questions of several tasks and relations.")
    masked = [mask(question) for question, _ in labelled]
    vectors = embedder.encode([without_quantities(m) for m in masked])
    further = embedder.encode([without_quantities(text) for text, _ in texts])
    weights = np.concatenate([np.ones(len(vectors)), np.full(len(further), 1 / 3)])
    relation = _fitted(np.vstack([vectors, further]), [*relations, *(r for _, r in texts)], strength, weights)
    return Intents(embedder, relation, _fitted(np.hstack([vectors, structure(masked)]), kinds, strength), mask)


def _fitted(vectors: np.ndarray, classes: Sequence[str], strength: float, weights: np.ndarray | None = None) -> Head:
    """A multinomial logistic regression; without weights every class counts the same."""
    from sklearn.linear_model import LogisticRegression

    balance = None if weights is not None else "balanced"
    fitted = LogisticRegression(C=strength, max_iter=2000, class_weight=balance)
    fitted.fit(vectors, classes, sample_weight=weights)
    weight, bias, fitted_classes = fitted.coef_, fitted.intercept_, fitted.classes_
    if len(fitted_classes) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.vstack([-weight / 2, weight / 2]), np.array([-bias[0] / 2, bias[0] / 2])
    return Head(tuple(map(str, fitted_classes)), weight, bias)


def save(intents: Intents, out: Path) -> Path:
    """Save the two classifiers as `intents.safetensors` and `classes.json` in the folder `out`, and return it."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    heads = {"relation": intents.relation, "kind": intents.kind}
    parts = {f"{n}.{part}": getattr(h, part) for n, h in heads.items() for part in ("weights", "bias")}
    save_file(
        {name: np.ascontiguousarray(part, np.float32) for name, part in parts.items()}, out / "intents.safetensors"
    )
    classes = {n: list(h.classes) for n, h in heads.items()}
    paths.write_atomic(out / "classes.json", json.dumps(classes, indent=1) + "\n")
    return out
