"""Training the generator on preferences: DPO on pairs of replies, KTO on replies with a thumb up or down.

Sources: Rafailov et al. 2023, Direct Preference Optimization; Ethayarajh et al. 2024, KTO; Wang and Hegde 2024,
Accelerating DPO with Prefix Sharing. TRL trains, PEFT holds the adapter.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import MethodType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from labkit import models, stats
from labkit.judge import Preference, Rated
from labkit.models.loading import lora
from labkit.tune.generator import IGNORED, made_of, tokens, train_and_save
from labkit.tune.training import arguments

# Replies read at once; a pair is two of them.
AT_ONCE = {"cpu": 4, "cuda": 16}
_REPLIES = {"chosen_ids", "rejected_ids", "completion_ids"}


def train_dpo(
    preferences: Sequence[Preference],
    out: Path,
    generator: models.Generator,
    epochs: float = 1.0,
    rank: int = 8,
    learning_rate: float = 5e-5,
    beta: float = 0.1,
    batch_size: int = 16,
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Train an adapter to prefer the chosen replies, with the generator as it is for the reference.

    A training that was stopped goes on at its last checkpoint when it is started again with the same pairs and
    settings.

    Args:
        preferences: pairs of replies; those with two equal replies are left out.
        out: folder of the adapter.
        generator: the model to train, such as the fine-tuned one that wrote the replies. Its weights stay as they are.
        epochs: passes over the pairs.
        rank: of the adapter's matrices, on all linear layers.
        learning_rate: the highest, reached after a warm-up.
        beta: how much is lost by leaving the reference; the higher, the nearer the model stays to it.
        batch_size: pairs of a step.
        seed: of the training.
        progress: show a bar with the loss and the time left.

    Returns:
        `out`, with the adapter in safetensors, and in `training.json` what made it and TRL's measures of every step:
        see `read_record`. `models.load_tuned(out, generator)` loads it.

    Raises:
        ValueError: no pair fits into the model's window and has two replies that differ, or the loss became NaN; the
            last good checkpoint is kept then.
    """
    examples = [tokens(generator, p.messages, p.chosen, p.rejected) for p in preferences]
    too_long = _too_long(examples, generator)
    rows = [
        {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}
        for i, (prompt, chosen, rejected) in enumerate(examples)
        if i not in too_long and preferences[i].chosen.strip() != preferences[i].rejected.strip()
    ]
    if not rows:
        raise ValueError(
            f"There is nothing to learn from: of {len(examples)} pairs, {len(too_long)} do not fit into the window of "
            f"{generator.max_length} tokens, and the others have two equal replies. Shorten the prompts, or draw "
            "replies at a higher temperature."
        )
    settings = dict(method="dpo", epochs=epochs, rank=rank, learning_rate=learning_rate, beta=beta,
                    batch_size=batch_size, seed=seed)  # fmt: skip
    return _train(rows, too_long, out, generator, settings, progress)


def train_kto(
    rated: Sequence[Rated],
    out: Path,
    generator: models.Generator,
    epochs: float = 1.0,
    rank: int = 8,
    learning_rate: float = 5e-5,
    beta: float = 0.1,
    batch_size: int = 32,
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Train an adapter towards good replies and away from bad ones, with the generator as it is for the reference.

    Good and bad replies weigh the same in all, however many there are of each.

    Args:
        rated: replies with a thumb up or down.
        out: as in `train_dpo`.
        generator: the same.
        epochs: passes over the replies.
        rank: as in `train_dpo`.
        learning_rate: the same.
        beta: the same.
        batch_size: replies of a step.
        seed: of the training.
        progress: show a bar with the loss and the time left.

    Returns:
        As `train_dpo`.

    Raises:
        ValueError: of what fits into the model's window, there are not both good and bad replies, or all are to one
            prompt; or the loss became NaN; the last good checkpoint is kept then.
    """
    examples = [tokens(generator, r.messages, r.reply) for r in rated]
    too_long = _too_long(examples, generator)
    rows: list[dict[str, Any]] = [
        {"prompt_ids": prompt, "completion_ids": reply, "label": rated[i].good}
        for i, (prompt, reply) in enumerate(examples)
        if i not in too_long
    ]
    good = sum(row["label"] for row in rows)
    if not 0 < good < len(rows):
        raise ValueError(
            f"KTO learns from good and bad replies: of {len(examples)}, {good} are good, {len(rows) - good} bad, and "
            f"{len(too_long)} do not fit into the window of {generator.max_length} tokens."
        )
    settings = dict(method="kto", epochs=epochs, rank=rank, learning_rate=learning_rate, beta=beta,
                    batch_size=batch_size, seed=seed)  # fmt: skip
    return _train(_side_by_side(rows, seed), too_long, out, generator, settings, progress)


def _too_long(examples: Sequence[Sequence[Sequence[int]]], generator: models.Generator) -> tuple[int, ...]:
    """Positions of prompts that do not fit into the window with the longer of their replies."""
    lengths = [len(prompt) + max(map(len, replies)) for prompt, *replies in examples]
    return tuple(i for i, length in enumerate(lengths) if length > generator.max_length)


def _side_by_side(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Rows in random order, those with one prompt together, and with each a reply to another prompt: from these KTO
    estimates the KL divergence."""
    order = list(stats.grouped((tuple(row["prompt_ids"]), row) for row in rows).values())
    if len(order) < 2:
        raise ValueError("KTO learns from replies to at least two prompts, and these are all to one.")
    random.Random(seed).shuffle(order)
    placed, apart = [row for group in order for row in group], max(map(len, order))
    return [row | {"KL_completion_ids": placed[i - apart]["completion_ids"]} for i, row in enumerate(placed)]


def _train(
    rows: Sequence[dict[str, Any]],
    too_long: tuple[int, ...],
    out: Path,
    base: models.Generator,
    settings: Any,
    shown: bool,
) -> Path:
    record = made_of(base, rows, settings, len(rows), too_long)
    asked = [tuple(row["prompt_ids"]) for row in rows]
    # KTO reads a prompt once for all replies to it, DPO once for each pair.
    read = sum(map(len, asked if settings["method"] == "dpo" else set(asked)))
    replies = sum(len(row[name]) for row in rows for name in _REPLIES & row.keys())
    make = partial(_trainer, rows, base, settings, shown)
    return train_and_save(base, out, record, read + replies, make, shown)


def _trainer(rows: Sequence[dict[str, Any]], base: models.Generator, settings: Any, shown: bool, folder: str) -> Any:
    import trl
    from datasets import Dataset

    paired = settings["method"] == "dpo"
    # KTO estimates the KL divergence over the replies read at once, so these are two at least.
    at_once = max(2, min(AT_ONCE[models.device()], settings["batch_size"], len(rows))) // (1 + paired)
    common = arguments(folder, settings["epochs"], settings["learning_rate"], at_once, settings["seed"]) | dict(
        beta=settings["beta"], max_length=None, precompute_ref_log_probs=True,
        gradient_accumulation_steps=max(1, settings["batch_size"] // at_once),
    )  # fmt: skip
    if not paired:
        good, half = sum(row["label"] for row in rows), len(rows) / 2
        common |= {"desirable_weight": half / good, "undesirable_weight": half / (len(rows) - good)}
    return _reading_once(trl.DPOTrainer if paired else trl.KTOTrainer, shown)(
        base.model, args=(trl.DPOConfig if paired else trl.KTOConfig)(**common), processing_class=base.tokenizer,
        train_dataset=Dataset.from_list(list(rows)), peft_config=lora(settings["rank"]),
    )  # fmt: skip


def _reading_once(kind: Any, shown: bool) -> Any:
    """A trainer of TRL that takes the tokens as they are, and reads a prompt once for all replies to it."""
    import torch

    class PreferenceTrainer(kind):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

        def _precompute_ref_logps(self, *args: Any) -> Any:
            _share_prompts(self.model.get_base_model())
            # Its loader draws a seed, which would change the order of the training.
            with torch.random.fork_rng(devices=[]), patch.dict(os.environ, TQDM_DISABLE="" if shown else "1"):
                return super()._precompute_ref_logps(*args)

    return PreferenceTrainer


def _share_prompts(network: Any) -> None:
    """Make a network read a prompt once for all replies to it in a batch, and score the replies alone.

    TRL 1.16 reads the prompt again for each reply and, away from a GPU, computes the scores of the whole vocabulary for
    each of its tokens. Here the replies to a prompt stand behind it in one row, and none sees another.
    """
    import torch

    whole = network.forward

    def forward(self: Any, input_ids: Any, attention_mask: Any, labels: Any, **_: Any) -> Any:
        lines, scored = _lines(input_ids.tolist(), labels.tolist())
        padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(line) for line in lines], True, -1)
        tokens, places, replies = padded.to(input_ids.device).unbind(-1)
        seen = ((replies[:, None] == 0) | (replies[:, None] == replies[..., None])).tril()[:, None]
        if self.config._attn_implementation != "sdpa":
            seen = torch.zeros_like(seen, dtype=self.dtype).masked_fill(~seen, torch.finfo(self.dtype).min)
        group, at, row, column, token = torch.tensor(scored, device=input_ids.device).T
        kept, at = at.unique(return_inverse=True)
        logits = whole(input_ids=tokens.clamp(0), attention_mask=seen, position_ids=places.clamp(0),
                       logits_to_keep=kept, use_cache=False).logits[group, at].float()  # fmt: skip
        logs = logits.log_softmax(-1)

        def laid_out(values: Any) -> Any:
            return values.new_zeros(labels.shape[0], labels.shape[1] - 1).index_put((row, column), values)

        return SimpleNamespace(
            log_probs=laid_out(logs.gather(-1, token[:, None])[:, 0]),
            entropy=laid_out(-(logs.exp() * logs).sum(-1).detach()),
            mean_logits=laid_out(logits.mean(-1).detach()),
            is_top1=laid_out(logits.argmax(-1) == token),
        )

    network.forward = MethodType(forward, network)


# Of each token of a line: what it is, its place, and to which reply it belongs, 0 to the prompt.
_Line = list[tuple[int, int, int]]


def _lines(rows: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]) -> tuple[list[_Line], list[tuple[int, ...]]]:
    """Each prompt with all replies to it, and for each token of a reply: its line, where in it the token is predicted,
    its row, where TRL wants its score, and the token."""
    groups: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        start = next(k for k, token in enumerate(label) if token != IGNORED)
        groups.setdefault(tuple(row[:start]), []).append((i, [token for token in label if token != IGNORED]))
    lines: list[_Line] = []
    scored: list[tuple[int, ...]] = []
    for prompt, members in groups.items():
        line = [(token, place, 0) for place, token in enumerate(prompt)]
        end = len(prompt) - 1
        for reply, (i, ids) in enumerate(members, start=1):
            places = [end, *range(len(line), len(line) + len(ids) - 1)]
            scored += [(len(lines), places[k], i, end + k, token) for k, token in enumerate(ids)]
            line += [(token, end + 1 + k, reply) for k, token in enumerate(ids)]
        lines.append(line)
    return lines, scored
