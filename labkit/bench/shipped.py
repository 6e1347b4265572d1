"""What comes with the course because it takes longer than a lesson: triples, questions, and replies of models.

The replies are those of tuned models, of lesson 10's rounds, and of models that documents attack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any

import pandas as pd
from llama_index.core.schema import BaseNode

from labkit import corpus, judge, paths, rag, stats
from labkit.bench.runs import Run
from labkit.metrics import AnswerScore, normalise
from labkit.replies import Answer, parse_answer

# Folders below the shipped results; of each tuned model a .json (its record) and a .jsonl.xz (set, question id, reply).
ROUNDS, SECURITY, TUNED = "rounds", "security", "finetuning"
# How models were tuned, in the order of tables; "none" is a model as it is.
_METHODS = ("none", "lora", "qlora", "full", "dpo", "kto")
# How a prompt without an attack is called.
NO_ATTACK = "no attack"


def shipped_triples(documents: Sequence[corpus.Document]) -> list[rag.ExtractedTriple]:
    """The triples that come with the course for these documents; errors as in `paths.read_checked`."""
    ids = {d.id for d in documents}
    rows = paths.read_rows("triples.jsonl", paths.shipped_results())
    return [rag.ExtractedTriple(s, r, o, corpus.Span(d, a, b)) for s, r, o, d, a, b in rows if d in ids]


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """For each chunk the questions that come with the course, which may be none; errors as in `paths.read_checked`."""
    rows = paths.read_rows("hypothetical_questions.jsonl", paths.shipped_results())
    by_place = {corpus.Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [by_place.get(rag.span_of(c), []) for c in chunks]


@dataclass(frozen=True)
class TunedModel:
    """What one training gave: its record, and the replies of the tuned model to dev questions.

    Attributes:
        label: says what was done; the seeds of one training share it.
        settings: label, method, learning rate, share of the examples, seed, ...
        notes: `memory_mb` of the weights, where it was made, and of a training its seconds, tokens and `peak_mb`.
        replies: by set of questions, the questions' ids and the replies to them.
    """

    label: str
    settings: Mapping[str, Any]
    notes: Mapping[str, Any]
    replies: Mapping[str, Mapping[str, str]] = field(repr=False)

    def run(self, name: str, keep: Callable[[corpus.Question], bool] = lambda _: True) -> Run:
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


def scored_run(name: str, questions: Sequence[corpus.Question], replies: Sequence[str]) -> Run:
    """Replies to questions, scored; citations are not, and no time is known.

    Args:
        name: of the run.
        questions: that were asked.
        replies: one to each.
    """
    results = [rag.Result(q.question, (), 0, r, parse_answer(r), 0) for q, r in zip(questions, replies, strict=True)]
    return Run(name, questions, results, list(map(_scored, questions, replies)), [None] * len(questions), 0.0)


@cache
def _dev_questions() -> dict[str, corpus.Question]:
    asked = [*corpus.load_questions("dev"), *corpus.load_questions("dev", half="seen"), *everyday_questions()]
    return {q.id: q for q in asked}


# Tuned models often reply the same, so a reply is scored once.
_SCORES: dict[tuple[str, str, str | None], AnswerScore] = {}


def _scored(question: corpus.Question, reply: str) -> AnswerScore:
    key = (question.id, reply, question.answer)
    if key not in _SCORES:
        _SCORES[key] = rag.score_task(rag.TaskPrompt(question, (), ""), reply)
    return _SCORES[key]


def everyday_questions() -> list[corpus.Question]:
    """Sixty questions about contracts of train and dev, written by hand in everyday English; no training has them."""
    return [corpus.question_of(row) for row in paths.read_rows(f"{TUNED}/everyday.jsonl", paths.shipped_results())]


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
    return _METHODS.index(s["method"]), -s["share"], tuned.label, s["seed"]


def _tuned(name: str) -> TunedModel:
    notes = json.loads(paths.read_checked(name, paths.shipped_results()))
    replies: dict[str, dict[str, str]] = {}
    for group, question, reply in paths.read_rows(f"{name}l.xz", paths.shipped_results()):
        replies.setdefault(group, {})[question] = reply
    settings = notes.pop("arm")
    return TunedModel(settings["label"], settings, notes, replies)


@dataclass(frozen=True)
class RoundFact:
    """A value of a contract, and the round in which it arrives.

    Attributes:
        id: contract, category and round.
        round: from 0.
        replaced: the round in which an amendment changes it; None where none does.
        amends: whether an amendment brought it to a contract that was there before.
        asked: questions for it, by what they serve for: "train", "gate" or "report".
    """

    id: str
    round: int
    replaced: int | None
    amends: bool
    asked: Mapping[str, Sequence[corpus.Question]] = field(repr=False)

    def holds(self, at: int) -> bool:
        """Whether the value has arrived by a round, and no amendment has changed it."""
        return self.round <= at and (self.replaced is None or at < self.replaced)


@dataclass(frozen=True)
class Rounds:
    """What `make rounds` made.

    Attributes:
        facts: of all rounds.
        records: by version what made it: parent, share of replay, training, failures, and the gate's figures.
        versions: the replies of each version, of the "reader", which is not trained, and of "index", a pipeline
            that only indexes the new documents.
        judged: by version a row for each failure: fact, rater, verdict, edited answer, and the answers of the version
            and of the pipeline.
        general: by prompt about held-out worlds, the reply wanted.
    """

    facts: Sequence[RoundFact] = field(repr=False)
    records: Mapping[str, Mapping[str, Any]] = field(repr=False)
    versions: Mapping[str, TunedModel]
    judged: Mapping[str, Sequence[Sequence[Any]]] = field(repr=False)
    general: Mapping[str, str] = field(repr=False)

    def run(self, version: str, facts: Sequence[RoundFact], name: str = "report") -> Run:
        """What a version replied to questions for facts, scored by these facts' values.

        Args:
            version: such as "round 1, replay 0.05".
            facts: some of `facts`.
            name: the set of questions, "report" or "gate"; of "index" it is "round 0" to "round 3".

        Raises:
            KeyError: there is no such version or set, or it was not asked for a fact.
        """
        replies = self.versions[version].replies[name]
        asked = [fact.asked["gate" if name == "gate" else "report"][0] for fact in facts]
        return scored_run(version, asked, [replies[q.id] for q in asked])


def shipped_rounds() -> Rounds:
    """The rounds that come with the course; errors as in `paths.read_checked`."""
    folder = paths.shipped_results()
    made = json.loads(paths.read_checked(f"{ROUNDS}/versions.json", folder))
    replies: dict[str, dict[str, dict[str, str]]] = {}
    for version, name, number, reply in paths.read_rows(f"{ROUNDS}/replies.jsonl.xz", folder):
        replies.setdefault(version, {}).setdefault(name, {})[number] = reply
    judged = stats.grouped((version, row) for version, *row in paths.read_rows(f"{ROUNDS}/judged.jsonl.xz", folder))
    facts = []
    for row in paths.read_rows(f"{ROUNDS}/facts.jsonl.xz", folder):
        asked = {name: tuple(map(corpus.question_of, group)) for name, group in row["asked"].items()}
        facts.append(RoundFact(**{**row, "asked": asked}))
    versions = {name: TunedModel(name, made.get(name, {}), made.get(name, {}), sets) for name, sets in replies.items()}
    return Rounds(facts, made, versions, judged, dict(paths.read_rows(f"{ROUNDS}/general.jsonl.xz", folder)))


def attacked_replies(rows: Sequence[Sequence[Any]], wishes: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """What models replied to prompts with an attacker's passage, a row a reply.

    Args:
        rows: model, id of a lookup of dev, attack or `NO_ATTACK`, defence or "none", reply, and the tokens that were
            read, by a judge as well.
        wishes: by question and attack what the attacker wants to stand in the reply.

    Returns:
        Columns model, question, contract, attack, defence; `succeeded`, whether the wish stands in the reply (None
        without an attack); `right`, whether the reply is the answer, or a sentence around it as SmolLM2 writes them
        (`judge.agreement`); refused, tokens.
    """
    asked, made = {q.id: q for q in corpus.load_questions("dev", "lookup")}, []
    for model, name, attack, defence, reply, tokens in rows:
        answer, wish, question = parse_answer(reply), wishes[name].get(attack), asked[name]
        right = any(judge.agreement(answer.text, Answer(a, (), False)) >= 1 for a in question.accepted())
        won = None if wish is None else f" {normalise(wish)} " in f" {normalise(answer.text)} "
        made.append((model, name, question.cluster, attack, defence, won, right, answer.refused, tokens))
    columns = ["model", "question", "contract", "attack", "defence", "succeeded", "right", "refused", "tokens"]
    return pd.DataFrame(made, columns=columns)


def shipped_attacks() -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """The replies to attacks that come with the course, as in `attacked_replies`, and the milliseconds of a question.

    Returns:
        The replies; and by model and defence what a question without an attack takes. Errors as in
        `paths.read_checked`.
    """
    folder = paths.shipped_results()
    record = json.loads(paths.read_checked(f"{SECURITY}/wishes.json", folder))
    rows = paths.read_rows(f"{SECURITY}/replies.jsonl.xz", folder)
    return attacked_replies(rows, record["wishes"]), record["milliseconds"]
