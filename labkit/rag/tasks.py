"""The course's tasks with their gold passages: the prompt of each, the reply wanted, and how a reply is scored.

Fine-tuning learns from them, and lessons measure reading apart from retrieval with them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labkit import metrics, prompts
from labkit.corpus import Document, Question, Span
from labkit.metrics import AnswerScore
from labkit.prompts import Message, Passage
from labkit.rag.baselines import Clauses, Documents, oracle_passages
from labkit.replies import parse_answer, parse_classification

PLAYBOOK = "playbook"
# Where the gold passage can stand among the others.
POSITIONS = ("first", "middle", "last")
_RULES = 3
# The rule that rates a whole contract on its term sheet.
_RATED = "Liability cap"


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
    passages, spans = oracle_passages(question, documents, contracts, distractors, seed)
    gold = [any(metrics.covers(s, e) for e in question.evidence) for s in spans]
    if gold_at and any(gold):
        order = _ordered(gold, gold_at)
        passages, spans = ([row[i] for i in order] for row in (passages, spans))  # type: ignore[assignment]
    reply = cited_reply(question, spans)
    return TaskPrompt(question, tuple(prompts.answer_messages(question.question, passages)), reply, tuple(spans))


def cited_reply(question: Question, spans: Sequence[Span]) -> str:
    """The answer, citing each passage that holds a piece of the evidence; a refusal where there is no answer."""
    held = [i for i, span in enumerate(spans, 1) if any(metrics.covers(span, e) for e in question.evidence)]
    return prompts.REFUSAL if question.answer is None else " ".join([question.answer, *(f"[{i}]" for i in held)])


def _ordered(gold: Sequence[bool], gold_at: str) -> list[int]:
    """Positions of the passages, the gold ones moved together to where they are wanted."""
    right, wrong = ([i for i, g in enumerate(gold) if g is kind] for kind in (True, False))
    before = {"first": 0, "middle": (len(wrong) + 1) // 2, "last": len(wrong)}[gold_at]
    return [*wrong[:before], *right, *wrong[before:]]


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
        score = metrics.score_answer(prompt.question, answer, cited)
        return score if prompt.places else replace(score, citation=None)
    name, rating = parse_classification(reply)
    fields = prompt.question.fields
    right = [float(rating in fields["rating"])]
    right += [metrics.exact_match(name, fields["category"])] if "category" in fields else []
    return AnswerScore(min(right), sum(right) / len(right), None, parse_answer(reply).refused, False)
