"""The judgements that come with the course, all of them of simulated raters: no person was asked."""

from __future__ import annotations

from labkit import corpus, paths
from labkit.feedback.store import Comparison, Judgement, Verdict
from labkit.prompts import Passage


def simulated_judgements() -> tuple[list[Comparison], list[Judgement]]:
    """Judgements of three simulated raters, whose habits are known, on answers to 200 train questions.

    Returns:
        The comparisons, each with the paragraph that holds the answer, and an id that begins with that of its question
        ("train-0309/pair-001"); and the judgements of "simulated always_left", "simulated length_loving" and
        "simulated careful". All three saw the same answer on the left, which was drawn by lot.

    Raises:
        ValueError: the data is not as it was shipped.
        FileNotFoundError: it is missing.
    """
    questions = {question.id: question for question in corpus.load_questions("train")}
    documents = {document.id: document for document in corpus.load_documents("train", ["contract", "amendment"])}
    comparisons, judgements = {}, []
    for row in paths.read_rows("feedback/pairs.jsonl"):
        question = questions[row["question"]]
        name = f"{question.id}/{row['id'].removesuffix('-' + row['rater'])}"
        document, start = documents[question.evidence[0].document], question.evidence[0].start
        text = document.text[:start].rpartition("\n\n")[2] + document.text[start:].partition("\n\n")[0]
        passages = (Passage(document.title, text),)
        comparisons[name] = Comparison(name, question.question, passages, (row["left"], row["right"]))
        choice: Verdict = "first" if row["choice"] == "left" else "second"
        judgements.append(Judgement(name, f"simulated {row['rater']}", choice))
    return list(comparisons.values()), judgements
