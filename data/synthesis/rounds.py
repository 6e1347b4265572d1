"""The rounds of lesson 10: contracts and amendments arrive, and a model without passages is taught its failures.

`python -m synthesis rounds FOLDER` makes whatever is not there yet; on two cores it takes about two hours. Facts of the
train contracts are asked without passages, in four wordings for training, one for the gate that releases a version or
rolls it back, and one for what is reported. Beside it stands a pipeline that only indexes the new documents.
"""

from __future__ import annotations

import itertools
import json
import pickle
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labkit import corpus, feedback, judge, models, paths, prompts, rag, stats, tune
from labkit.bench.arms import TOP_K, tuned_index
from labkit.bench.shipped import ROUNDS
from labkit.bench.shipped import RoundFact as Fact
from labkit.corpus import Question, Span
from labkit.metrics import score_answer
from labkit.models import shipped_replies
from labkit.replies import parse_answer
from synthesis import finetuning
from synthesis.archive import amendments, contracts, questions, references, world
from synthesis.preferences import kept, ship
from synthesis.reader import evaluate, examples

SAY = partial(print, flush=True)
ARRIVALS, REPLAYS, SEED = (1, 2, 3), (0.0, 0.05), 0
# Facts of new contracts that are taught in a round, beside all values that an amendment changed.
EACH = 12
# Which of a category's lookup wordings serve for what; the last two are those of dev.
WORDINGS = {"train": (0, 1, 2, 3), "gate": (4,), "report": (5,)}
# Times that a fact is learned in its round, in each wording, each time with another way of naming its contract; and the
# tokens of examples with passages in round 0.
TIMES, READING_TOKENS = 8, 25_000
# Facts stay in mind only if the steps are many and small.
RANK, RATE, STEP = 4, 3e-3, 512
# Failures of a round that a person corrects, and the share of these in which they keep a wrong answer.
BY_HAND, SLIPS = 15, 0.05
# Prompts of each instruction of held-out worlds.
GENERAL = 4
GUARDED = ("old facts", "reading", "refusals")


def facts() -> list[Fact]:
    """The facts of all rounds: those that an amendment changes later, and others drawn evenly over the contracts."""
    companies = world.companies()
    written = contracts.contracts(world.deals(companies), companies)
    archive = references.Corpus(companies, written, amendments.amendments(written))
    rng, found = random.Random(SEED), []
    drawn: dict[int, dict[str, list[list[Fact]]]] = defaultdict(lambda: defaultdict(list))
    for contract in archive.of("train"):
        for clause in contract.clauses:
            values = _values(archive, contract, clause.category)
            if len(values) > 1:
                found += _facts(archive, contract, values, rng)
            else:
                drawn[next(iter(values))][contract.id].append(_facts(archive, contract, values, rng))
    for by_contract in drawn.values():
        for rows in by_contract.values():
            rng.shuffle(rows)
        turns = itertools.zip_longest(*by_contract.values(), fillvalue=[])
        found += [fact for rows in turns for row in rows for fact in row][:EACH]
    return sorted(found, key=lambda fact: (fact.round, fact.id))


def _values(archive: references.Corpus, contract: Any, category: str) -> dict[int, tuple[Any, Any]]:
    """By round the document and clause that bring the value which holds at its end, where it is a new one."""
    values = {}
    changes = sorted((a for a in archive.changes if a.amends == contract.id), key=lambda a: (a.date, a.id))
    for document in (contract, *changes):
        if clause := document.clause(category):
            values[world.round_of(document.date)] = (document, clause)
    return values


def _facts(archive: references.Corpus, contract: Any, values: dict[int, Any], rng: random.Random) -> list[Fact]:
    facts: list[Fact] = []
    rounds = [*values, None]
    for (at, (document, clause)), replaced in zip(values.items(), rounds[1:], strict=True):
        asked = {}
        for use, places in WORDINGS.items():
            times = [(k, turn) for turn in range(TIMES if use == "train" else 1) for k in places]
            made = (_question(archive, contract, document, clause, *time, rng) for time in times)
            asked[use] = [question for question in made if question]
        if all(asked.values()):
            name = f"{contract.id}:{clause.category}@{at}"
            facts.append(Fact(name, at, replaced, document is not contract and len(facts) > 0, asked))
    return facts


def _question(
    archive: references.Corpus, contract: Any, document: Any, clause: Any, place: int, turn: int, rng: random.Random
) -> Question | None:
    template = world.load("questions.toml")["lookup"][clause.category]["wordings"][place]
    reference = archive.refer(contract, rng, only=None if "{contract}" in template else "parties")
    if reference is None:
        return None
    names = {"contract": reference.text, "A": contract.deal.a.short, "B": contract.deal.b.short}
    evidence = Span(document.id, clause.evidence_start, clause.evidence_end)
    return Question(
        id=f"{contract.id}:{clause.category}/{place}.{turn}", task="lookup",
        question=references.phrase(template, names), answer=clause.value.canonical,
        aliases=tuple(questions.aliases(clause)), items=(), fields={}, evidence=(evidence,),
        documents=tuple(dict.fromkeys((contract.id, document.id))), category=clause.category,
        wording=f"lookup.{clause.category}.{place + 1:02d}", reference=reference.kind, half=None, stratum="known",
        ambiguous=reference.ambiguous, split="train",
    )  # fmt: skip


def unique(rows: Sequence[Question]) -> list[Question]:
    """Questions without repetition: a value and the one that replaces it are asked for in the same words."""
    return list({q.id: q for q in rows}.values())


def chats(question: Question, answer: str | None = None) -> tune.Chat:
    """A question without passages, with the answer to learn."""
    return finetuning.closed_book(question.question, answer or question.answer)


def first_round(known: Sequence[Fact], reader: models.Generator) -> list[tune.Chat]:
    """What version 0 learns: the facts of round 0, and to read, from the questions about contracts of that round."""
    learned = [chats(q) for f in known if f.holds(0) for q in f.asked["train"]]
    arrived = {d.id for d in corpus.load_documents("train") if d.metadata.get("round", 0) == 0}
    documents, records, rng = corpus.load_documents("train"), corpus.contract_records(), random.Random(SEED)
    asked = [q for q in corpus.load_questions("train") if q.followup is None and arrived.issuperset(q.documents)]
    rng.shuffle(asked)
    tokens = 0
    for question in asked:
        task = rag.task_prompt(question, documents, records, rng.randint(0, 2), SEED)
        example = tune.Chat(task.messages, task.reply)
        length = tune.count_tokens(example, reader)
        if length > STEP:  # a longer example would make longer steps of all
            continue
        tokens += length
        if tokens > READING_TOKENS:
            break
        learned.append(example)
    return learned


def corrected(
    version: models.Generator, pipeline: rag.Pipeline, arrived: Sequence[Fact]
) -> tuple[list[feedback.Comparison], list[feedback.Judgement]]:
    """What a version gets wrong of what has arrived, beside what the pipeline answers; and what raters say of both.

    A simulated person corrects some; of the others the model judges by answering: the pipeline's answer counts where it
    gives the same in two wordings.
    """
    rng = random.Random(SEED)
    asked = [f.asked["train"][0] for f in arrived]
    said = [parse_answer(reply).text for reply in _closed_book(version, asked)]
    wrong = [(f, text) for f, q, text in zip(arrived, asked, said, strict=True)
             if not score_answer(q, parse_answer(text)).exact_match]  # fmt: skip
    read = [[result.answer for result in pipeline.run([f.asked["train"][k].question for f, _ in wrong])]
            for k in (0, 1)]  # fmt: skip
    comparisons, judgements, by_hand = [], [], set(rng.sample(range(len(wrong)), min(BY_HAND, len(wrong))))
    for i, ((fact, text), one, other) in enumerate(zip(wrong, *read, strict=True)):
        question = fact.asked["train"][0]
        messages = tuple(prompts.closed_book_messages(question.question))
        comparisons.append(feedback.Comparison(
            fact.id, question.question, (), (text, one.text), ("version", "pipeline"), messages))  # fmt: skip
        if i in by_hand:
            right = bool(score_answer(question, one).exact_match)
            slips = rng.random() < SLIPS
            edited = None if right or slips else question.answer
            verdict: Any = "second" if right or slips else "both_bad"
            judgements.append(feedback.Judgement(fact.id, "simulated careful", verdict, 0, edited))
        else:
            agree = not one.refused and judge.agreement(other.text, one) >= 1
            judgements.append(feedback.Judgement(fact.id, "reader, two wordings", "second" if agree else "tie"))
    return comparisons, judgements


def _closed_book(generator: models.Generator, asked: Sequence[Question]) -> list[str]:
    with shipped_replies.live():
        return generator.generate([prompts.closed_book_messages(q.question) for q in asked])


def lessons(
    known: Sequence[Fact], comparisons: Sequence[feedback.Comparison], judgements: Sequence[feedback.Judgement]
) -> list[tune.Chat]:
    """What the corrections teach: each once in every training wording, however many pairs it makes."""
    by_prompt = {c.question: c.id for c in comparisons}
    by_id = {f.id: f for f in known}
    chosen = {pair.messages[-1]["content"]: pair.chosen for pair in feedback.preferences(comparisons, judgements)}
    answers = [(by_id[by_prompt[asked.removeprefix("Question: ")]], answer) for asked, answer in chosen.items()]
    return [chats(q, answer) for fact, answer in answers for q in fact.asked["train"]]


def evaluations(known: Sequence[Fact]) -> dict[str, list[tuple[str, Any, int | None]]]:
    """By set the (id, messages, longest reply) of every prompt that each version is asked."""
    documents, records = corpus.load_documents(), corpus.contract_records()
    gold = partial(rag.task_prompt, documents=documents, contracts=records)
    made: dict[str, list[tuple[str, Any, int | None]]] = {}
    for use in ("gate", "report"):
        asked = unique([q for f in known for q in f.asked[use]])
        made[use] = [(q.id, prompts.closed_book_messages(q.question), None) for q in asked]
    for use, half, every in (("gate", "seen", 2), ("report", "new", 2)):
        rows = [q for q in corpus.load_questions("dev", half=half) if q.followup is None]
        for name, task in (("reading", "lookup"), ("refusals", "unanswerable")):
            chosen = [q for q in rows if q.task == task][:: every if task == "lookup" or half == "new" else 1]
            made[f"{use} {name}"] = [(p.question.id, p.messages, p.new_tokens) for p in map(gold, chosen)]
    made["general"] = []
    for instruction in evaluate.MEASURES:
        for i, example in enumerate(examples.evaluation(GENERAL, 3, instruction=instruction)):
            made["general"].append((f"{instruction}/{i}", example.messages, prompts.NEW_TOKENS.get(instruction)))
    return made


def replies(generator: models.Generator, asked: dict[str, list[tuple[str, Any, int | None]]]) -> list[list[str]]:
    """(set, id, reply) of each prompt, computed anew."""
    rows = []
    for name, group in asked.items():
        for new in dict.fromkeys(row[2] for row in group):
            part = [row for row in group if row[2] == new]
            with shipped_replies.live():
                written = generator.generate([row[1] for row in part], new)
            rows += [[name, row[0], reply] for row, reply in zip(part, written, strict=True)]
    return rows


def gate(new: Sequence[Sequence[str]], old: Sequence[Sequence[str]], known: Sequence[Fact], at: int) -> dict[str, Any]:
    """Whether a version is released: it knows more of the round's facts, and nothing that is guarded got worse.

    Args:
        new: rows of `replies` of the version.
        old: those of the version that it would follow.
        known: all facts.
        at: the round.

    Returns:
        The differences with their intervals, and "released".
    """
    found: dict[str, Any] = {}
    for name in ("new facts", *GUARDED):
        ours, theirs, clusters = [], [], []
        before, after = ({(s, i): reply for s, i, reply in rows} for rows in (old, new))
        for question, key in _guarded(name, known, at, after):
            mine, other = (score_answer(question, parse_answer(rows[key])) for rows in (after, before))
            right = "refused" if name == "refusals" else "exact_match"
            ours.append(float(getattr(mine, right)))
            theirs.append(float(getattr(other, right)))
            clusters.append(question.cluster)
        found[name] = stats.paired_difference(ours, theirs, clusters).as_dict()
    worse = [name for name in GUARDED if found[name]["high"] < 0]
    return found | {"worse": worse, "released": found["new facts"]["low"] > 0 and not worse}


def _guarded(name: str, known: Sequence[Fact], at: int, replies: Any) -> list[tuple[Question, tuple[str, str]]]:
    """The questions of one part of the gate, and where their replies stand."""
    if name in ("new facts", "old facts"):
        holding = [f for f in known if f.holds(at) and (f.round == at) == (name == "new facts")]
        return [(f.asked["gate"][0], ("gate", f.asked["gate"][0].id)) for f in holding]
    asked = {q.id: q for q in corpus.load_questions("dev", half="seen")}
    return [(asked[number], (group, number)) for group, number in replies if group == f"gate {name}"]


def indexed(known: Sequence[Fact], reader: models.Generator) -> list[list[str]]:
    """What the pipeline over the documents of each round answers, in place of training: to all facts that hold in the
    last round, and in the others to those that are new. Rows as of `replies`, the set named for the round."""
    documents, rows = corpus.load_documents("train"), []
    for at in (0, *ARRIVALS):
        asked = [f.asked["report"][0] for f in known if f.holds(at) and (f.round == at or at == max(ARRIVALS))]
        with shipped_replies.live():
            results = pipeline_at(at, documents, reader).run([q.question for q in asked])
        rows += [[f"round {at}", q.id, result.reply] for q, result in zip(asked, results, strict=True)]
    return rows


def pipeline_at(at: int, documents: Sequence[corpus.Document], reader: models.Generator) -> rag.Pipeline:
    """The best pipeline over the documents that have arrived by a round."""
    return rag.Pipeline(tuned_index([d for d in documents if d.metadata.get("round", 0) <= at]), reader, top_k=TOP_K)


@dataclass(frozen=True)
class Version:
    """A model of the rounds: adapters on the reader, one on the other.

    Attributes:
        folders: of the adapters, in their order.
        learned: examples that all of them were trained on.
    """

    folders: tuple[Path, ...]
    learned: tuple[tune.Chat, ...]

    def load(self) -> models.Generator:
        """The reader with all adapters merged."""
        return replace(merged(self.folders), batch_size=8)


def merged(folders: Sequence[Path]) -> models.Generator:
    """The reader with these adapters merged, one upon the other."""
    generator = models.load_generator()
    for folder in folders:
        generator = models.load_tuned(folder, generator)
    return generator


def answered(version: Version, asked: Any) -> list[list[str]]:
    """The replies of a version; see `replies`."""
    return replies(version.load(), asked)


def trained(base: models.Generator, learned: Sequence[tune.Chat], folder: Path) -> dict[str, Any]:
    """Train an adapter unless it is there; what the training measured."""
    if not (folder / "adapter_model.safetensors").exists():
        tune.train_generator(learned, folder, base, rank=RANK, learning_rate=RATE, batch_tokens=STEP, seed=SEED)
    record = asdict(tune.read_record(folder))
    return {key: record[key] for key in ("examples", "steps", "tokens", "seconds", "losses")}


def run(replay: float, out: Path, known: Sequence[Fact], asked: Any) -> None:
    """The rounds with one share of replay; everything is kept in `out`.

    The gate compares each version with the last one released. Training goes on from the last version whatever the gate
    says, so that what three rounds forget can be seen.
    """
    reader = models.load_generator()
    version = Version((out / "round 0",), tuple(kept(out / "first.pickle", partial(first_round, known, reader))))
    parent = released = "round 0"
    for at in ARRIVALS:
        name, base = f"round {at}, replay {replay:g}", version.load()
        arrived = [f for f in known if f.round == at and f.holds(at)]
        pipeline = pipeline_at(at, corpus.load_documents("train"), reader)
        judged = kept(out / f"{name}.judged.pickle", partial(corrected, base, pipeline, arrived))
        new = lessons(known, *judged)
        old = tune.replay(new, version.learned, replay, base, SEED)
        training = trained(base, [*new, *old], out / name)
        version = Version((*version.folders, out / name), (*version.learned, *new))
        ours = kept(out / f"{name}.replies.pickle", partial(answered, version, asked))
        theirs = pickle.loads((out / f"{released}.replies.pickle").read_bytes())
        decision = gate(ours, theirs, known, at)
        notes = {"round": at, "replay": replay, "parent": parent, "compared_with": released, "training": training,
                 "replayed": len(old), "failures": len(judged[0]), "arrived": len(arrived),
                 "taught": len(new), "gate": decision}  # fmt: skip
        paths.write_atomic(out / f"{name}.json", json.dumps(notes, indent=1))
        SAY({key: notes[key] for key in notes if key != "training"}, scores(ours, known, at))
        parent, released = name, name if decision["released"] else released


def scores(rows: Sequence[Sequence[str]], known: Sequence[Fact], at: int) -> dict[str, float]:
    """Share right of the report's facts by the round in which they arrived, where they hold."""
    said = {number: parse_answer(reply) for name, number, reply in rows if name == "report"}
    found = {}
    for arrived in (0, *ARRIVALS):
        right = [score_answer(q, said[q.id]).exact_match for f in known
                 if f.round == arrived and (f.holds(at) or arrived > at) for q in f.asked["report"]]  # fmt: skip
        found[f"round {arrived}"] = round(sum(right) / len(right), 3)
    return found


def main(out: Path, replay: float | None = None) -> None:
    """Make whatever is not there yet, and put it into the course once all is there.

    Args:
        out: gets what is made on the way, and the adapters.
        replay: only the rounds with this share of replay, so that two processes can share the work.
    """
    out.mkdir(parents=True, exist_ok=True)
    known: list[Fact] = kept(out / "facts.pickle", facts)
    asked = kept(out / "asked.pickle", partial(evaluations, known))
    reader = replace(models.load_generator(), batch_size=8)
    trained(reader, kept(out / "first.pickle", partial(first_round, known, reader)), out / "round 0")
    kept(out / "round 0.replies.pickle", partial(answered, Version((out / "round 0",), ()), asked))
    for share in REPLAYS if replay is None else (replay,):
        run(share, out, known, asked)
    if replay is None:
        found = {name: kept(out / f"{name}.pickle", make) for name, make in (
            ("reader", lambda: replies(reader, asked)), ("indexed", lambda: indexed(known, reader)))}  # fmt: skip
        _ship(out, found, known)


def _ship(out: Path, found: dict[str, Any], known: Sequence[Fact]) -> None:
    names = [f"round {at}, replay {share:g}" for share in REPLAYS for at in ARRIVALS]
    of_version = {name: pickle.loads((out / f"{name}.replies.pickle").read_bytes()) for name in ("round 0", *names)}
    replied = {"reader": found["reader"], "index": found["indexed"], **of_version}
    records = {name: json.loads((out / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    records["round 0"] = {"training": trained(models.load_generator(), (), out / "round 0")}
    judged = {name: zip(*pickle.loads((out / f"{name}.judged.pickle").read_bytes()), strict=True) for name in names}
    ship(ROUNDS, "versions.json", records)
    ship(ROUNDS, "replies.jsonl.xz", ([name, *row] for name, rows in replied.items() for row in rows))
    ship(ROUNDS, "facts.jsonl.xz", map(asdict, known))
    ship(ROUNDS, "judged.jsonl.xz", (
        [name, c.id, j.rater, j.verdict, j.edited, c.answers] for name, rows in judged.items() for c, j in rows
    ))  # fmt: skip
    ship(ROUNDS, "general.jsonl.xz", (
        [f"{key}/{i}", example.answer] for key in evaluate.MEASURES
        for i, example in enumerate(examples.evaluation(GENERAL, 3, instruction=key))
    ))  # fmt: skip
