"""Questions for training and evaluation, written by a model from documents, and filtered.

Each question is answered again, so that a reader judges what a writer wrote (Alberti et al. 2019, Synthetic QA Corpora
Generation with Roundtrip Consistency).
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llama_index.core.schema import TextNode
from pydantic import TypeAdapter, ValidationError

from labkit import corpus, metrics, paths, rag, values
from labkit.corpus import Span
from labkit.models import Generator
from labkit.prompts import answer_messages
from labkit.replies import Answer, parse_answer

# Why a question is dropped, in the order in which the filters are applied.
FILTERS = {
    "duplicate": "another question about the same document reads the same",
    "leak": "a question of the evaluation reads the same but for names and values, or is about the same document",
    "refused": "the model does not find an answer in the passage",
    "not in the text": "the answer does not stand in the passage",
    "not found again": "among other passages the model answers something else, or cites another passage",
}
# A person dropped it, though it passed all filters.
BY_HAND = "by hand"


@dataclass(frozen=True)
class WrittenQuestion:
    """A question that a model wrote.

    Attributes:
        question: as it was written.
        answer: what the model reads in the passage; None where it finds none.
        source: where the passage stands.
        others: places of the passages among which it was answered again, the nearest first.
        dropped: the filter that it did not pass, one of `FILTERS`, or `BY_HAND`; None where it passed all.
        checked: whether a person has kept or dropped it.
    """

    question: str
    answer: str | None
    source: Span
    others: tuple[Span, ...] = ()
    dropped: str | None = None
    checked: bool = False


Rows = Sequence[WrittenQuestion]
_ROW = TypeAdapter(WrittenQuestion)


def write_questions(
    generator: Generator, chunks: Sequence[TextNode], evaluation: Sequence[corpus.Question] = (), progress: bool = False
) -> list[WrittenQuestion]:
    """Let a model write the questions that each chunk answers, and say which of them to drop and why.

    Args:
        generator: the model that writes and answers.
        chunks: made by `rag.chunk`.
        evaluation: questions that training must not know: see `mark_leaks`.
        progress: show bars.

    Returns:
        All questions in the order of the chunks, those dropped too.

    Raises:
        ValueError: there are no chunks.
    """
    if not chunks:
        raise ValueError("There are no chunks to write questions for: make some with `rag.chunk`.")
    written = [
        WrittenQuestion(text, None, rag.span_of(node))
        for node, texts in zip(chunks, rag.hypothetical_questions(generator, chunks, progress=progress), strict=True)
        for text in texts
    ]
    rows = mark_leaks(mark_duplicates(written), evaluation)
    rows = mark_unanswered(rows, generator, chunks, progress)
    return mark_inconsistent(rows, generator, chunks, progress=progress)


def mark_duplicates(rows: Rows) -> list[WrittenQuestion]:
    """Drop every question but the first of those that read the same about one document."""
    keys = [(row.source.document, metrics.normalise(row.question)) for row in rows]
    first = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
    return [_dropped(row, "duplicate", first[key] < i) for i, (row, key) in enumerate(zip(rows, keys, strict=True))]


def mark_leaks(rows: Rows, evaluation: Sequence[corpus.Question]) -> list[WrittenQuestion]:
    """Drop questions that give an evaluation away: about its new documents, or worded as one of its questions.

    Args:
        rows: the questions.
        evaluation: questions that training must not know. Wordings are compared without names, dates and quantities;
            the documents of those about facts that training covers (`half` is "seen") may be asked about.
    """
    wordings = {masked(q.question) for q in evaluation}
    documents = {d for q in evaluation if q.half != "seen" for d in q.documents}
    return [_dropped(r, "leak", masked(r.question) in wordings or r.source.document in documents) for r in rows]


def masked(question: str) -> str:
    """A question in small letters without names, dates and quantities, to compare wordings."""
    # With the amount goes the blank behind it.
    text = values.without_quantities(question).replace("quantity", " # ")
    # Words with a capital letter behind the first word are names.
    text = re.sub(r"(?<=\s)[A-Z][\w.'\u2019&/-]*(?:[ ,]+(?:(?:and|of|the) )?[A-Z][\w.'\u2019&/-]*)*", " # ", text)
    text = re.sub(r"[^\w#]+", " ", text.lower())
    return re.sub(r"#(?: #)*", "name", text).strip()


def mark_unanswered(
    rows: Rows, generator: Generator, chunks: Sequence[TextNode], progress: bool = False
) -> list[WrittenQuestion]:
    """Answer each question from its own passage; drop it where the model refuses, or answers what is not there."""
    passages = {rag.span_of(node): rag.passage_of(node) for node in chunks}
    alive = [i for i, row in enumerate(rows) if row.dropped is None]
    chats = [answer_messages(rows[i].question, [passages[rows[i].source]]) for i in alive]
    marked = list(rows)
    for i, reply in zip(alive, generator.generate(chats, progress=progress), strict=True):
        answer = parse_answer(reply)
        row = replace(rows[i], answer=None if answer.refused else answer.text)
        row = _dropped(row, "refused", answer.refused)
        passage = passages[row.source]
        marked[i] = _dropped(row, "not in the text", not stands_in(answer.text, f"{passage.title}\n{passage.text}"))
    return marked


def stands_in(answer: str, text: str) -> bool:
    """Whether an answer stands in a text, spelled in any way that `metrics.normalise` takes for the same."""
    return bool(said := metrics.normalise(answer)) and f" {said} " in f" {metrics.normalise(text)} "


def mark_inconsistent(
    rows: Rows, generator: Generator, chunks: Sequence[TextNode], distractors: int = 2, progress: bool = False
) -> list[WrittenQuestion]:
    """Answer each question again among the passages nearest to it; drop it where another answer or citation comes.

    Args:
        rows: the questions, answered.
        generator: the model that answers.
        chunks: that the questions were written from.
        distractors: passages beside its own, the nearest by BM25.
        progress: show a bar.
    """
    passages = {rag.span_of(node): rag.passage_of(node) for node in chunks}
    alive = [i for i, row in enumerate(rows) if row.dropped is None]
    marked = list(rows)
    if not alive:
        return marked
    found = rag.BM25Index(chunks).retrieve([rows[i].question for i in alive], distractors + 1)
    chats = []
    for place, (i, hits) in enumerate(zip(alive, found, strict=True)):
        near = [span for hit in hits if (span := rag.span_of(hit.node)) != rows[i].source][:distractors]
        marked[i] = replace(rows[i], others=tuple(near))
        chats.append(answer_messages(rows[i].question, [passages[s] for s in among(marked[i], place)]))
    for place, (i, reply) in enumerate(zip(alive, generator.generate(chats, progress=progress), strict=True)):
        same = _same(parse_answer(reply), marked[i], among(marked[i], place))
        marked[i] = _dropped(marked[i], "not found again", not same)
    return marked


def among(row: WrittenQuestion, place: int) -> list[Span]:
    """The places of a question's passages, its own at `place`, counted round."""
    spans = list(row.others)
    spans.insert(place % (len(spans) + 1), row.source)
    return spans


def _same(answer: Answer, row: WrittenQuestion, spans: Sequence[Span]) -> bool:
    cited = [spans[i - 1] for i in answer.citations if 1 <= i <= len(spans)]
    return not answer.refused and cited == [row.source] and bool(metrics.exact_match(answer.text, [row.answer or ""]))


def _dropped(row: WrittenQuestion, why: str, wrong: bool) -> WrittenQuestion:
    return replace(row, dropped=why) if wrong and row.dropped is None else row


def survivors(rows: Iterable[WrittenQuestion]) -> dict[str, int]:
    """How many questions were written, how many each filter (or a person, if any) dropped, and how many are left."""
    dropped = Counter(row.dropped for row in rows)
    reasons = [*FILTERS, BY_HAND] if dropped[BY_HAND] else FILTERS
    return {"written": sum(dropped.values()), **{name: dropped[name] for name in reasons}, "kept": dropped[None]}


def save(rows: Iterable[WrittenQuestion], path: Path) -> Path:
    """Write questions as JSON lines, atomically; what is as it is by default is left out."""
    paths.write_atomic(path, b"".join(_ROW.dump_json(row, exclude_defaults=True) + b"\n" for row in rows))
    return path


def load(path: Path) -> list[WrittenQuestion]:
    """Questions that `save` wrote.

    Raises:
        ValueError: a line is no question; the message says which.
    """
    rows = []
    # Not `splitlines`: it also splits at separators that may stand inside a text.
    for number, line in enumerate(io.StringIO(path.read_text(encoding="utf-8")), 1):
        try:
            rows.append(_ROW.validate_json(line))
        except ValidationError as cause:
            wrong = cause.errors()[0]
            why = ": ".join(map(str, (*wrong["loc"], wrong["msg"])))
            raise ValueError(f"Line {number} of {path.name} is no written question: {why}.") from cause
    return rows
