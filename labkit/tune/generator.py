"""Training the generator: LoRA, QLoRA or all weights, on chats whose replies are to be learned.

Sources: Hu et al. 2021, LoRA; Dettmers et al. 2023, QLoRA. TRL trains, PEFT holds the adapter.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from labkit import models
from labkit.models.device import quietly, unchanged
from labkit.models.loading import lora
from labkit.models.memory import free_mb, say_if_short
from labkit.prompts import Message
from labkit.tune.training import Checkpoints, Progress, TrainingRecord, arguments, kept_whole, saving, write_adapter

# The label of a token that is not learned, as torch has it.
IGNORED = -100
# Tokens of a row into which short examples are packed, and how many rows are read at once; a longer example makes rows
# longer. Attention is computed over whole rows, so short ones are faster.
ROWS = {"cpu": (512, 1), "cuda": (1024, 6)}


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
    rank: int | None = 8,
    learning_rate: float = 6e-4,
    batch_tokens: int = 4096,
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Train an adapter, or all weights, on chats and save them; only the replies are learned, not the prompts.

    Short examples are packed into rows in which none sees another. A training that was stopped goes on at its last
    checkpoint, which is five minutes old at most, when it is started again with the same examples and settings.

    Args:
        chats: prompts with the replies wanted.
        out: folder of what is trained.
        generator: the model to train, the reader by default: in bf16 or fp32 for LoRA, quantized for QLoRA. Its weights
            stay as they are.
        epochs: passes over the examples.
        rank: of the adapter's matrices, on all linear layers; None trains all weights, which needs them in fp32.
        learning_rate: the highest, reached after a warm-up.
        batch_tokens: tokens of a step, at most.
        seed: of the training.
        progress: show a bar with the loss and the time left.

    Returns:
        `out`, with the adapter (or the model, in bf16) in safetensors, and in `training.json` what made it: see
        `read_record`.

    Raises:
        ValueError: there are no chats, none fits into the model's window, all weights are to be trained but are not in
            fp32, the loss became NaN, or the disk is full; the last good checkpoint is kept then.
    """
    if not chats:
        raise ValueError(
            "There are no chats to train on: give prompts with the replies wanted. Where filters dropped every "
            "question, `questions.survivors` counts what each of them dropped."
        )
    base = generator or models.load_generator(dtype=None if rank else "fp32")
    if not rank and any(p.element_size() != 4 for p in base.model.parameters()):
        raise ValueError("To train all weights, load the model with `dtype='fp32'`: smaller steps vanish in bf16.")
    rows = [_row(chat, base) for chat in chats]
    fitting = [row for row in rows if len(row["input_ids"]) <= base.max_length]
    if not fitting:
        raise ValueError(f"No chat fits into the window of {base.max_length} tokens: shorten the prompts.")
    settings = dict(epochs=epochs, rank=rank, learning_rate=learning_rate, batch_tokens=batch_tokens, seed=seed)
    too_long = tuple(i for i, row in enumerate(rows) if len(row["input_ids"]) > base.max_length)
    record = made_of(base, rows, settings, len(fitting), too_long)
    read = sum(len(row["input_ids"]) for row in fitting)
    return train_and_save(base, out, record, read, partial(_trainer, fitting, base, settings), progress)


def made_of(
    base: models.Generator, rows: Sequence[Any], settings: dict[str, Any], examples: int, too_long: tuple[int, ...]
) -> TrainingRecord:
    """The record of a training that is to begin."""
    data = blake2b(repr(rows).encode(), digest_size=8).hexdigest()
    return TrainingRecord(base.name, base.fingerprint, data, settings, examples, too_long)


def train_and_save(
    base: models.Generator, out: Path, record: TrainingRecord, tokens: int, make: Callable[[str], Any], progress: bool
) -> Path:
    """Train, and save what was learned with its record, both or neither; afterwards the base is as before.

    Args:
        base: the model to train.
        out: folder of what is trained.
        record: of the training that is to begin; its rank is None where all weights are trained.
        tokens: of one epoch.
        make: gives the trainer, which keeps its checkpoints in a folder.
        progress: show a bar.

    Returns:
        `out`.
    """
    checkpoints = Checkpoints(out / "checkpoints", record)
    watch = Progress(record, checkpoints, tokens, progress)
    with unchanged(base.model):
        with quietly(), _without_dataset_bars():
            trainer = make(str(checkpoints.folder))
            trainer.add_callback(watch.callback())
            fit(trainer, checkpoints)
        with kept_whole(out) as part:
            if record.settings["rank"]:
                write_adapter(trainer.model, part, base.name)
            else:
                _save_model(trainer.model, base, part)
            watch.record.write(part)
    checkpoints.remove()
    return out


def _trainer(rows: Sequence[dict[str, Any]], base: models.Generator, settings: Any, folder: str) -> Any:
    """TRL's trainer on packed rows, several of which are read at once where they fit."""
    from datasets import Dataset
    from trl import SFTConfig

    rank, (short, at_once) = settings["rank"], ROWS[models.device()]
    length = min(base.max_length, max(short, *(len(row["input_ids"]) for row in rows)))
    in_step = max(1, settings["batch_tokens"] // length)
    at_once = _rows_that_fit(base, rank, in_step, at_once, length)
    config = SFTConfig(
        **arguments(folder, settings["epochs"], settings["learning_rate"], at_once, settings["seed"]) | dict(
            warmup_steps=0.05, max_length=length, completion_only_loss=True, packing=True,
            gradient_accumulation_steps=in_step // at_once,
        )
    )  # fmt: skip
    trainer = _reply_trainer()(
        base.model if rank else copy.deepcopy(base.model), config, train_dataset=Dataset.from_list(list(rows)),
        processing_class=base.tokenizer, peft_config=lora(rank) if rank else None,
    )  # fmt: skip
    trainer.data_collator = _stacked(trainer.data_collator, base.tokenizer.pad_token_id)
    return trainer


def fit(trainer: Any, checkpoints: Checkpoints) -> None:
    """Train, from the last checkpoint on where there is one.

    Raises:
        ValueError: the loss became NaN, or the disk is full.
    """
    from transformers import PrinterCallback

    save = trainer._save_checkpoint

    def save_checkpoint(*args: Any, **kwargs: Any) -> None:
        try:
            with saving(checkpoints.folder):
                save(*args, **kwargs)
        except ValueError:
            checkpoints.last()  # removes what was cut off
            raise

    trainer._save_checkpoint = save_checkpoint
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=checkpoints.last())


def _rows_that_fit(base: models.Generator, rank: int | None, in_step: int, most: int, length: int) -> int:
    """How many rows of a step are read at once: as many as fit into what the model leaves of a GPU's memory and divide
    the step evenly, so that steps are the same everywhere. Says where not even one fits."""
    room = float(most)
    if models.device() == "cuda":
        network, small = base.model, "nf4" if getattr(base.model, "quantization_method", None) else None
        need = models.estimate_memory(network.config, dtype=network.dtype, quantization=small, rank=rank, length=length)
        say_if_short(replace(need, weights=0.0), f"Training {base.name}, its weights aside,")
        room = min(room, (free_mb() - need.trained) / need.activations)
    return max(n for n in range(1, in_step + 1) if in_step % n == 0 and n <= max(1, room))


def _stacked(collate: Callable[[list[Any]], dict[str, Any]], padding: int) -> Callable[[list[Any]], dict[str, Any]]:
    """TRL lays packed rows end to end, and attention over the whole would cost its square; here they lie side by side.

    Args:
        collate: makes a batch of a single row.
        padding: token behind shorter rows.
    """
    import torch

    def side_by_side(rows: list[Any]) -> dict[str, Any]:
        batches = [collate([row]) for row in rows]
        longest = max(batch["input_ids"].shape[1] for batch in batches)
        for batch in batches:
            missing = longest - batch["input_ids"].shape[1]
            tail = {"input_ids": padding, "labels": IGNORED, "position_ids": 0}
            for name, value in tail.items():
                batch[name] = torch.nn.functional.pad(batch[name], (0, missing), value=value)
        return {name: torch.cat([batch[name] for batch in batches]) for name in tail}

    return side_by_side


@contextmanager
def _without_dataset_bars() -> Iterator[None]:
    """TRL prepares its data with bars of `datasets`; the bar of the training is enough."""
    import datasets

    before = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            datasets.enable_progress_bars()


def _reply_trainer() -> Any:
    """TRL's trainer with the loss taken at the positions of replies only.

    Away from a GPU, TRL 1.16 computes the scores of the whole vocabulary for every token of the prompts as well, which
    doubles the time of a step on two cores. Without a cache, transformers keeps packed examples apart by their
    positions.
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
    prompt, reply = tokens(generator, chat.messages, chat.reply)
    return {"input_ids": prompt + reply, "completion_mask": [0] * len(prompt) + [1] * len(reply)}


def tokens(generator: models.Generator, messages: Sequence[Message], *replies: str) -> list[list[int]]:
    """Tokens of a prompt, and of each reply to it with its end."""
    parts = [generator.text(messages), *(generator.reply_text(messages, reply) for reply in replies)]
    return list(generator.tokenizer(parts, add_special_tokens=False)["input_ids"])


def _save_model(network: Any, base: models.Generator, out: Path) -> None:
    """Save all weights in bf16, with the tokenizer."""
    import torch

    with quietly():
        network.to(torch.bfloat16).save_pretrained(out)
    base.tokenizer.save_pretrained(out)
