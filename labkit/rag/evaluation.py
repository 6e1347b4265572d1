"""Evaluation: the references above and below, the course's tasks, scores of what was retrieved and answered, errors.

An oracle, the upper reference, reads the gold passages; random context, the lower one, holds none of them. With the
gold passages in its prompt, a task measures reading apart from retrieval; fine-tuning learns from such prompts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llama_index.core.schema import NodeWithScore, TextNode

from labkit import metrics, prompts
from labkit.corpus import Document, Question, Span
from labkit.metrics import AnswerScore
from labkit.prompts import Message, Passage
from labkit.rag.chunking import cost_of, place, places_of
from labkit.rag.pipeline import Result
from labkit.rag.retrieval import Hits, Query, Within, bundles, check_top_k
from labkit.replies import parse_answer, parse_classification

PLAYBOOK = "playbook"
# Where the gold passage can stand among the others.
POSITIONS = ("first", "middle", "last")
_RULES = 3
# The rule that rates a whole contract on its term sheet.
_RATED = "Liability cap"

Clauses = Sequence[Mapping[str, Any]]
Documents = Sequence[Document]
Questions = Sequence[Question]
# Cut-off of recall at k, and token budget of evidence recall.
K = 5
BUDGET = 1000
# Metrics of what was retrieved, and the field of a `RetrievalScore` that holds each.
RETRIEVAL = {f"evidence_recall_{BUDGET}": "evidence_recall", f"recall_at_{K}": "recall_at_k", "mrr": "mrr",
             f"ndcg_at_{K}": "ndcg", f"wrong_document_rate_at_{K}": "wrong_document_rate"}  # fmt: skip


# ----------------------------------------------------------------------- references above and below


def oracle_passages(
    question: Question, documents: Documents, contracts: Clauses, distractors: int = 2, seed: int = 0
) -> tuple[list[Passage], list[Span]]:
    """The paragraphs that hold the evidence, in random order among hard distractors.

    A distractor is a clause of the same category from another contract: only the document's title
    distinguishes it from the right one. Where a question cannot be answered, a clause about something else
    from the contract it names takes the gold passage's place.

    Args:
        question: with evidence in contracts, or without any.
        documents: of the corpus.
        contracts: `corpus.contract_records()`.
        distractors: how many.
        seed: decides which, together with the question's id.

    Returns:
        The passages, and where each stands.
    """
    rng = random.Random(f"{seed}/{question.id}")
    texts = {d.id: d for d in documents}
    gold = [_paragraph(texts[e.document], e) for e in question.evidence]
    if not gold:
        own = [c for r in contracts if r["id"] in question.documents for c in _spans(r)]
        gold = rng.sample(own, min(1, len(own)))
    others = [r for r in contracts if r["id"] not in question.documents and r["id"] in texts and not r["amends"]]
    same = [s for r in others for s in _spans(r, question.category)]
    spans = list(dict.fromkeys(gold)) + rng.sample(same, min(distractors, len(same)))
    rng.shuffle(spans)
    return _passages_at(spans, texts), spans


def _passages_at(spans: Sequence[Span], texts: Mapping[str, Document]) -> list[Passage]:
    return [Passage(texts[s.document].title, texts[s.document].quote(s)) for s in spans]


class FixedRetriever:
    """A retriever that looks nothing up: for each question the passages are known beforehand.

    Args:
        passages: by question, the places of its passages.
        documents: that they stand in.
    """

    def __init__(self, passages: Mapping[str, Sequence[Span]], documents: Sequence[Document]) -> None:
        texts = {d.id: d for d in documents}
        self._found = {
            question: [place(TextNode(text=texts[s.document].quote(s)), s, texts[s.document].title) for s in spans]
            for question, spans in passages.items()
        }

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`; `within` has no effect.

        Raises:
            ValueError: a question is empty, its passages are not known, or `top_k` is below 1.
        """
        check_top_k(top_k)
        questions = [query.query_str for query in bundles(queries)]
        if unknown := [q for q in questions if q not in self._found]:
            raise ValueError(f"No passages are known for {unknown[0]!r}: ask the questions that this was made from.")
        return [[NodeWithScore(node=node, score=1.0) for node in self._found[q][:top_k]] for q in questions]


def oracle(questions: Questions, documents: Documents, contracts: Clauses, distractors: int = 2) -> FixedRetriever:
    """The upper reference, as a retriever: for each question the gold passages among hard distractors."""
    passages = {q.question: oracle_passages(q, documents, contracts, distractors)[1] for q in questions}
    return FixedRetriever(passages, documents)


def random_context(
    questions: Questions, documents: Documents, contracts: Clauses, distractors: int = 2
) -> FixedRetriever:
    """The lower reference, as a retriever: each question gets the oracle's passages for another contract.

    Raises:
        ValueError: all questions are about the same contract.
    """
    if len({q.cluster for q in questions}) < 2:
        raise ValueError("All questions are about one contract: give questions about at least two contracts.")
    passages = {}
    for i, question in enumerate(questions):
        after = (questions[(i + k) % len(questions)] for k in range(1, len(questions)))
        other = next(q for q in after if q.cluster != question.cluster)
        spans = oracle_passages(other, documents, contracts, distractors)[1]
        # A distractor of one question may hold the evidence of another.
        passages[question.question] = [s for s in spans if not any(s.overlap(e) for e in question.evidence)]
    return FixedRetriever(passages, documents)


def _spans(record: Mapping[str, Any], category: str | None = None) -> list[Span]:
    """Places of a contract's clauses, of one category or of all."""
    return [Span(record["id"], c["start"], c["end"]) for c in record["clauses"] if category in (None, c["category"])]


def _paragraph(document: Document, evidence: Span) -> Span:
    """The paragraph around a piece of evidence: paragraphs are separated by blank lines."""
    start = document.text.rfind("\n\n", 0, evidence.start)
    end = document.text.find("\n\n", evidence.end)
    return Span(document.id, start + 2 if start >= 0 else 0, end if end >= 0 else len(document.text))


# ------------------------------------------------------------------------- tasks with gold passages


@dataclass(frozen=True)
class TaskPrompt:
    """A question as the model is asked it with its gold passages.

    Attributes:
        question: with the accepted answers.
        messages: the prompt.
        reply: the reply wanted, with its citations.
        places: where the numbered passages stand; empty where the reply cites none.
    """

    question: Question
    messages: tuple[Message, ...]
    reply: str
    places: tuple[Span, ...] = ()

    @property
    def new_tokens(self) -> int:
        """Longest reply that the task needs, in tokens of the reader."""
        names = {"summarise": "term_sheet", "draft": "draft", "list": "decompose"}
        return prompts.NEW_TOKENS.get(names.get(self.question.task, ""), 40)


def task_prompt(
    question: Question, documents: Documents, contracts: Clauses, distractors: int = 2, seed: int = 0,
    gold_at: str | None = None,
) -> TaskPrompt:  # fmt: skip
    """A question with its gold passages: clause and rules to classify, particulars for a term sheet or a notice.

    Args:
        question: of the course.
        documents: that its evidence stands in, the playbook among them.
        contracts: `corpus.contract_records()`.
        distractors: passages without evidence beside the gold ones, where the task is to answer.
        seed: decides on distractors and order, together with the question's id.
        gold_at: "first", "middle" or "last" puts the gold passages there; by default they stand anywhere.

    Raises:
        ValueError: there is no such position.
    """
    if gold_at not in (None, *POSITIONS):
        raise ValueError(f"There is no position {gold_at!r}: choose one of {', '.join(POSITIONS)}.")
    texts = {d.id: d for d in documents}
    if question.task == "classify":
        return _classification(question, texts)
    if question.task in ("summarise", "draft"):
        return _written(question, texts)
    spans = oracle_passages(question, documents, contracts, distractors, seed)[1]
    if gold_at:
        spans = _gold_at(gold_at, question, spans)
    messages = prompts.answer_messages(question.question, _passages_at(spans, texts))
    return TaskPrompt(question, tuple(messages), cited_reply(question, spans), tuple(spans))


def cited_reply(question: Question, spans: Sequence[Span]) -> str:
    """The answer, citing each passage that holds a piece of the evidence; a refusal where there is no answer."""
    cited = [f"[{i}]" for i, span in enumerate(spans, 1) if _is_gold(span, question)]
    return prompts.REFUSAL if question.answer is None else " ".join([question.answer, *cited])


def _is_gold(span: Span, question: Question) -> bool:
    return any(metrics.covers(span, piece) for piece in question.evidence)


def _gold_at(place: str, question: Question, spans: Sequence[Span]) -> list[Span]:
    """The gold passages moved together to where they are wanted among the others."""
    gold, others = ([s for s in spans if _is_gold(s, question) is kind] for kind in (True, False))
    before = {"first": 0, "middle": (len(others) + 1) // 2, "last": len(others)}[place]
    return [*others[:before], *gold, *others[before:]]


def evidence_quotes(question: Question, texts: Mapping[str, Document]) -> list[tuple[str, str]]:
    """(document, text) of each piece of evidence."""
    return [(e.document, texts[e.document].quote(e)) for e in question.evidence]


def _classification(question: Question, texts: Mapping[str, Document]) -> TaskPrompt:
    quotes = dict(evidence_quotes(question, texts))
    clause = next(text for document, text in quotes.items() if document != PLAYBOOK)
    right, rules = rule_passages(texts[PLAYBOOK], quotes[PLAYBOOK], question.id)
    name = right.text.partition("\n")[0].strip()
    reply = f"{name}, {question.fields['rating'][0]}"
    return TaskPrompt(question, tuple(prompts.classify_messages(clause, rules)), reply)


def rule_passages(playbook: Document, wanted: str, seed: str) -> tuple[Passage, list[Passage]]:
    """The playbook's section that holds the sentence `wanted`, and it in random order among other sections."""
    sections = _sections(playbook)
    right = next(s for s in sections if wanted in s.text)
    chosen = [right, *random.Random(seed).sample([s for s in sections if s is not right], _RULES - 1)]
    random.Random(seed).shuffle(chosen)
    return right, chosen


def _sections(playbook: Document) -> list[Passage]:
    """The playbook's sections of one rule each, the heading on the first line."""
    sections = re.split(r"\n(?=##+ )", playbook.text)
    return [Passage(playbook.title, s.lstrip("# ").strip()) for s in sections if s.startswith("### ")]


def _written(question: Question, texts: Mapping[str, Document]) -> TaskPrompt:
    """A term sheet or a notice from the passages that hold its facts."""
    pages = [Passage(texts[d].title, text.strip()) for d, text in evidence_quotes(question, texts) if d != PLAYBOOK]
    if question.task == "summarise":
        pages.append(next(s for s in _sections(texts[PLAYBOOK]) if s.text.startswith(f"{_RATED}\n")))
        messages = prompts.term_sheet_messages(pages, term_sheet_guide(texts[PLAYBOOK]))
    else:
        messages = prompts.draft_messages(question.question, pages)
    return TaskPrompt(question, tuple(messages), question.answer or "")


def term_sheet_guide(playbook: Document) -> str:
    """The lines of the playbook that say what a term sheet holds."""
    section = playbook.text.split("## The term sheet")[1]
    return "\n".join(line for line in section.splitlines() if re.match(r"\d+\. ", line))


def score_task(prompt: TaskPrompt, reply: str) -> AnswerScore:
    """Score a reply to a prompt of `task_prompt` by its task; see `metrics.score_answer`.

    A classification is right when the rating is, and the category where the question asks for it. Where a reply cites
    no passages, citations are not scored.
    """
    if prompt.question.task != "classify":
        answer = parse_answer(reply)
        cited = [prompt.places[i - 1] for i in answer.citations if 1 <= i <= len(prompt.places)]
        scored = metrics.score_answer(prompt.question, answer, cited)
        return scored if prompt.places else replace(scored, citation=None)
    name, rating = parse_classification(reply)
    fields = prompt.question.fields
    right = [float(rating in fields["rating"])]
    right += [metrics.exact_match(name, fields["category"])] if "category" in fields else []
    return AnswerScore(min(right), sum(right) / len(right), None, parse_answer(reply).refused, False)


# ------------------------------------------------------------------------------------------- scores


def score(questions: Questions, results: Sequence[Result]) -> list[AnswerScore]:
    """Answer scores, question by question."""
    return [metrics.score_answer(q, r.answer, r.cited()) for q, r in zip(questions, results, strict=True)]


def score_retrieval(questions: Questions, results: Sequence[Result]) -> list[metrics.RetrievalScore | None]:
    """Retrieval scores of the chunks after every stage, question by question; None where there is no evidence.

    Of a compressed chunk only what is left counts: the places of the sentences kept, and their tokens.
    """
    passages = [[places_of(h.node) for h in r.retrieved] for r in results]
    tokens = [[cost_of(h.node) for h in r.retrieved] for r in results]
    return metrics.score_retrieval(questions, passages, tokens, K, BUDGET)


def _passages(result: Result) -> list[Span]:
    """Where the passages stand that the generator reads."""
    return [span for hit in result.retrieved[: result.used] for span in places_of(hit.node)]


def evidence_in_prompt(questions: Questions, results: Sequence[Result]) -> list[float | None]:
    """Share of the evidence in the passages that the generator reads; None where a question has none."""
    return [metrics.evidence_in_prompt(q.evidence, _passages(r)) for q, r in zip(questions, results, strict=True)]


def precision(questions: Questions, results: Sequence[Result]) -> list[float | None]:
    """Share of the characters in the prompt's passages that are evidence; None where a question has none."""
    return [_precision(q, r) if q.evidence else None for q, r in zip(questions, results, strict=True)]


def _precision(question: Question, result: Result) -> float:
    passages = _passages(result)
    total = sum(s.end - s.start for s in passages)
    return sum(s.overlap(e) for s in passages for e in question.evidence) / total if total else 0.0


def retrieval_values(scores: Sequence[metrics.RetrievalScore | None], metric: str) -> list[float | None]:
    """A metric of `RETRIEVAL` question by question; None where a question has no evidence."""
    return [getattr(score, RETRIEVAL[metric]) if score else None for score in scores]


# ------------------------------------------------------------------------------------------- errors

# In the order in which they are drawn: what is right, then from retrieval to reading.
ERROR_CATEGORIES = (
    "right", "wrong document", "evidence not retrieved", "wrong version", "refused wrongly", "should have refused",
    "misread",
)  # fmt: skip


def error_category(question: Question, result: Result, score: AnswerScore) -> str:
    """The category of one answer.

    - *right*: exact match, or a refusal where one is due.
    - *should have refused*: the corpus holds no answer, and the generator gave one.
    - *wrong document*: the prompt held no passage of a document with evidence.
    - *evidence not retrieved*: the right document, but not every piece of the evidence.
    - *wrong version*: the evidence was in the prompt, but an older or newer state of the contract was cited.
    - *refused wrongly*: the evidence was in the prompt, and the generator did not answer.
    - *misread*: the evidence was in the prompt, and the answer is wrong.
    """
    if score.exact_match == 1:
        return "right"
    if score.should_refuse:
        return "should have refused"
    passages = _passages(result)
    documents = {span.document for span in question.evidence}
    if not documents & {span.document for span in passages}:
        return "wrong document"
    if not all(metrics.covered(piece, passages) for piece in question.evidence):
        return "evidence not retrieved"
    if score.refused:
        return "refused wrongly"
    cited = {places[0].document for places in result.cited()}
    family = {name.split("-A")[0] for name in documents}
    if cited and not cited & documents and {name.split("-A")[0] for name in cited} & family:
        return "wrong version"
    return "misread"
