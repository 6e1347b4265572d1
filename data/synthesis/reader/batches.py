"""Groups packed into training batches.

A row is one group: the prompt up to the question once, then each question with its reply as a
branch. A branch sees the context and itself and takes the positions it would have as the only
question, so training is exactly the inference format, and the context is read once.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labkit import prompts
from synthesis.reader import examples, groups, worlds
from synthesis.reader.tokenizer import ASSISTANT, END, SYSTEM, USER, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BUCKETS = (256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280)
MACRO = 48
CONTEXT_WEIGHT = 0.1
# Of the context's tokens, one in so many is asked for its passage's number.
PLACED_EVERY = 3


@dataclass
class Row:
    """One group in tokens.

    Attributes:
        branch: 0 for the context, 1.. for its questions. weight: of each target.
        passage: number of the passage that a token of the context belongs to, else 0.
        pointers: (place where a reply begins, places of the context where its value begins) of each answer; a
            refusal points to the very first token.
        topics: (place, number of the topic) of where replies begin and of the values that they state.
        matches: (place, number of the passage) of words of a question that stand in exactly one passage, 0 for
            words that stand in none.
        source: for the tokens of an answer, number of the passage it comes from, 0 in a refusal, else -1.
    """

    tokens: list[int]
    branch: list[int]
    position: list[int]
    target: list[int]
    weight: list[float]
    passage: list[int]
    source: list[int]
    pointers: list[tuple[int, list[int]]]
    topics: list[tuple[int, int]]
    matches: list[tuple[int, int]]


@dataclass
class Batch:
    """Arrays of shape (rows, length), and flat positions: those whose next token is learned, with weights, and
    those whose passage the auxiliary losses ask for: `placed` in the context, with its `number` from 0, and
    `sourced` in answers, with the `source` that the answer comes from. `asking` are the flat positions where replies
    begin, `asked_row` their rows, `found` (replies, length) where in the row the value stands;
    `topical` places and their `topic`; `matched` places and the passage in which the same words stand, `match`.
    """

    tokens: np.ndarray
    branch: np.ndarray
    position: np.ndarray
    chosen: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    placed: np.ndarray
    number: np.ndarray
    sourced: np.ndarray
    source: np.ndarray
    asking: np.ndarray
    asked_row: np.ndarray
    found: np.ndarray
    topical: np.ndarray
    topic: np.ndarray
    matched: np.ndarray
    match: np.ndarray

    @property
    def used(self) -> int:
        """Tokens that are not padding."""
        return int((self.branch >= 0).sum())


def encode(group: groups.Group, tokenizer: PreTrainedTokenizerFast, longest: int) -> Row | None:
    """Tokens of a group; questions that do not fit are left out; None where not one fits."""
    texts = [f"{group.mark}{q}{ASSISTANT} {a}{END}" for q, a in group.turns]
    head = f"{SYSTEM}{group.system}{USER}"
    # Line breaks are tokens of their own, so passages can be tokenized apart.
    parts = [f"{prompts.numbered([p], first=i)}\n\n" for i, p in enumerate(group.passages, start=1)]
    parts = [part[:-1] if part is parts[-1] else part for part in parts]
    grounds = [f" {text}{END}" for text in group.grounds]
    ids = tokenizer([head, *parts, *texts, *grounds], add_special_tokens=False)["input_ids"]
    context = [token for part in ids[: len(parts) + 1] for token in part]
    branches, grounds_ids = ids[len(parts) + 1 :][: len(texts)], ids[len(parts) + 1 + len(texts) :]
    passage = [number for number, part in enumerate(ids[: len(parts) + 1]) for _ in part]
    reply = tokenizer.convert_tokens_to_ids(ASSISTANT)
    row = Row(
        list(context),
        [0] * len(context),
        list(range(len(context))),
        [*context[1:], 0],
        [],
        passage,
        [-1] * len(context),
        [],
        [],
        [],
    )
    stands = _standing(context, passage)
    row.weight = [CONTEXT_WEIGHT] * (len(context) - 1) + [0.0]
    for number, branch in enumerate(branches, start=1):
        if len(row.tokens) + len(branch) > longest:
            continue
        at = branch.index(reply)
        reply_ids = grounds_ids[number - 1] if grounds_ids else branch[at + 1 :]
        signs = list(tokenizer.convert_ids_to_tokens(reply_ids))
        row.tokens += branch
        row.branch += [number] * len(branch)
        row.position += range(len(context), len(context) + len(branch))
        row.target += [*branch[1:], 0]
        row.weight += [CONTEXT_WEIGHT * min(1.0, group.weight)] * at
        row.weight += _reply_weights(len(branch) - 1 - at, group.weight)
        row.weight.append(0.0)
        row.passage += [0] * len(branch)
        row.matches += _matches(branch[:at], stands, len(row.source))
        grounded = group.instruction == "answer" or bool(grounds_ids)
        if grounded:
            places = _places(context, passage, reply_ids, signs)
            row.pointers += [(len(row.source) + at, places)] if places else []
            topic = _topic_numbers().get(group.wordings[number - 1][1]) if group.wordings else None
            if topic is not None:
                row.topics += [(place, topic) for place in (len(row.source) + at, *places) if place]
        row.source += [-1] * at
        # Of a verdict only the place where it begins has a source.
        sources = _sources([ASSISTANT, *signs]) if grounded else []
        row.source += sources[:1] if grounds_ids else sources
        row.source += [-1] * (len(row.tokens) - len(row.source))
    return row if len(row.tokens) > len(context) else None


@lru_cache(maxsize=1)
def _topic_numbers() -> dict[str, int]:
    """The number of the topic that a question wording of the bank asks for."""
    return {wording: number for number, topic in enumerate(worlds.load_bank().topics) for wording in topic.questions}


def _standing(context: list[int], passage: list[int]) -> dict[int, set[int]]:
    """The passages in which each token stands."""
    found: dict[int, set[int]] = {}
    for token, number in zip(context, passage, strict=True):
        if number:
            found.setdefault(token, set()).add(number)
    return found


def _matches(question: list[int], stands: dict[int, set[int]], start: int) -> list[tuple[int, int]]:
    """(place, passage) of the tokens of a question that stand in one passage alone, or (one in eight, for they are
    many) in none."""
    found = []
    for i, token in enumerate(question):
        where = stands.get(token, set())
        if len(where) == 1:
            found.append((start + i, next(iter(where))))
        elif not where and i % 8 == 0:
            found.append((start + i, 0))
    return found


def _places(context: list[int], passage: list[int], reply: list[int], tokens: list[str]) -> list[int]:
    """Where in the cited passage the first value of a reply begins; the first token of all for a refusal."""
    if "]" not in tokens:
        return [0]
    end = tokens.index("]")
    value, number = reply[: max(0, end - 2)], tokens[end - 1]
    # At the start of a line a value's first token lacks the space that it has in the reply.
    for skipped in (0, 1):
        wanted = value[skipped:]
        if not wanted:
            break
        found = [
            i - skipped for i in range(1, len(context) - len(wanted) + 1) if context[i : i + len(wanted)] == wanted
        ]
        found = [i for i in found if number.isdigit() and passage[i] == int(number)]
        if found:
            return found
    return []


def _sources(reply: list[str]) -> list[int]:
    """Of each token of a reply the passage that is cited next; 0 throughout a refusal."""
    ends = [i for i, token in enumerate(reply) if token == "]" and i > 1 and reply[i - 1].isdigit()]
    if not ends:
        return [0] * len(reply)
    cited = [int(reply[next((e for e in ends if e >= i), ends[-1]) - 1]) for i in range(ends[-1])]
    return cited + [-1] * (len(reply) - len(cited))


def _reply_weights(length: int, weight: float) -> list[float]:
    """Weight of each token of a reply: the first counts twice, for it decides where the answer is, or to refuse."""
    return [2.0 * weight, *[weight] * (length - 1)]


def pack(rows: list[Row], length: int, rng: random.Random) -> Batch:
    """Rows padded to `length`. Every reply token is learned, of the context a sample with its weight raised."""
    shape = (len(rows), length)
    tokens, position = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    branch, passage, source = np.full(shape, -1, np.int8), np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
    target, weight = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for i, row in enumerate(rows):
        n = len(row.tokens)
        tokens[i, :n], branch[i, :n], position[i, :n] = row.tokens, row.branch, row.position
        target[i, :n], weight[i, :n], passage[i, :n], source[i, :n] = row.target, row.weight, row.passage, row.source
    flat = weight.reshape(-1)
    reply, context = np.flatnonzero(flat >= 1), np.flatnonzero((flat > 0) & (flat < 1))
    kept = np.random.default_rng(rng.getrandbits(32)).permutation(context)[: max(1, len(context) // 3)]
    chosen = np.concatenate([reply, kept])
    weights = flat[chosen].copy()
    weights[len(reply) :] *= len(context) / len(kept)
    placed, sourced = np.flatnonzero(passage)[::PLACED_EVERY], np.flatnonzero(source >= 0)
    number = passage.reshape(-1)[placed] - 1
    pointers = [(i, at, places) for i, row in enumerate(rows) for at, places in row.pointers]
    found = np.zeros((len(pointers), length), bool)
    for k, (_, _, places) in enumerate(pointers):
        found[k, places] = True
    asking = np.array([i * length + at for i, at, _ in pointers], np.int64)
    asked_row = np.array([i for i, _, _ in pointers], np.int64)
    return Batch(
        tokens, branch, position, chosen, target.reshape(-1)[chosen], weights,
        placed, number, sourced, source.reshape(-1)[sourced], asking, asked_row, found,
        np.array([i * length + place for i, row in enumerate(rows) for place, _ in row.topics], np.int64),
        np.array([topic for row in rows for _, topic in row.topics], np.int64),
        np.array([i * length + place for i, row in enumerate(rows) for place, _ in row.matches], np.int64),
        np.array([number for row in rows for _, number in row.matches], np.int64),
    )  # fmt: skip


def macro(
    seed: int,
    index: int,
    level: int,
    tokenizer: PreTrainedTokenizerFast,
    tokens: int,
    count: int = MACRO,
    bank: worlds.Bank | None = None,
) -> list[Batch]:
    """`count` batches of about `tokens` tokens each: a function of its arguments alone.

    Args:
        index: number of the macro batch. level: index into `examples.LEVELS`. bank: instead of the whole one.
    """
    rng = random.Random(f"macro/{seed}/{index}/{level}")
    waiting: dict[int, list[Row]] = {length: [] for length in BUCKETS}
    batches: list[Batch] = []
    numbers: Iterator[int] = iter(range(index * 1_000_000, (index + 1) * 1_000_000))
    while len(batches) < count:
        made = examples.group(seed, next(numbers), examples.LEVELS[level], bank)
        row = encode(made, tokenizer, BUCKETS[-1])
        if row is None:
            continue
        length = next(b for b in BUCKETS if b >= len(row.tokens))
        waiting[length].append(row)
        if len(waiting[length]) >= max(1, tokens // length):
            batches.append(pack(waiting.pop(length), length, rng))
            waiting[length] = []
    rng.shuffle(batches)
    return batches


@lru_cache(maxsize=2)
def _tokenizer_in(folder: str) -> PreTrainedTokenizerFast:
    return load_tokenizer(Path(folder))


def _macro_in(folder: str, seed: int, index: int, level: int, tokens: int) -> list[Batch]:
    """`macro` in a process of its own, with the tokenizer saved in `folder`."""
    return macro(seed, index, level, _tokenizer_in(folder), tokens)


class Ahead:
    """Macro batches made ahead by other processes: a GPU reads them faster than one process makes them.

    The batches are those of `macro`, whatever the number of processes.
    """

    def __init__(self, workers: int, folder: Path, seed: int, tokens: int) -> None:
        """Prepare the processes; they start when the first batches are taken.

        Args:
            workers: how many. folder: of the saved tokenizer. seed, tokens: as for `macro`.
        """
        # A fork of a process that has opened the GPU cannot be trusted.
        self._pool = ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            # Ctrl-C is for the run, which ends its workers itself.
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),
        )
        self._workers, self._folder, self._seed, self._tokens = workers, str(folder), seed, tokens
        self._coming: dict[tuple[int, int], Future[list[Batch]]] = {}

    def take(self, index: int, level: int) -> list[Batch]:
        """Macro batch number `index` on a level of the curriculum; those that follow on the same level are begun.

        Raises:
            RuntimeError: a process was killed, or could not start.
        """
        wanted = [(index + k, level) for k in range(self._workers + 1)]
        for key in self._coming.keys() - set(wanted):
            self._coming.pop(key).cancel()
        for key in wanted:
            if key not in self._coming:
                self._coming[key] = self._pool.submit(_macro_in, self._folder, self._seed, *key, self._tokens)
        try:
            return self._coming.pop(wanted[0]).result()
        except BrokenProcessPool as cause:
            raise RuntimeError(
                "A process that makes training examples was killed or could not start: train again, the run goes on "
                "from its checkpoint; workers=0 in train() does without such processes."
            ) from cause

    def close(self) -> None:
        """End the processes, once they are done with what they have begun."""
        self._pool.shutdown(cancel_futures=True)
