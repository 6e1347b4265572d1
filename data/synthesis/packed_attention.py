"""Attention of packed examples on a CPU: example by example, instead of over whole rows with most of them masked.

Rows are as long as the longest example, 1,694 tokens where half of the examples have 73, and attention over a row costs
its square. Without it a training on one core takes three and a half times as long; what it computes is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface

from labkit import models

NAME = "by_example"
# Queries that are taken together: what stands behind the last of them is never computed.
BLOCK = 384


@contextmanager
def by_example(network: Any) -> Iterator[None]:
    """Let a network attend example by example on a CPU, and as before afterwards; on a GPU nothing changes.

    Args:
        network: of transformers, whose attention is causal and knows no window.
    """
    if models.device() != "cpu":
        yield
        return
    before = network.config._attn_implementation
    AttentionInterface.register(NAME, _attend)
    network.set_attn_implementation(NAME)
    try:
        yield
    finally:
        network.set_attn_implementation(before)


def _attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: Any,
    scaling: float, position_ids: torch.Tensor, **_: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """As transformers calls it; query is 1 x heads x tokens x size, and an example begins at each position 0."""
    heads, tokens, size = query.shape[1:]
    shared = key.shape[1]  # each by as many heads of the query as a group has
    groups = heads // shared
    query = (query * scaling).view(shared, groups, tokens, size)
    starts = [*(position_ids[0] == 0).nonzero()[:, 0].tolist(), tokens]
    parts = []
    for start, end in pairwise(starts):
        for first in range(start, end, BLOCK):
            last = min(first + BLOCK, end)
            asked = query[:, :, first:last].reshape(shared, groups * (last - first), size)
            masked = _causal(last - first, last - start, groups, asked.dtype)
            weights = torch.baddbmm(masked, asked, key[0, :, start:last].transpose(1, 2)).softmax(-1)
            parts.append(torch.bmm(weights, value[0, :, start:last]).view(heads, last - first, size))
    return torch.cat(parts, 1).transpose(0, 1)[None].contiguous(), None


@lru_cache(maxsize=64)
def _causal(rows: int, length: int, groups: int, dtype: torch.dtype) -> torch.Tensor:
    """For each head of a group, 0 where the last rows of a text may look and minus infinity behind them."""
    return torch.full((rows, length), float("-inf"), dtype=dtype).triu(length - rows + 1).repeat(groups, 1)[None]
