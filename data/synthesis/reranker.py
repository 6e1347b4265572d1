"""Training a cross-encoder: LoRA on the embedder's network, trained on questions and their evidence.

Sources: Nogueira and Cho 2019, Passage Re-ranking with BERT; Hu et al. 2021, LoRA. sentence-transformers
trains and loads it, PEFT holds the adapter.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import profiles
from labkit.models.device import quietly
from labkit.models.encoders import reranker_network
from labkit.tune import Pair
from labkit.tune.training import arguments, kept_whole, write_adapter


def train_reranker(
    pairs: Sequence[Pair],
    out: Path,
    epochs: float = 1.0,
    rank: int = 16,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
) -> Path:
    """Train a LoRA adapter and a head on pairs, and save them; the base network stays as it is.

    Args:
        pairs: from `tune.pairs`.
        out: folder of the adapter.
        epochs: passes over the examples.
        rank: of the adapter's matrices.
        learning_rate: the highest, reached after a warm-up.
        batch_size: examples in a step.
        seed: of the training.

    Returns:
        `out`, with the adapter in safetensors.

    Raises:
        ValueError: there are no pairs.
    """
    from peft import LoraConfig
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    if not pairs:
        raise ValueError("There are no pairs to train on: make some with `tune.pairs`.")
    encoder = reranker_network()
    encoder.add_adapter(
        LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="SEQ_CLS",
            modules_to_save=["classifier"],
        )
    )  # fmt: skip
    kinds = CrossEncoderTrainer, CrossEncoderTrainingArguments, BinaryCrossEntropyLoss
    return train_adapter(kinds, encoder, pairs, out, epochs, learning_rate, batch_size, seed)


def train_adapter(
    kinds: tuple[Any, Any, Any], network: Any, examples: Sequence[Any], out: Path, *settings: Any
) -> Path:
    """Train the adapter of a network of sentence-transformers that was made of MiniLM, and save it.

    Args:
        kinds: classes of sentence-transformers: the trainer, its settings, and the loss.
        network: with its adapter.
        examples: dataclasses, whose fields in their order are what the loss takes.
        out: folder of the adapter.
        settings: epochs, learning rate, batch size and seed, as in `tune.training.arguments`.

    Returns:
        `out`.
    """
    from datasets import Dataset

    trainer, settings_of, loss = kinds
    rows = Dataset.from_list([asdict(example) for example in examples])
    with tempfile.TemporaryDirectory() as scratch, quietly():
        trainer(network, settings_of(**arguments(scratch, *settings)), train_dataset=rows, loss=loss(network)).train()
    with kept_whole(out) as part:
        write_adapter(network.transformers_model, part, profiles.MINILM)
    return out
