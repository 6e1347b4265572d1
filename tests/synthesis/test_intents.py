"""The classifier of intents is trained, saved and loaded."""

from __future__ import annotations

import pytest
from synthesis import intents

from labkit import corpus, models


def test_intents_are_learned_saved_and_loaded(embedder, tmp_path):
    questions = [*corpus.load_questions("train", "lookup")[:120:2], *corpus.load_questions("train", "list")]
    texts = [("What can be earned by selling the ice?", "royalty")] * 3
    trained = intents.train_intents(questions, embedder, texts=texts)
    loaded = models.load_intents(intents.save(trained, tmp_path), embedder)
    asked = ["Whose payment term is longer than 30 days?", "How long is the payment term of the lease?"]
    assert [i.operation for i in loaded(asked)] == [i.operation for i in trained(asked)] == ["list above", "value"]
    own = [q for q in questions if q.task == "list"]
    wanted = [corpus.relation_of(q.category) for q in own]
    said = [i.relations for i in loaded([q.question for q in own])]
    assert all(abs(sum(shares.values()) - 1) < 1e-4 for shares in said)
    hits = [max(shares, key=shares.get) == relation for shares, relation in zip(said, wanted, strict=True)]
    assert sum(hits) / len(hits) > 0.9
    assert loaded(["What is earned by selling ice?"])[0].relations["royalty"] > 0.1
    assert loaded([]) == []
    with pytest.raises(FileNotFoundError, match="No intents"):
        models.load_intents(tmp_path / "none", embedder)
    with pytest.raises(ValueError, match="only one class"):
        intents.train_intents([], embedder)
