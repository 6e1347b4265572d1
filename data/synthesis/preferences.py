"""The preferences that lesson 09 shows: replies of the fine-tuned model, what judges say of them, and what DPO and KTO
make of it.

`python -m synthesis preferences FOLDER` makes whatever is not there yet; on one core it takes a bit more than an hour.
Prompts are about train questions and train contracts. Judges never see the gold answers: which judge agrees best with
them is measured on a part of the prompts, and that one judges the rest.
"""

from __future__ import annotations

import json
import lzma
import pickle
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from labkit import corpus, feedback, judge, metrics, models, paths, profiles, prompts, rag, stats, tune
from labkit.bench.arms import tuned_index
from labkit.feedback.pairs import preferences, rated
from labkit.judge import Rated
from labkit.prompts import REFUSAL
from labkit.rag import TaskPrompt
from labkit.replies import parse_answer
from synthesis import finetuning
from synthesis.checked import write_checked

SAY = partial(print, flush=True)
# Below the shipped results: how the judges agree with gold, comparisons and judgements as a store imports them, the
# verdicts in both orders, and of DPO and KTO each what lesson 08 has of its arms.
FOLDER = "feedback"
# Prompts of each kind, replies drawn to each beside the greedy one, and how.
EACH, DRAWN, TEMPERATURE, SEED = 180, 4, 1.0, 0
# Comparisons that the judges are tried on, and of each prompt the comparisons at most.
TRIED, OF_PROMPT = 120, 3
# What is learned from at most, half of it with a refusal for the better reply: pairs, and of KTO's replies as many.
PAIRS = {"dpo": 240, "kto": 120}
SETTINGS: dict[str, Any] = dict(epochs=1.0, learning_rate=5e-4, beta=0.1)
BATCH = {"dpo": 8, "kto": 16}
SETS = ("gold new", "best passages", "closed-book new")
TASKS = ("lookup", "amended", "unanswerable")
# Replies whose log-ratio to the reference is measured.
DRIFT = 64


def asked(seed: int = SEED) -> list[TaskPrompt]:
    """Prompts from train questions and what the best pipeline finds: with the passage that answers, without it, and
    about what no contract says; in the last two a refusal is right."""
    rng = random.Random(seed)
    documents = corpus.load_documents("train")
    chosen = [q for q in corpus.load_questions("train") if q.followup is None and q.task in TASKS]
    rng.shuffle(chosen)
    answered = [q for q in chosen if q.answer]
    chosen = answered[: 3 * EACH] + [q for q in chosen if not q.answer][:EACH]
    hits = tuned_index(documents).retrieve([q.question for q in chosen], 8)
    texts = {d.id: d for d in documents}
    kinds: dict[str, list[TaskPrompt]] = {"found": [], "missing": [], "unanswerable": []}
    for question, found in zip(chosen, hits, strict=True):
        spans = [rag.span_of(hit.node) for hit in found]
        needed = [next((i for i, s in enumerate(spans) if metrics.covers(s, e)), 8) for e in question.evidence]
        count, kind = rng.randint(1, 3), "unanswerable"
        if question.answer:
            kind = "found" if len(kinds["found"]) <= len(kinds["missing"]) and max(needed) < 3 else "missing"
        if kind == "found":
            spans = spans[: max(count, *(i + 1 for i in needed))]
        else:
            spans = [s for s in spans if not any(s.overlap(e) for e in question.evidence)][:count]
            question = replace(question, answer=None, evidence=())
        passages = finetuning.passages_at(spans, texts)
        messages = tuple(prompts.answer_messages(question.question, passages))
        kinds[kind].append(TaskPrompt(question, messages, question.answer or REFUSAL, tuple(spans)))
    made = [prompt for group in kinds.values() for prompt in group[:EACH]]
    rng.shuffle(made)
    return made


def compared(asked: Sequence[TaskPrompt], sft: models.Generator, seed: int = SEED) -> list[feedback.Comparison]:
    """The greedy reply to each prompt against others drawn that differ from it, and against a refusal where the model
    wrote none, so that the judge always says whether one is right; either of the two stands first."""
    rng, texts = random.Random(seed), {d.id: d for d in corpus.load_documents()}
    chats = [prompt.messages for prompt in asked]
    greedy, drawn = sft.generate(chats), sft.sample(chats, DRAWN, TEMPERATURE, seed)
    made = []
    for prompt, first, others in zip(asked, greedy, drawn, strict=True):
        said = {parse_answer(other).text: (other, "drawn") for other in others if other}
        said.pop(parse_answer(first).text, None)
        rivals = sorted(said.values(), key=lambda rival: not parse_answer(rival[0]).refused)[:OF_PROMPT]
        if not any(parse_answer(reply).refused for reply in (first, *said)):
            rivals.append((REFUSAL, "refusal"))
        passages = tuple(finetuning.passages_at(prompt.places, texts))
        for k, rival in enumerate(rivals):
            rows = [(first, "greedy"), rival]
            rng.shuffle(rows)
            answers, sources = zip(*rows, strict=True)
            name = f"{prompt.question.id}/{k}"
            made.append(feedback.Comparison(name, prompt.question.question, passages, answers, sources))
    rng.shuffle(made)
    return made


def judges(sft: models.Generator) -> dict[str, feedback.Judge]:
    """The judges that are tried, by name."""
    reader, base = models.load_generator(), models.load_generator(profiles.BASE)
    by_likelihood = judge.prefer_by_likelihood
    return {
        "reader by answering": partial(judge.prefer_by_answering, reader),
        "reader by likelihood": partial(by_likelihood, reader),
        "reader by likelihood of the whole": partial(by_likelihood, reader, normalised=False),
        "SFT by likelihood": partial(by_likelihood, sft),
        "SFT by likelihood of the whole": partial(by_likelihood, sft, normalised=False),
        "reader by verdict": partial(judge.prefer_by_verdict, reader),
        "SmolLM2 by verdict": partial(judge.prefer_by_verdict, base),
    }


def measured(
    shown: Sequence[feedback.Judgement], comparisons: Sequence[feedback.Comparison], gold: dict[str, TaskPrompt]
) -> dict[str, Any]:
    """How a judge's verdicts in both orders agree with the gold answers, and what place and length do to them.

    Args:
        shown: as `feedback.both_orders` gives them.
        comparisons: that were judged.
        gold: the prompt of each comparison, by its id.
    """
    settled = {j.comparison: j.verdict for j in feedback.settled(shown)}
    rows, longer, kinds = [], [], []
    for comparison in comparisons:
        verdict, prompt = settled[comparison.id], gold[comparison.id]
        right = [rag.score_task(prompt, answer).exact_match for answer in comparison.answers]
        contract = (prompt.question.documents or ("",))[0]
        if right[0] != right[1]:
            best = "first" if right[0] > right[1] else "second"
            rows.append((None if verdict == "tie" else float(verdict == best), contract))
            kinds.append("answer" if prompt.question.answer else "refuse")
        elif verdict != "tie" and len(comparison.answers[0]) != len(comparison.answers[1]):
            lengths = [len(answer) for answer in comparison.answers]
            longer.append((float((verdict == "first") == (lengths[0] > lengths[1])), contract))
    return {
        "comparisons": len(comparisons),
        "gold decides": len(rows),
        "judge decides of these": sum(value is not None for value, _ in rows),
        "agreement": _interval(rows),
        **{
            f"agreement where it is right to {kind}": _interval(
                [r for r, k in zip(rows, kinds, strict=True) if k == kind]
            )
            for kind in ("answer", "refuse")
        },
        # Of comparisons in which both answers are right, or neither is.
        "prefers the longer": _interval(longer),
        "orders": asdict(feedback.orders(shown)),
    }


def _interval(rows: Sequence[tuple[float | None, str]]) -> dict[str, Any] | None:
    if not any(value is not None for value, _ in rows):
        return None
    return stats.mean_interval([value for value, _ in rows], [cluster for _, cluster in rows]).as_dict()


def net(report: dict[str, Any]) -> float:
    """What a judge is chosen by: its right verdicts less its wrong ones, where the gold answers decide."""
    agreement = report["agreement"]
    return (2 * agreement["value"] - 1) * agreement["n"] if agreement else 0.0


def balanced(
    comparisons: Sequence[feedback.Comparison], judgements: Sequence[feedback.Judgement], size: int
) -> list[feedback.Judgement]:
    """The first judgements that prefer a refusal, and as many that prefer an answer; `size` of them at most. What is
    learned would otherwise be to refuse, or to answer, whatever is asked."""
    answers = {c.id: c.answers for c in comparisons}
    sides: dict[bool, list[feedback.Judgement]] = {True: [], False: []}
    for judgement in judgements:
        if judgement.verdict != "tie":
            better = answers[judgement.comparison][judgement.verdict == "second"]
            sides[parse_answer(better).refused].append(judgement)
    half = min(size // 2, *map(len, sides.values()))
    return [judgement for side in sides.values() for judgement in side[:half]]


def once(rows: Iterable[Rated]) -> list[Rated]:
    """Each reply to a prompt once; those that are good in one comparison and bad in another are left out."""
    found: dict[tuple[str, str], list[Rated]] = {}
    for row in rows:
        found.setdefault((row.messages[-1]["content"], row.reply), []).append(row)
    return [group[0] for group in found.values() if len({row.good for row in group}) == 1]


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What was made before, or is made now and kept."""
    if not path.exists():
        started = time.perf_counter()
        paths.write_atomic(path, pickle.dumps(make()))
        SAY(f"{path.name}: {time.perf_counter() - started:.0f} s")
    return pickle.loads(path.read_bytes())


def main(out: Path) -> None:
    """Make whatever is not there yet, and put it into the course.

    Args:
        out: gets what is made on the way, and the adapters.
    """
    out.mkdir(parents=True, exist_ok=True)
    sft = models.load_tuned(paths.adapter("sft"))
    prompted: list[TaskPrompt] = kept(out / "asked.pickle", asked)
    comparisons: list[feedback.Comparison] = kept(out / "compared.pickle", lambda: compared(prompted, sft))
    by_id = {p.question.id: p for p in prompted}
    gold = {c.id: by_id[c.id.partition("/")[0]] for c in comparisons}
    SAY(f"{len(prompted)} prompts, {len(comparisons)} comparisons")
    tried = judges(sft)
    shown, reports = _judged(out, comparisons, gold, tried)
    best = max(reports, key=lambda name: net(reports[name]))
    every = kept(out / "every.pickle", lambda: feedback.both_orders(tried[best], comparisons, best))
    reports[f"{best}, all comparisons"] = measured(every, comparisons, gold)
    SAY(f"chosen: {best}: {reports[f'{best}, all comparisons']}")
    ship(FOLDER, "judges.json", {"chosen": best, "judges": reports})
    shown = [*every, *(j for j in shown if j.rater != best)]
    rows = [{"comparison": asdict(c)} for c in comparisons] + [
        {"judgement": asdict(j)} for j in feedback.settled(shown)
    ]
    ship(FOLDER, "judged.jsonl.xz", rows)
    ship(FOLDER, "orders.jsonl.xz", [[j.comparison, j.rater, j.left, j.verdict] for j in shown])
    for method, size in PAIRS.items():
        _arm(method, balanced(comparisons, feedback.settled(every), size), comparisons, out, sft)


def _judged(
    out: Path,
    comparisons: Sequence[feedback.Comparison],
    gold: dict[str, TaskPrompt],
    judges: dict[str, feedback.Judge],
) -> tuple[list[feedback.Judgement], dict[str, Any]]:
    tried, shown, reports = comparisons[:TRIED], [], {}
    for name, asks in judges.items():
        said = kept(out / f"tried {name}.pickle", partial(feedback.both_orders, asks, tried, name))
        reports[name] = measured(said, tried, gold)
        shown += said
        SAY(f"{name}: {reports[name]}")
    return shown, reports


def _arm(
    method: str,
    judgements: Sequence[feedback.Judgement],
    comparisons: Sequence[feedback.Comparison],
    out: Path,
    sft: models.Generator,
) -> None:
    """Train, ask, and put the replies into the course, in the form of those of lesson 08."""
    name, started = f"{method}-lr{SETTINGS['learning_rate']:g}-s{SEED}", time.perf_counter()
    folder = out / name
    if not (folder / "adapter_model.safetensors").exists():
        if method == "dpo":
            pairs = preferences(comparisons, judgements)
            SAY(f"{len(pairs)} pairs")
            tune.train_dpo(pairs, folder, sft, batch_size=BATCH[method], seed=SEED, **SETTINGS)
        else:
            single = once(rated(comparisons, judgements))
            SAY(f"{len(single)} replies, {sum(r.good for r in single)} of them good")
            tune.train_kto(single, folder, sft, batch_size=BATCH[method], seed=SEED, **SETTINGS)
    tuned, trained = models.load_tuned(folder, sft), time.perf_counter()
    record = asdict(tune.read_record(folder))
    _, every = kept(out / finetuning.INPUTS, lambda: ({}, finetuning.evaluations(finetuning.best_passages())))
    sets = {name: [p for p in every[name] if p.question.task in TASKS] for name in SETS}
    rows = kept(folder / "replies.pickle", lambda: finetuning.replies(tuned, sets))
    SAY(f"{name}: {finetuning.score(rows, sets)}")
    settings = {
        "method": method,
        "sources": ["judged"],
        "rank": finetuning.RANK,
        "share": 1.0,
        "seed": SEED,
        "model": "sft",
    }
    training = {key: record[key] for key in ("examples", "too_long", "steps", "tokens", "seconds", "peak_mb", "losses")}
    notes = {
        "arm": settings | SETTINGS | {"label": method.upper()},
        "memory_mb": tuned.memory_mb(),
        "seconds": [round(trained - started, 1), round(time.perf_counter() - trained, 1)],
        "training": training | {"measured": record["measured"]},
        "made_on": "one CPU core",
        "drift": drift(
            tuned, sft, sets["gold new"][:DRIFT], dict((number, r) for s, number, r in rows if s == SETS[0])
        ),
    }
    ship(FOLDER, f"{name}.json", notes)
    ship(FOLDER, f"{name}.jsonl.xz", rows)


def drift(
    tuned: models.Generator, reference: models.Generator, asked: Sequence[TaskPrompt], replies: dict[str, str]
) -> dict[str, float]:
    """How far a model has moved from its reference: the mean log-ratio of its greedy replies, in nats a reply, and the
    mean length of both models' replies, in tokens."""
    chats = [p.messages for p in asked]
    own, theirs = [replies[p.question.id] for p in asked], reference.generate(chats)
    counts = [list(map(tuned.count_reply_tokens, chats, texts)) for texts in (own, theirs)]
    ratios = tuned.log_likelihood(chats, own) - reference.log_likelihood(chats, own)
    return {
        "replies": len(own),
        "log_ratio": float((ratios * counts[0]).mean()),
        "tokens": sum(counts[0]) / len(own),
        "reference_tokens": sum(counts[1]) / len(own),
    }


def ship(folder: str, name: str, content: Any) -> None:
    """Put a record, or packed rows, into a folder of the course's results."""
    if name.endswith(".xz"):
        written = lzma.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content).encode())
    else:
        written = (json.dumps(content, indent=1) + "\n").encode()
    (paths.shipped_results() / folder).mkdir(exist_ok=True)
    write_checked(f"{folder}/{name}", written, paths.shipped_results())
