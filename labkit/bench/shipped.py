"""What comes with the course because it takes longer than a lesson: triples, questions, and what tuned models reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import groupby
from typing import Any

from llama_index.core.schema import BaseNode

from labkit import corpus, paths, profiles, rag
from labkit.bench.runs import Run
from labkit.corpus import Document, Question, Span
from labkit.metrics import AnswerScore
from labkit.rag import ExtractedTriple, Result, TaskPrompt
from labkit.replies import parse_answer

# Folder below the shipped results; of each tuned model a .json (its record) and a .jsonl.xz (set, question id, reply).
TUNED = "finetuning"
# What models are called by how they were tuned, in the order of tables; "none" is a model as it is.
_METHODS = {"none": "", "lora": "LoRA", "qlora": "QLoRA", "full": "all weights", "dpo": "DPO", "kto": "KTO"}
RANK, SOURCES = 8, ("questions", "refusals", "memory", "written")


def shipped_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that come with the course for these documents; errors as in `paths.read_checked`."""
    ids = {d.id for d in documents}
    rows = paths.read_rows("triples.jsonl", paths.shipped_results())
    return [ExtractedTriple(s, r, o, Span(d, a, b)) for s, r, o, d, a, b in rows if d in ids]


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """For each chunk the questions that come with the course, which may be none; errors as in `paths.read_checked`."""
    rows = paths.read_rows("hypothetical_questions.jsonl", paths.shipped_results())
    by_place = {Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [by_place.get(rag.span_of(c), []) for c in chunks]


@dataclass(frozen=True)
class TunedModel:
    """What one training gave: its record, and the replies of the tuned model to dev questions.

    Attributes:
        label: says what was done; the seeds of one training share it.
        settings: method, learning rate, share of the examples, seed, ...
        notes: `memory_mb` of the weights, where it was made, and of a training its seconds, tokens and `peak_mb`.
        replies: by set of questions, the questions' ids and the replies to them.
    """

    label: str
    settings: Mapping[str, Any]
    notes: Mapping[str, Any]
    replies: Mapping[str, Mapping[str, str]] = field(repr=False)

    def run(self, name: str, keep: Callable[[Question], bool] = lambda _: True) -> Run:
        """The replies to a set of questions, scored; citations are not, and no time is known.

        Args:
            name: of the set, such as "gold new".
            keep: which of its questions.

        Raises:
            KeyError: there is no such set.
        """
        if name not in self.replies:
            raise KeyError(f"{self.label!r} was not asked {name!r}: choose one of {', '.join(self.replies)}.")
        rows = [(q, reply) for i, reply in self.replies[name].items() if keep(q := _dev_questions()[i])]
        return scored_run(self.label, [q for q, _ in rows], [reply for _, reply in rows])


def scored_run(name: str, questions: Sequence[Question], replies: Sequence[str]) -> Run:
    """Replies to questions, scored; citations are not, and no time is known.

    Args:
        name: of the run.
        questions: that were asked.
        replies: one to each.
    """
    return Run(
        name=name,
        questions=questions,
        results=[Result(q.question, (), 0, r, parse_answer(r), 0) for q, r in zip(questions, replies, strict=True)],
        answers=[_scored(q, r) for q, r in zip(questions, replies, strict=True)],
        retrieval=[None] * len(questions),
        milliseconds=0.0,
    )


@cache
def _dev_questions() -> dict[str, Question]:
    asked = [*corpus.load_questions("dev"), *corpus.load_questions("dev", half="seen"), *everyday_questions()]
    return {q.id: q for q in asked}


# Tuned models often reply the same, so a reply is scored once.
_SCORES: dict[tuple[str, str, str | None], AnswerScore] = {}


def _scored(question: Question, reply: str) -> AnswerScore:
    key = (question.id, reply, question.answer)
    if key not in _SCORES:
        _SCORES[key] = rag.score_task(TaskPrompt(question, (), ""), reply)
    return _SCORES[key]


def everyday_questions() -> list[Question]:
    """Sixty questions about contracts of train and dev, written by hand in everyday English; no training has them."""
    texts = {d.id: d.text for d in corpus.load_documents(kinds=("contract",))}
    asked = []
    for row in paths.read_rows(f"{TUNED}/everyday.jsonl", paths.shipped_results()):
        document, quote = row.pop("document"), row.pop("quote")
        start = texts[document].index(quote or "")
        evidence = [dict(document=document, start=start, end=start + len(quote))] if quote else []
        task = "lookup" if quote else "unanswerable"
        asked.append(
            corpus.question_of(row | dict(task=task, evidence=evidence, documents=[document], wording=row["id"]))
        )
    return asked


def shipped_tuning(folder: str = TUNED) -> dict[str, list[TunedModel]]:
    """The tuned models whose replies come with the course, by label, one a seed, and those that they are compared with.

    Args:
        folder: "finetuning", "feedback" for what was trained on preferences, or "raft" for what was trained on
            retrieved passages; errors as in `paths.read_checked`.
    """
    listed = paths.checksums(paths.shipped_results())
    names = [n for n in listed if n.startswith(f"{folder}/") and n.endswith(".json") and f"{n}l.xz" in listed]
    tuned = sorted((_tuned(name) for name in names), key=_order)
    return {label: list(group) for label, group in groupby(tuned, key=lambda t: t.label)}


def _order(tuned: TunedModel) -> tuple[int, float, str, int]:
    s = tuned.settings
    return list(_METHODS).index(s["method"]), -s["share"], tuned.label, s["seed"]


def _tuned(name: str) -> TunedModel:
    notes = json.loads(paths.read_checked(name, paths.shipped_results()))
    replies: dict[str, dict[str, str]] = {}
    for group, question, reply in paths.read_rows(f"{name}l.xz", paths.shipped_results()):
        replies.setdefault(group, {})[question] = reply
    settings = notes.pop("arm")
    return TunedModel(_label(settings), settings, notes, replies)


def _label(settings: Mapping[str, Any]) -> str:
    if "label" in settings:
        return str(settings["label"])
    if settings["method"] == "none":
        return {profiles.BASE: "SmolLM2"}.get(settings["model"], settings["model"])
    parts = [_METHODS[settings["method"]]]
    if settings["method"] in ("dpo", "kto"):
        return parts[0]
    parts += [f"{Fraction(settings['share'])} of the examples"] if settings["share"] < 1 else []
    parts += [f"rank {settings['rank']}"] if settings["rank"] != RANK else []
    return ", ".join(parts + [f"no {s}" for s in SOURCES if s not in settings["sources"]])
