"""Training the classifier of what a question asks for, on questions with known answers.

Logistic regressions of scikit-learn on sentence vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from labkit.corpus import Question, relation_of
from labkit.models import Embedder
from labkit.models.intents import Head, Intents, structure
from labkit.values import without_quantities

# What the wordings of the course ask to be done with the values found.
OPERATIONS = {"compare.longer": "larger", "compare.higher": "larger", "compare.same": "same",
              "compare.difference": "difference", "list.above": "list above", "list.below": "list below",
              "list.value": "list equal"}  # fmt: skip
_REGISTER = {"multihop.parent_of_party": "parent company", "multihop.officer_of_party": "chief executive",
             "multihop.seat_of_party": "seat"}  # fmt: skip


def labels(question: Question) -> tuple[str, str] | None:
    """Operation and relation of a question with a known wording; None where it asks for no single relation."""
    wording = question.wording.rsplit(".", 1)[0]
    relation = _REGISTER.get(wording) or (relation_of(question.category) if question.category else None)
    if relation is None or question.task in ("classify", "summarise"):
        return None
    return OPERATIONS.get(wording, "value"), relation


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
