"""Training with retrieved passages (RAFT; Zhang et al. 2024, arXiv 2403.10131), for lesson 11 and the benchmark.

`python -m synthesis raft FOLDER` makes whatever is not there yet; on two cores it takes an hour and a half. *RAFT* goes
on from the fine-tuned model of lesson 08, with the passages that the best pipeline finds for train questions; *gold* is
its control, which reads as many tokens about the same questions with their gold passages. Beside them, models that
learned facts of round 0 by heart show what becomes of an amended value when a passage says otherwise.
"""

from __future__ import annotations

import pickle
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from labkit import bench, corpus, metrics, models, prompts, rag, tune
from labkit.bench.arms import TOP_K, Answerer, Arm
from labkit.bench.shipped import RoundFact
from labkit.corpus import Question, Span
from labkit.models import Generator
from labkit.prompts import REFUSAL, Passage
from labkit.rag import TaskPrompt
from synthesis import finetuning, rounds
from synthesis.packed_attention import by_example
from synthesis.preferences import kept, ship

SAY = partial(print, flush=True)
FOLDER = "raft"
# Tokens that RAFT and its control read beyond fine-tuning, those of a step, and the adapter's rank: it is the third of
# a stack that has to stay small.
BUDGET, STEP, RANK, RATE = 200_000, 2_048, 2, 1e-3
SEEDS = (0, 1, 2)
# Where the evidence was not found it is put in, as often as in the paper; the rest is learned as a refusal.
PUT_IN = 0.8
# Notices and term sheets have long prompts: one in so many is read.
EVERY = {"summarise": 4, "draft": 4}
# Dev questions of each half and task that all models are asked.
ASKED = {"new": {"lookup": 112, "amended": 36, "unanswerable": 72}, "seen": {"lookup": 96, "amended": 12}}
BEST = Arm("best RAG", "best")


def answerer(split: str, questions: Sequence[Question]) -> Answerer:
    """Finds passages in the archive of a split, the playbook among them."""
    return Answerer(bench.Grid(questions, corpus.load_documents(split), corpus.contract_records()))


def examples(seed: int = 0) -> dict[str, list[tune.Chat]]:
    """The same train questions twice: "raft" with the passages that are found, "gold" with theirs.

    Args:
        seed: decides on order and distractors, and where missing evidence is put in.
    """
    rng = random.Random(seed)
    chosen = [q for q in corpus.load_questions("train") if q.followup is None]
    chosen = [q for i, q in enumerate(chosen) if i % EVERY.get(q.task, 1) == 0]
    rng.shuffle(chosen)
    documents, contracts = corpus.load_documents("train"), corpus.contract_records()
    made: dict[str, list[tune.Chat]] = {"raft": [], "gold": []}
    for question, (messages, spans) in zip(chosen, answerer("train", chosen).prompts(BEST, chosen), strict=True):
        gold = rag.task_prompt(question, documents, contracts, rng.randint(0, TOP_K - 1), seed)
        made["gold"].append(tune.Chat(gold.messages, gold.reply))
        made["raft"].append(_with_found(question, gold, messages, spans, rng))
    return made


def _with_found(question: Question, gold: TaskPrompt, messages: Any, spans: Sequence[Span], rng: Any) -> tune.Chat:
    """A question with what was found for it and the reply that this supports."""
    if question.answer is None:
        return tune.Chat(tuple(messages), REFUSAL)
    complete = all(any(metrics.covers(s, e) for s in spans) for e in question.evidence)
    if question.task in ("classify", "summarise", "draft"):
        return tune.Chat(tuple(messages) if complete else gold.messages, gold.reply)
    if complete:
        return tune.Chat(tuple(messages), rag.cited_reply(question, spans))
    if rng.random() >= PUT_IN:
        return tune.Chat(tuple(messages), REFUSAL)
    return tune.Chat(gold.messages, gold.reply)


def train(chats: Sequence[tune.Chat], folder: Path, base: Generator, seed: int) -> Path:
    """Train an adapter upon a model, on `BUDGET` tokens."""
    if not (folder / "adapter_model.safetensors").exists():
        tokens = sum(tune.count_tokens(chat, base) for chat in chats)
        with by_example(base.model):
            tune.train_generator(chats, folder, base, epochs=BUDGET / tokens, rank=RANK, learning_rate=RATE,
                                 batch_tokens=STEP, seed=seed)  # fmt: skip
    return folder


def evaluations(facts: Sequence[RoundFact]) -> dict[str, list[TaskPrompt]]:
    """What every model is asked.

    Args:
        facts: of the rounds of lesson 10; those that an amendment changes are asked with the passages of it.
    """
    documents, contracts = corpus.load_documents(), corpus.contract_records()
    gold = partial(rag.task_prompt, documents=documents, contracts=contracts)
    made: dict[str, list[TaskPrompt]] = {}
    for half, split in (("new", "dev"), ("seen", "train")):
        rows = [q for q in corpus.load_questions("dev", half=half) if q.followup is None]
        chosen = [q for task, most in ASKED[half].items() for q in [r for r in rows if r.task == task][:most]]
        found = answerer(split, chosen).prompts(BEST, chosen)
        made[f"best {half}"] = [TaskPrompt(q, tuple(m), "", tuple(s)) for q, (m, s) in zip(chosen, found, strict=True)]
        made[f"gold {half}"] = [gold(q) for q in chosen if q.task in ("lookup", "amended")]
        made[f"closed-book {half}"] = [
            finetuning.closed_book_task(q) for q in chosen if q.task in ("lookup", "amended")
        ]
    swapped = substituted(facts)
    asked = {q.id: q for f in facts if f.round == 0 for q in f.asked["report"]}
    made["substituted closed-book"] = [finetuning.closed_book_task(asked[task.question.id]) for task in swapped]
    return made | amended(facts) | {"substituted": swapped}


def amended(facts: Sequence[RoundFact]) -> dict[str, list[TaskPrompt]]:
    """Facts of round 0 that are amended later, asked in words that no training had: without a passage, with the
    amendment among distractors, and with the amendment and the clause that it changes."""
    documents, contracts = corpus.load_documents("train"), corpus.contract_records()
    texts, first = {d.id: d for d in documents}, {f.id.split("@")[0]: f for f in facts if f.round == 0}
    made: dict[str, list[TaskPrompt]] = {"amended closed-book": [], "amended": [], "amended with both": []}
    for fact in facts:
        former = first.get(fact.id.split("@")[0])
        if not former or former.replaced != fact.round:
            continue
        (new,), (old,) = fact.asked["report"], former.asked["report"]
        made["amended closed-book"].append(finetuning.closed_book_task(new))
        task = rag.task_prompt(new, documents, contracts)
        made["amended"].append(task)
        (clause,) = rag.oracle_passages(old, documents, contracts, 0)[1]
        kept_places = [s for s in task.places if any(metrics.covers(s, e) for e in new.evidence)]
        spans = [*kept_places, clause, *(s for s in task.places if s not in kept_places)][:TOP_K]
        random.Random(new.id).shuffle(spans)
        passages = [Passage(texts[s.document].title, texts[s.document].quote(s)) for s in spans]
        made["amended with both"].append(
            TaskPrompt(new, tuple(prompts.answer_messages(new.question, passages)), new.answer or "", tuple(spans))
        )
    return made


def substituted(facts: Sequence[RoundFact]) -> list[TaskPrompt]:
    """Facts of round 0 with their passage, in which another contract's value stands in place of their own, among
    distractors (Longpre et al. 2021, arXiv 2109.05052): who reads says that value, who remembers says the old one."""
    documents, contracts = corpus.load_documents("train"), corpus.contract_records()
    texts, made = {d.id: d for d in documents}, []
    values = [(clause["category"], clause["value"]) for record in contracts for clause in record["clauses"]]
    for fact in (f for f in facts if f.round == 0):
        (question,) = fact.asked["report"]
        own = max(
            (a for a in question.accepted() if a.lower() in _evidence(question, texts).lower()), key=len, default=""
        )
        others = sorted({v for category, v in values if category == question.category and any(map(str.isdigit, v))})
        others = [v for v in others if not metrics.exact_match(v, question.accepted())]
        # A party of another contract would be recognised as such.
        if not own or not others or not any(map(str.isdigit, question.answer or "")):
            continue
        value = random.Random(question.id).choice(others)
        task = rag.task_prompt(replace(question, answer=value, aliases=()), documents, contracts)
        messages = [dict(m) for m in task.messages]
        passage = next(texts[s.document].quote(s) for s in task.places if metrics.covers(s, question.evidence[0]))
        changed = re.sub(re.escape(own), value, passage, flags=re.IGNORECASE)
        messages[-1]["content"] = messages[-1]["content"].replace(passage, changed)
        made.append(replace(task, messages=tuple(messages)))
    return made


def _evidence(question: Question, texts: Any) -> str:
    (evidence,) = question.evidence
    return str(texts[evidence.document].quote(evidence))


def by_heart(facts: Sequence[RoundFact], reader: Generator, chats: dict[str, list[tune.Chat]]) -> dict[str, list[Any]]:
    """What models learn that know the facts of round 0 by heart: nothing else, or beside it to read, with the gold
    passage alone, or with what is found; as many tokens as version 0 of lesson 10."""
    learned = [rounds.chats(q) for f in facts if f.holds(0) for q in f.asked["train"]]
    documents, contracts = corpus.load_documents("train"), corpus.contract_records()
    asked = [q for q in corpus.load_questions("train", "lookup") if q.followup is None]
    alone = [rag.task_prompt(q, documents, contracts, 0) for q in asked]
    made: dict[str, list[Any]] = {"facts": learned}
    for name, some in (
        ("facts, gold alone", [tune.Chat(t.messages, t.reply) for t in alone]),
        ("facts, RAFT", chats["raft"]),
    ):
        tokens, reading = 0, []
        for chat in some:
            length = tune.count_tokens(chat, reader)
            if length <= rounds.STEP and tokens + length <= rounds.READING_TOKENS:
                tokens += length
                reading.append(chat)
        made[name] = [*learned, *reading]
    return made


def stack(out: Path, name: str) -> list[Path]:
    """Folders of the adapters of a model, one upon the other: "reader", "SFT 0", "RAFT 1", "gold 0", "facts", ..."""
    kind, _, seed = name.rpartition(" ")
    if kind in ("SFT", "RAFT", "gold"):
        first = out.parent / replace(finetuning.Arm(), seed=int(seed)).name
        return [first] if kind == "SFT" else [first, out / name]
    return {"reader": [], "version 0": [out.parent / "rounds" / "round 0"]}.get(name, [out / name])


def load(folders: Sequence[Path]) -> Generator:
    """The reader with these adapters merged."""
    return replace(rounds.merged(folders), batch_size=8 if models.device() == "cpu" else 48)


def run(out: Path, name: str, chats: dict[str, list[tune.Chat]], asked: dict[str, list[TaskPrompt]]) -> None:
    """Train a model unless it is there, and ask it."""
    kind, _, seed = name.rpartition(" ")
    folders = stack(out, name)
    if kind in ("RAFT", "gold"):
        train(chats[kind.lower()], folders[-1], load(folders[:-1]), int(seed))
    elif name in chats:
        rounds.trained(load(folders[:-1]), chats[name], folders[-1])
    if name in BY_HEART:
        asked = {key: group for key, group in asked.items() if key == "gold new" or key.startswith(("amended", "sub"))}
    elif kind and int(seed):
        asked = {key: group for key, group in asked.items() if key in ("best new", "gold new")}
    rows = kept(out / f"{name}.replies.pickle", lambda: finetuning.replies(load(folders), asked))
    SAY(name, {key: round(value, 3) for key, value in finetuning.score(rows, asked).items()})


BY_HEART = ("version 0", "facts", "facts, gold alone", "facts, RAFT")
NAMES = ("reader", *(f"{kind} {seed}" for seed in SEEDS for kind in ("SFT", "RAFT")), "gold 0", *BY_HEART)


def main(out: Path, names: Sequence[str] = NAMES) -> None:
    """Make whatever is not there yet, and put it into the course once all is there.

    Args:
        out: gets what is made on the way, and the adapters; beside it stand the folders of `finetuning` and `rounds`.
        names: of the models to make now, so that two processes can share the work.
    """
    out.mkdir(parents=True, exist_ok=True)
    facts = kept(out / "facts.pickle", rounds.facts)
    chats = kept(out / "chats.pickle", examples)
    asked = kept(out / "asked.pickle", partial(evaluations, facts))
    chats |= kept(out / "by_heart.pickle", lambda: by_heart(facts, models.load_generator(), chats))
    for name in names:
        run(out, name, chats, asked)
    if all((out / f"{name}.replies.pickle").exists() for name in NAMES):
        _ship(out, asked)


def _ship(out: Path, asked: dict[str, list[TaskPrompt]]) -> None:
    """Replies and records in the form of lesson 08's, and where the passages of each prompt stand."""
    for name in NAMES:
        kind, _, seed = name.rpartition(" ")
        trained = kind in ("SFT", "RAFT", "gold")
        label = {"SFT": "SFT", "RAFT": "RAFT", "gold": "gold passages"}[kind] if trained else name
        notes: dict[str, Any] = {
            "arm": {"label": label, "method": "lora", "share": 1, "seed": int(seed) if trained else 0}
        }
        if (stack(out, name) or [out])[-1].is_relative_to(out / name):
            record = asdict(tune.read_record(out / name))
            notes["training"] = {key: record[key] for key in ("examples", "steps", "tokens", "seconds", "settings")}
        file = name.replace(",", "").replace(" ", "_")
        ship(FOLDER, f"{file}.json", notes)
        ship(FOLDER, f"{file}.jsonl.xz", pickle.loads((out / f"{name}.replies.pickle").read_bytes()))
    rows = [
        [key, p.question.id, [list(asdict(s).values()) for s in p.places]]
        for key, group in asked.items()
        for p in group
    ]
    ship(FOLDER, "places.jsonl.xz", (row for row in rows if row[2]))
    ship(FOLDER, "substituted.jsonl.xz", ([p.question.id, p.question.answer, p.messages] for p in asked["substituted"]))
