"""Groups packed into training batches.

A row is one group: the prompt up to the question once, then each question with its reply as a
branch. A branch sees the context and itself and takes the positions it would have as the only
question, so training is exactly the inference format, and the context is read once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labkit import prompts
from labkit.making.reader import examples
from labkit.making.reader.tokenizer import ASSISTANT, END, SYSTEM, USER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BUCKETS = (256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280)
MACRO = 48
CONTEXT_WEIGHT = 0.1
_MARK = "\nQuestion: "


@dataclass
class Row:
    """One group in tokens: `branch` is 0 for the context, 1.. for its questions; `weight` of each target."""

    tokens: list[int]
    branch: list[int]
    position: list[int]
    target: list[int]
    weight: list[float]


@dataclass
class Batch:
    """Arrays of shape (rows, length), and the flat positions whose next token is learned, with weights."""

    tokens: np.ndarray
    branch: np.ndarray
    position: np.ndarray
    chosen: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    @property
    def used(self) -> int:
        """Tokens that are not padding."""
        return int((self.branch >= 0).sum())


def encode(group: examples.Group, tokenizer: PreTrainedTokenizerFast, longest: int) -> Row | None:
    """Tokens of a group; questions that do not fit are left out; None where not one fits."""
    texts = [_MARK + q + ASSISTANT + f" {a}" + END for q, a in group.turns]
    head = f"{SYSTEM}{prompts.ANSWER}{USER}{prompts.numbered(group.passages)}\n"
    ids = tokenizer([head, *texts], add_special_tokens=False)["input_ids"]
    context, branches = ids[0], ids[1:]
    reply = tokenizer.convert_tokens_to_ids(ASSISTANT)
    row = Row(list(context), [0] * len(context), list(range(len(context))), [*context[1:], 0], [])
    row.weight = [CONTEXT_WEIGHT] * (len(context) - 1) + [0.0]
    for number, branch in enumerate(branches, start=1):
        if len(row.tokens) + len(branch) > longest:
            continue
        at = branch.index(reply)
        row.tokens += branch
        row.branch += [number] * len(branch)
        row.position += range(len(context), len(context) + len(branch))
        row.target += [*branch[1:], 0]
        row.weight += [CONTEXT_WEIGHT] * at + [1.0] * (len(branch) - 1 - at) + [0.0]
    return row if len(row.tokens) > len(context) else None


def pack(rows: list[Row], length: int, rng: random.Random) -> Batch:
    """Rows padded to `length`. Every reply token is learned, of the context a sample with its weight raised."""
    shape = (len(rows), length)
    tokens, position = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    branch = np.full(shape, -1, np.int8)
    target, weight = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for i, row in enumerate(rows):
        n = len(row.tokens)
        tokens[i, :n], branch[i, :n], position[i, :n] = row.tokens, row.branch, row.position
        target[i, :n], weight[i, :n] = row.target, row.weight
    flat = weight.reshape(-1)
    reply, context = np.flatnonzero(flat >= 1), np.flatnonzero((flat > 0) & (flat < 1))
    kept = np.random.default_rng(rng.getrandbits(32)).permutation(context)[: max(1, len(context) // 3)]
    chosen = np.concatenate([reply, kept])
    weights = flat[chosen].copy()
    weights[len(reply) :] *= len(context) / len(kept)
    return Batch(tokens, branch, position, chosen, target.reshape(-1)[chosen], weights)


def macro(
    seed: int, index: int, level: int, tokenizer: PreTrainedTokenizerFast, tokens: int, count: int = MACRO
) -> list[Batch]:
    """`count` batches of about `tokens` tokens each: a function of its arguments alone.

    Args:
        index: number of the macro batch. level: index into `examples.LEVELS`.
    """
    rng = random.Random(f"macro/{seed}/{index}/{level}")
    waiting: dict[int, list[Row]] = {length: [] for length in BUCKETS}
    batches: list[Batch] = []
    numbers: Iterator[int] = iter(range(index * 1_000_000, (index + 1) * 1_000_000))
    while len(batches) < count:
        made = examples.group(seed, next(numbers), examples.LEVELS[level])
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
