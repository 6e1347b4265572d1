"""How well the reader reads: exact match, refusals and citations on worlds it has never seen.

"known" wordings were trained on (in other worlds); held-out wordings of clauses ("clause"), of
questions ("question") or of both ("both") never were.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import prompts
from labkit.making.reader import examples
from labkit.metrics import normalise

PASSAGES = (1, 3, 5, 8)


def measure(replies: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """Compare replies with the wanted ones.

    Returns:
        exact_match (text, refusals included), answered_match (answerable questions only), wrongly_refused
        (share of the answerable), refusal_precision, refusal_recall, refusal_f1, citation_accuracy (share of
        the answerable questions not refused), n.
    """
    pairs = [(prompts.parse_answer(r), prompts.parse_answer(w)) for r, w in zip(replies, wanted, strict=True)]
    hits = [(r.refused and w.refused) or (not r.refused and normalise(r.text) == normalise(w.text)) for r, w in pairs]
    answerable = [i for i, (_, w) in enumerate(pairs) if not w.refused]
    answered = [i for i in answerable if not pairs[i][0].refused]
    refused = sum(r.refused for r, _ in pairs)
    rightly = sum(r.refused and w.refused for r, w in pairs)
    due = len(pairs) - len(answerable)
    cited = sum(pairs[i][0].citations == pairs[i][1].citations for i in answered)
    precision, recall = rightly / refused if refused else 1.0, rightly / due if due else 1.0
    return {
        "exact_match": sum(hits) / max(1, len(hits)),
        "answered_match": sum(hits[i] for i in answerable) / max(1, len(answerable)),
        "wrongly_refused": 1 - len(answered) / len(answerable) if answerable else 0.0,
        "refusal_precision": precision,
        "refusal_recall": recall,
        "refusal_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "citation_accuracy": cited / max(1, len(answered)),
        "n": float(len(pairs)),
    }


def reply_to(model: Any, tokenizer: Any, asked: Sequence[examples.Example]) -> list[str]:
    """Greedy replies of a model that is already in memory, through `labkit.models.Generator`."""
    from labkit.models import Generator

    reader = Generator(model, tokenizer, "reader", max_length=model.config.max_position_embeddings)
    return reader.generate([e.messages for e in asked])


def score(
    model: Any, tokenizer: Any, *, passages: int, wording: str, n: int, source: str | None = "topics"
) -> dict[str, float]:
    """Measure a model on `n` fresh questions with `passages` passages each."""
    asked = list(examples.evaluation(n, passages, wording, source))
    return measure(reply_to(model, tokenizer, asked), [e.answer for e in asked])


def evaluate(
    model_dir: Path, n: int = 200, passages: Sequence[int] = PASSAGES, wordings: Sequence[str] = examples.WORDINGS
) -> dict[str, dict[str, float]]:
    """Measure a saved reader.

    Args:
        model_dir: folder with weights and tokenizer. n: questions a cell.

    Returns:
        For each "<passages> passages, <wording>" the figures of `measure`, and "lexicon" for the word generator.
    """
    from transformers import AutoModelForCausalLM

    from labkit import models
    from labkit.making.reader.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model_dir)
    dtype = "bfloat16" if models.native_bf16() else "float32"
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype).eval().to(models.device())
    figures: dict[str, dict[str, float]] = {}
    for count in passages:
        for wording in wordings:
            figures[f"{count} passages, {wording}"] = score(model, tokenizer, passages=count, wording=wording, n=n)
    figures["3 passages, lexicon"] = score(model, tokenizer, passages=3, wording="both", n=n, source="lexicon")
    return figures


def course_dev(model_dir: Path | None = None, distractors: int = 2) -> dict[str, dict[str, float]]:
    """Measure a reader on the course's dev questions, the gold passage given among hard distractors.

    Args:
        model_dir: folder with weights and tokenizer; the shipped reader by default.
        distractors: clauses of the same category from other contracts.

    Returns:
        "course dev, lookup": exact match with its interval, wrong refusals, citations; "course dev, refusal":
        F1 over lookups and unanswerable questions with its interval.
    """
    from labkit import corpus, metrics, models, rag

    generator = models.load_generator(model_dir)
    questions = [q for q in corpus.load_questions("dev", ["lookup", "unanswerable"]) if q.followup is None]
    contracts = corpus.contract_records()
    _, scores = rag.read_oracle(generator, questions, corpus.load_documents(), contracts, distractors)
    clusters = [q.cluster for q in questions]
    lookup = [i for i, q in enumerate(questions) if q.task == "lookup"]
    match = metrics.mean_interval([scores[i].exact_match for i in lookup], [clusters[i] for i in lookup])
    refusal = metrics.refusal_f1(scores, clusters)
    answered = [scores[i] for i in lookup if not scores[i].refused]
    return {
        "course dev, lookup": {
            "exact_match": match.value,
            "low": match.low,
            "high": match.high,
            "wrongly_refused": 1 - len(answered) / max(1, len(lookup)),
            "citation_accuracy": sum(s.citation or 0.0 for s in answered) / max(1, len(answered)),
            "n": float(match.n),
        },
        "course dev, refusal": {"refusal_f1": refusal.value, "low": refusal.low, "high": refusal.high,
                                "n": float(refusal.n)},
    }  # fmt: skip


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as text, one row each."""
    rows = []
    for name, values in figures.items():
        cells = "  ".join(f"{k} {v:.0f}" if k == "n" else f"{k} {v:.3f}" for k, v in values.items())
        rows.append(f"{name:<24} {cells}")
    return "\n".join(rows)
