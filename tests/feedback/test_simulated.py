"""The judgements that come with the course are loaded as they are, and named as simulated."""

from __future__ import annotations

from labkit import corpus, paths
from labkit.feedback import Store, simulated_judgements


def test_every_judgement_is_there_with_the_passage_that_holds_the_answer(tmp_path):
    comparisons, judgements = simulated_judgements()
    rows = paths.read_rows("feedback/pairs.jsonl")
    assert (len(comparisons), len(judgements)) == (200, len(rows)) == (200, 600)
    assert all(judgement.rater.startswith("simulated ") for judgement in judgements)
    chosen = [j.chose_left for j in judgements]
    assert chosen == [row["choice"] == "left" for row in rows]
    questions = {question.id: question for question in corpus.load_questions("train")}
    documents = {document.id: document for document in corpus.load_documents("train")}
    for comparison in comparisons:
        question = questions[comparison.id.split("/")[0]]
        (span,) = question.evidence
        (passage,) = comparison.passages
        assert comparison.question == question.question
        assert documents[span.document].quote(span) in passage.text
        assert passage.title == documents[span.document].title
    kept = Store(tmp_path / "simulated.sqlite")
    kept.add(comparisons, judgements)
    assert (kept.comparisons(), kept.judgements()) == (comparisons, judgements)
