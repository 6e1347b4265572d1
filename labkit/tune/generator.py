"""Supervised fine-tuning of the generator: LoRA on prompts with the replies wanted.

TRL trains, PEFT holds the adapter. Source: Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import models
from labkit.models.device import quietly
from labkit.prompts import Message
from labkit.tune.settings import arguments, save_adapter

# The label of a token that is not learned, as torch has it.
IGNORED = -100


@dataclass(frozen=True)
class Chat:
    """A prompt as at inference, and the reply wanted."""

    messages: tuple[Message, ...]
    reply: str


def train_generator(
    chats: Sequence[Chat],
    out: Path,
    generator: models.Generator | None = None,
    epochs: float = 1.0,
    rank: int = 8,
    learning_rate: float = 6e-4,
    batch_size: int = 16,
    seed: int = 0,
) -> Path:
    """Train a LoRA adapter on chats and save it; only the replies are learned, not the prompts.

    Args:
        chats: prompts with the replies wanted.
        out: folder of the adapter.
        generator: the model to train, in fp32 or bf16; the reader by default. Its weights stay as they are on disk.
        epochs: passes over the examples.
        rank: of the adapter's matrices.
        learning_rate: the highest, reached after a warm-up.
        batch_size: examples in a step.
        seed: of the training.

    Returns:
        `out`, with the adapter in safetensors.

    Raises:
        ValueError: there are no chats, or none fits into the model's window.
    """
    from datasets import Dataset
    from peft import LoraConfig

    if not chats:
        raise ValueError("There are no chats to train on: give prompts with the replies wanted.")
    base = generator or models.load_generator()
    rows = [_row(chat, base) for chat in chats]
    if not (fitting := [row for row in rows if len(row["input_ids"]) <= base.max_length]):
        raise ValueError(f"No chat fits into the window of {base.max_length} tokens: shorten the prompts.")
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    with quietly(), tempfile.TemporaryDirectory() as scratch:
        from trl import SFTConfig

        settings = SFTConfig(
            **arguments(scratch, epochs, learning_rate, batch_size, seed) | dict(
                warmup_steps=0.05, gradient_checkpointing=False, max_length=base.max_length,
                completion_only_loss=True, train_sampling_strategy="group_by_length",
            )
        )  # fmt: skip
        lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        trainer = _reply_trainer()(
            base.model, settings, train_dataset=Dataset.from_list(fitting), processing_class=base.tokenizer,
            peft_config=lora,
        )  # fmt: skip
        trainer.train()
        network: Any = trainer.model
        save_adapter(network, out, base.name)
        network.unload()
    return out


def _reply_trainer() -> Any:
    """TRL's trainer with the loss taken at the positions of replies only.

    Away from a GPU, TRL 1.16 computes the scores of the whole vocabulary for every token of the prompts as well, which
    doubles the time of a step on two cores.
    """
    from torch.nn.functional import cross_entropy
    from trl import SFTTrainer

    class ReplyTrainer(SFTTrainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None):  # type: ignore[no-untyped-def,override]
            labels = inputs.pop("labels")[:, 1:]
            kept = (labels != IGNORED).any(0).nonzero()[:, 0]
            outputs = model(**inputs, logits_to_keep=kept, use_cache=False)
            total = cross_entropy(
                outputs.logits.float().flatten(0, 1), labels[:, kept].flatten(), ignore_index=IGNORED, reduction="sum"
            )
            count = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
            return (total / count, outputs) if return_outputs else total / count

    return ReplyTrainer


def _row(chat: Chat, generator: models.Generator) -> dict[str, Any]:
    """Tokens of prompt and reply as they follow each other at inference; the mask marks the reply."""
    prompt, reply = generator.text(chat.messages), generator.reply_text(chat.messages, chat.reply)
    ids = [generator.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (prompt, reply)]
    return {"input_ids": ids[0] + ids[1], "completion_mask": [0] * len(ids[0]) + [1] * len(ids[1])}
