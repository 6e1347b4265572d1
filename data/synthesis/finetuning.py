"""The fine-tuning that lessons 07 and 08 show: what is learned from, the arms, and what each replies on dev.

`python -m synthesis arms FOLDER` trains whatever arm is not there yet, on a GPU several at once; an arm takes four
hours of one core. Only train questions, train contracts and what a model wrote about them are learned from; learning
rates are chosen on dev.
"""

from __future__ import annotations

import json
import lzma
import math
import multiprocessing
import pickle
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from labkit import corpus, models, paths, profiles, prompts, questions, rag, tune
from labkit.bench.arms import TOP_K, dev_questions, tuned_index
from labkit.corpus import Document, Question, Span
from labkit.models import shipped_replies
from labkit.prompts import REFUSAL, Passage
from labkit.rag import TaskPrompt
from synthesis import results
from synthesis.packed_attention import by_example
from synthesis.reader import course_dev

SAY = partial(print, flush=True)
# The usual rank of an adapter, and what is learned from.
RANK, SOURCES = 8, ("questions", "refusals", "memory", "written")
# What models are called by how they were tuned.
METHODS = {"lora": "LoRA", "qlora": "QLoRA", "full": "all weights"}
# Times that a fact is asked without passages in one pass, and a written one.
COPIES, WRITTEN_COPIES = 4, 2
# Tokens that each arm is trained on, prompts included, those of a step (six rows of the longest example, which is what
# fits at once on a GPU), and those of a step on a share of the examples.
BUDGET, STEP, SHARE_STEP = 3_000_000, 6 * 1694, 4_096
# The learning curve, and the questions by which its points are compared.
SHARES = (1 / 64, 1 / 32, 1 / 16)
CURVE_TASKS = {"gold new": ("lookup", "classify", "draft", "unanswerable"), "closed-book seen": ("lookup", "amended")}
SEEDS = (0, 1, 2)
RATES = {"lora": (1e-3, 2e-3), "qlora": (1e-3, 2e-3), "full": (5e-5, 2e-4)}
INPUTS = "inputs.pickle"


@dataclass(frozen=True)
class Arm:
    """One training: what it learns from, how, and with which seed.

    Attributes:
        method: "lora", "qlora" or "full"; "none" is a model as it is.
        sources: of the examples, out of `SOURCES`.
        learning_rate: see `tune.train_generator`.
        rank: of the adapter.
        share: of the examples, and of the budget with them.
        seed: of the training.
        model: that is trained.
    """

    method: str = "lora"
    sources: tuple[str, ...] = SOURCES
    learning_rate: float = 1e-3
    rank: int = RANK
    share: float = 1.0
    seed: int = 0
    model: str = profiles.READER

    @property
    def name(self) -> str:
        """Name of its folder."""
        if self.method == "none":
            return self.model
        left_out = "".join(f"-no_{s}" for s in SOURCES if s not in self.sources)
        rank = f"-r{self.rank}" if self.rank != RANK else ""
        share = f"-share{self.share:g}" if self.share < 1 else ""
        return f"{self.method}{rank}{share}{left_out}-lr{self.learning_rate:g}-s{self.seed}"

    @property
    def label(self) -> str:
        """What tables call it: whatever is special about it but the seed."""
        if self.method == "none":
            return {profiles.BASE: "SmolLM2"}.get(self.model, self.model)
        parts = [METHODS[self.method]]
        parts += [f"{Fraction(self.share)} of the examples"] if self.share < 1 else []
        parts += [f"rank {self.rank}"] if self.rank != RANK else []
        return ", ".join(parts + [f"no {s}" for s in SOURCES if s not in self.sources])


def examples(written: Sequence[questions.WrittenQuestion], seed: int = 0) -> dict[str, list[tune.Chat]]:
    """The chats of each source.

    Args:
        written: questions that a model wrote about the train contracts; those that were dropped are left out.
        seed: decides on distractors and order of the passages.
    """
    rng = random.Random(seed)
    documents, contracts = corpus.load_documents("train"), corpus.contract_records()
    made: dict[str, list[tune.Chat]] = {name: [] for name in SOURCES}
    for question in corpus.load_questions("train"):
        if question.followup is not None:
            continue
        task = rag.task_prompt(question, documents, contracts, rng.randint(0, 2), seed)
        made["questions" if question.answer else "refusals"].append(tune.Chat(task.messages, task.reply))
        if question.task in ("lookup", "amended", "unanswerable"):
            made["memory"] += [closed_book(question.question, question.answer)] * COPIES
    kept = [row for row in written if row.dropped is None]
    texts = {d.id: d for d in documents}
    times = Counter(row.question for row in kept)
    for place, row in enumerate(kept):
        spans = questions.among(row, place)
        passages = passages_at(spans, texts)
        reply = f"{row.answer} [{spans.index(row.source) + 1}]"
        made["written"].append(tune.Chat(tuple(prompts.answer_messages(row.question, passages)), reply))
        # A question that several contracts answer has no answer without a passage.
        if times[row.question] == 1:
            made["written"] += [closed_book(row.question, row.answer)] * WRITTEN_COPIES
    return made


def course_examples() -> dict[str, list[tune.Chat]]:
    """The examples with the written questions that come with the course."""
    return examples(questions.load(paths.shipped_results() / results.WRITTEN))


def passages_at(spans: Sequence[Span], texts: Mapping[str, Document]) -> list[Passage]:
    """The passages at these places."""
    return [Passage(texts[s.document].title, texts[s.document].quote(s)) for s in spans]


def closed_book(question: str, answer: str | None) -> tune.Chat:
    """A question without passages, with its answer or a refusal."""
    return tune.Chat(tuple(prompts.closed_book_messages(question)), answer or REFUSAL)


def evaluations(retrieved: dict[str, list[list[Any]]]) -> dict[str, list[TaskPrompt]]:
    """What every arm is asked on dev.

    Args:
        retrieved: by question id the places of the passages that the best pipeline gives its reader.
    """
    documents, contracts = corpus.load_documents(), corpus.contract_records()
    texts = {d.id: d for d in documents}
    new = [q for q in corpus.load_questions("dev") if q.followup is None]
    seen = [q for q in corpus.load_questions("dev", half="seen") if q.followup is None]
    lookups = [q for q in new if q.task == "lookup"]
    gold = partial(rag.task_prompt, documents=documents, contracts=contracts)
    made = {"gold new": [gold(q) for q in new], "gold seen": [gold(q) for q in seen]}
    made |= {f"gold {at}": [gold(q, gold_at=at) for q in lookups] for at in rag.POSITIONS}
    made["gold everyday"] = [gold(q) for q in course_dev.everyday_questions()]
    for name, asked in (("new", new), ("seen", seen)):
        facts = [q for q in asked if q.task in ("lookup", "amended")]
        made[f"closed-book {name}"] = [closed_book_task(q) for q in facts]
    made["best passages"] = []
    for question in new:
        if question.id in retrieved:
            spans = tuple(Span(*row) for row in retrieved[question.id])
            messages = tuple(prompts.answer_messages(question.question, passages_at(spans, texts)))
            made["best passages"].append(TaskPrompt(question, messages, question.answer or REFUSAL, spans))
    return made


def closed_book_task(question: Question) -> TaskPrompt:
    """A question without passages, as it is asked; see `closed_book` for an example to learn."""
    return TaskPrompt(question, tuple(prompts.closed_book_messages(question.question)), question.answer or REFUSAL)


def replies(generator: models.Generator, prompts_by_set: dict[str, list[TaskPrompt]]) -> list[list[str]]:
    """(set, question id, reply) of each prompt, computed anew; one that does not fit into the window is "" ."""
    rows: dict[tuple[str, int], str] = {}
    flat = [(name, i, p) for name, asked in prompts_by_set.items() for i, p in enumerate(asked)]
    for new in sorted({p.new_tokens for _, _, p in flat}):
        group = [r for r in flat if r[2].new_tokens == new]
        fits = [r for r in group if generator.count_tokens(r[2].messages) + new <= generator.max_length]
        with shipped_replies.live():
            written = generator.generate([p.messages for _, _, p in fits], new)
        rows |= {(name, i): reply for (name, i, _), reply in zip(fits, written, strict=True)}
    return [[name, p.question.id, rows.get((name, i), "")] for name, i, p in flat]


def score(rows: Iterable[Sequence[str]], prompts_by_set: dict[str, list[TaskPrompt]]) -> dict[str, float]:
    """Mean score by set and task: right answers; for sheets and notices the share of fields or facts."""
    asked = {(name, p.question.id): p for name, group in prompts_by_set.items() for p in group}
    values: dict[str, list[float]] = {}
    for name, number, reply in rows:
        prompt = asked[name, number]
        made = rag.score_task(prompt, reply)
        part = prompt.question.task in ("summarise", "draft", "list")
        values.setdefault(f"{name} {prompt.question.task}", []).append(made.token_f1 if part else made.exact_match)
    return {key: sum(v) / len(v) for key, v in values.items()}


def run(arm: Arm, out: Path, batch_size: int) -> dict[str, float]:
    """Train an arm unless it is trained, ask it, and keep its replies; returns its scores.

    Args:
        arm: the arm.
        out: folder that holds `INPUTS` and gets a folder for each arm.
        batch_size: prompts answered together.
    """
    folder, started = out / arm.name, time.perf_counter()
    found = folder / "replies.jsonl.xz"
    chats, asked = pickle.loads((out / INPUTS).read_bytes())
    if arm.share < 1:
        asked = {s: [p for p in asked[s] if p.question.task in tasks] for s, tasks in CURVE_TASKS.items()}
    if not found.exists():
        generator = replace(_trained(arm, chats, folder), batch_size=batch_size)
        trained = time.perf_counter()
        rows = replies(generator, asked)
        folder.mkdir(parents=True, exist_ok=True)
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        found.write_bytes(lzma.compress(text.encode("utf-8")))
        scores = score(rows, asked)
        notes = dict(arm=asdict(arm) | {"label": arm.label}, scores=scores, memory_mb=generator.memory_mb(),
                     seconds=[round(trained - started, 1), round(time.perf_counter() - trained, 1)])  # fmt: skip
        (folder / "arm.json").write_text(json.dumps(notes, indent=1))
    return dict(json.loads((folder / "arm.json").read_text())["scores"])


def _trained(arm: Arm, chats: dict[str, list[tune.Chat]], folder: Path) -> models.Generator:
    quantization = "nf4" if arm.method == "qlora" else None
    dtype = "fp32" if arm.method == "full" else None
    base = models.load_generator(arm.model, dtype=dtype, quantization=quantization)
    if arm.method == "none":
        return base
    train(arm, chats, folder, base)
    if arm.method == "full":
        return models.load_generator(str(folder))
    return models.load_tuned(folder, models.load_generator(arm.model, quantization=quantization))


def train(arm: Arm, chats: dict[str, list[tune.Chat]], folder: Path, base: models.Generator | None = None) -> Path:
    """Train an arm on its share of the budget of tokens.

    Args:
        arm: the arm.
        chats: as `examples` gives them.
        folder: gets the adapter.
        base: the model to train; the reader by default.
    """
    base = base or models.load_generator()
    made = [chat for source in arm.sources for chat in chats[source]]
    random.Random(0).shuffle(made)
    made = made[: round(arm.share * len(made))]
    tokens = sum(len(base.tokenizer(base.reply_text(c.messages, c.reply))["input_ids"]) for c in made[::10]) * 10
    tokens += sum(base.count_tokens(c.messages) for c in made[::10]) * 10
    with by_example(base.model):
        return tune.train_generator(
            made, folder, base, epochs=BUDGET * arm.share / tokens, rank=None if arm.method == "full" else arm.rank,
            learning_rate=arm.learning_rate, batch_tokens=STEP if arm.share == 1 else SHARE_STEP, seed=arm.seed,
        )  # fmt: skip


def main_arms(chosen: dict[str, float]) -> list[Arm]:
    """The arms behind the sweep over learning rates, the most important first.

    Args:
        chosen: learning rate by method.
    """
    arms = [Arm(method, learning_rate=rate, seed=s) for s in SEEDS[1:] for method, rate in chosen.items()]
    lora = Arm(learning_rate=chosen["lora"])
    curve = [replace(lora, share=share) for share in SHARES]
    without = [replace(lora, sources=tuple(s for s in SOURCES if s != left)) for left in SOURCES[1:]]
    ranks = [replace(lora, rank=rank) for rank in (2, 32)]
    return arms + [replace(arm, seed=seed) for seed in SEEDS for arm in (*curve, *without, *ranks)]


def overall(scores: dict[str, float]) -> float:
    """What a learning rate is chosen by: reading on new contracts over all tasks, and memory of seen facts, equally."""
    reading = [v for k, v in scores.items() if k.startswith("gold new")]
    memory = [v for k, v in scores.items() if k.startswith("closed-book seen")]
    return sum(reading) / len(reading) / 2 + sum(memory) / len(memory) / 2


def run_all(out: Path, workers: int, batch_size: int, seconds: float, say: Callable[[str], None] = SAY) -> None:
    """Train and ask every arm that is not there yet.

    Args:
        out: folder with `INPUTS`.
        workers: arms trained at once.
        batch_size: prompts answered together.
        seconds: after which no further arm is started.
        say: shows progress.
    """
    began = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:

        def submit(arms: Sequence[Arm]) -> dict[Arm, Future[dict[str, float]]]:
            return {arm: pool.submit(_within, began + seconds, arm, out, batch_size) for arm in arms}

        asked = [Arm("none", model=profiles.BASE), Arm("none")]
        sweep = [Arm(method, learning_rate=rate) for method, rates in RATES.items() for rate in rates]
        found = _results(submit([*sweep, *asked]), began, say)
        chosen: dict[str, float] = {}
        for method in RATES:
            tried = {arm: overall(scores) for arm, scores in found.items() if arm.method == method}
            if tried:
                chosen[method] = max(tried, key=lambda arm: tried[arm]).learning_rate
        say(f"chosen: {chosen}")
        (out / "chosen.json").write_text(json.dumps(chosen))
        _results(submit(main_arms(chosen)), began, say)


def _within(deadline: float, arm: Arm, out: Path, batch_size: int) -> dict[str, float]:
    # perf_counter is the machine's clock on Linux, the same in every process.
    return run(arm, out, batch_size) if time.perf_counter() < deadline else {}


def _results(
    futures: dict[Arm, Future[dict[str, float]]], began: float, say: Callable[[str], None]
) -> dict[Arm, dict[str, float]]:
    found = {}
    for arm, future in futures.items():
        try:
            scores = future.result()
        except Exception as cause:  # one arm that fails must not stop the others
            say(f"{arm.name}: {type(cause).__name__}: {cause}")
            continue
        if scores:
            found[arm] = scores
            say(f"{time.perf_counter() - began:.0f} s {arm.name}: {overall(scores):.3f}")
    return found


def best_passages() -> dict[str, list[list[Any]]]:
    """The places of the passages that the best pipeline gives its reader, by id of the dev question."""
    asked = dev_questions("reading")
    found = tuned_index(corpus.load_documents("dev")).retrieve([q.question for q in asked], TOP_K)
    return {
        q.id: [list(asdict(rag.span_of(hit.node)).values()) for hit in hits]
        for q, hits in zip(asked, found, strict=True)
    }


def main(out: Path, workers: int = 1) -> None:
    """Train and ask every arm that is not there yet; what stands in `out` is kept.

    Args:
        out: gets a folder for each arm.
        workers: arms trained at once.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / INPUTS).write_bytes(pickle.dumps((course_examples(), evaluations(best_passages()))))
    run_all(out, workers, batch_size=8 if models.device() == "cpu" else 48, seconds=math.inf)
