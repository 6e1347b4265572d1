"""Groups as rows of tokens for training.

A group becomes its context once, then each question with its reply as a branch. A branch sees the context and itself,
and takes the positions it would have as the only question: exactly a prompt of inference, with the context read once.
Several groups share a row of fixed length, kept apart by the same mask.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from labkit import prompts
from synthesis.reader import examples
from synthesis.reader.groups import Group

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOTHING = -100  # no token is learned here
# Rows that are filled at the same time.
_OPEN = 48
# Of a reply's tokens in the loss: a verdict is one token long, where a made-up passage has sixty.
WEIGHTS = {"judge": 3.0, "prefer": 3.0, "compare": 2.0, "classify": 1.5, "hyde": 0.2, "questions": 0.5, "draft": 0.5,
           "term_sheet": 0.7, "triples": 0.7}  # fmt: skip


@dataclass
class Row:
    """By token: its position, group, branch (0 is the context), the token to be learned next and its weight."""

    tokens: list[int]
    position: list[int]
    group: list[int]
    branch: list[int]
    target: list[int]
    weight: list[float]

    def __len__(self) -> int:
        return len(self.tokens)


def encode(made: Group, tokenizer: PreTrainedTokenizerBase, longest: int) -> Row | None:
    """A group in tokens; questions that do not fit are left out; None where not one fits."""
    texts = [_text(tokenizer, example.messages) for example in made.examples()]
    # The cut stands behind a letter or sign and before a line break or a special token: no token spans it.
    shared = made.head.rstrip() or made.system.rstrip()
    cut = texts[0].index(shared) + len(shared)
    parts = [texts[0][:cut], *(text[cut:] for text in texts), *(f"{r}{tokenizer.eos_token}" for _, r in made.turns)]
    ids: list[list[int]] = tokenizer(parts, add_special_tokens=False, verbose=False)["input_ids"]
    context, asked, replies = ids[0], ids[1 : len(texts) + 1], ids[len(texts) + 1 :]
    size = len(context)
    row = Row(list(context), list(range(size)), [0] * size, [0] * size, [NOTHING] * size, [0.0] * size)
    weight = WEIGHTS.get(made.instruction, 1.0)
    for number, (question, reply) in enumerate(zip(asked, replies, strict=True), start=1):
        branch = question + reply
        if len(row) + len(branch) > longest:
            continue
        row.tokens += branch
        row.position += range(size, size + len(branch))
        row.group += [0] * len(branch)
        row.branch += [number] * len(branch)
        row.target += [NOTHING] * (len(question) - 1) + reply + [NOTHING]
        row.weight += [0.0] * (len(question) - 1) + [weight] * len(reply) + [0.0]
    return row if len(row) > size else None


def _text(tokenizer: PreTrainedTokenizerBase, messages: list[prompts.Message]) -> str:
    # At inference no message ends in a line break.
    stripped = [{**m, "content": m["content"].strip("\n")} for m in messages]
    return str(tokenizer.apply_chat_template(stripped, tokenize=False, add_generation_prompt=True))


def packed(made: Iterator[Row], length: int) -> Iterator[list[Row]]:
    """Groups that fit into a row of `length` tokens together: each goes where it leaves the least room."""
    bins: list[tuple[int, list[Row]]] = []
    for row in made:
        used, at = max(((n, i) for i, (n, _) in enumerate(bins) if n + len(row) <= length), default=(0, len(bins)))
        bins[at : at + 1] = [(used + len(row), [*(bins[at][1] if at < len(bins) else []), row])]
        if len(bins) > _OPEN:
            yield bins.pop(max(range(len(bins)), key=lambda i: bins[i][0]))[1]
    yield from (together for _, together in bins)


def batch(rows: list[list[Row]], length: int) -> dict[str, np.ndarray]:
    """Arrays of shape (rows, length), by the names of a `Row`; padding is a group of its own."""
    shape = (len(rows), length)
    made: dict[str, np.ndarray] = {
        "tokens": np.zeros(shape, np.int64),
        "position": np.zeros(shape, np.int64),
        "group": np.full(shape, -1, np.int64),
        "branch": np.zeros(shape, np.int64),
        "target": np.full(shape, NOTHING, np.int64),
        "weight": np.zeros(shape, np.float32),
    }
    for i, together in enumerate(rows):
        start = 0
        for number, row in enumerate(together):
            end = start + len(row)
            for name, array in made.items():
                array[i, start:end] = number if name == "group" else getattr(row, name)
            start = end
    return made


def mask(group: Any, branch: Any) -> Any:
    """What each token sees: bool tensor of shape (rows, 1, length, length), the seeing token first.

    Args:
        group, branch: integer tensors of shape (rows, length).
    """
    import torch

    length = group.shape[1]
    same = group[:, :, None] == group[:, None, :]
    open_to = (branch[:, None, :] == 0) | (branch[:, :, None] == branch[:, None, :])
    earlier = torch.ones(length, length, dtype=torch.bool, device=group.device).tril()
    return (same & open_to & earlier)[:, None]


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Batches of rows without end, the same for the same seed and number of worker processes.

    Args:
        tokenizer: of the model.
        rows: in a batch.
        length: of a row, in tokens.
        draw: gives the group of a number.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, rows: int, length: int, draw: Callable[[int], Group]
    ) -> None:
        self.tokenizer, self.rows, self.length, self.draw = tokenizer, rows, length, draw

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Batches as `batch` makes them."""
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        made = (encode(self.draw(index), self.tokenizer, self.length) for index in itertools.count(first, step))
        rows = packed((row for row in made if row is not None), self.length)
        while True:
            yield batch(list(itertools.islice(rows, self.rows)), self.length)


@dataclass(frozen=True)
class Draw:
    """Groups by number, as `Stream` wants them: training text of a seed."""

    seed: str

    def __call__(self, index: int) -> Group:
        """Group number `index`."""
        return examples.group(self.seed, index)
