"""Training a cross-encoder: LoRA on the embedder's network, trained on questions and their evidence.

Sources: Nogueira and Cho 2019, Passage Re-ranking with BERT; Hu et al. 2021, LoRA. sentence-transformers
trains and loads it, PEFT holds the adapter.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit import models
from labkit.corpus import Question, Span
from labkit.models.adapters import reranker_network
from labkit.tune.settings import arguments, save_adapter, sides


@dataclass(frozen=True)
class Pair:
    """A question with a passage: label 1 where the passage holds evidence, else 0."""

    question: str
    passage: str
    label: float


def pairs(
    questions: Sequence[Question], hits: Sequence[Sequence[tuple[Span, str]]], negatives: int = 4, seed: int = 0
) -> list[Pair]:
    """Training pairs out of what a search found: passages with evidence, and others from near the top.

    Args:
        questions: of the train split; those without evidence give negatives alone.
        hits: for each question the place and text of the passages found, best first.
        negatives: of each question, drawn from the passages without evidence.

    Raises:
        ValueError: the numbers differ, or no passage found holds evidence.
    """
    rng = random.Random(seed)
    examples: list[Pair] = []
    for question, right, wrong in sides(questions, hits):
        examples += [Pair(question, text, 1.0) for text in right]
        examples += [Pair(question, text, 0.0) for text in rng.sample(wrong, min(negatives, len(wrong)))]
    rng.shuffle(examples)
    return examples


def train_reranker(
    pairs: Sequence[Pair],
    out: Path,
    base: str | None = None,
    epochs: float = 1.0,
    rank: int = 16,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
) -> Path:
    """Train a LoRA adapter and a head on pairs, and save them; the base network stays as it is.

    Args:
        pairs: from `pairs`.
        out: folder of the adapter.
        base: a folder or Hugging Face id of the network; the course's MiniLM by default.
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
    from datasets import Dataset
    from peft import LoraConfig
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    if not pairs:
        raise ValueError("There are no pairs to train on: make some with `tune.pairs`.")
    encoder = reranker_network(base or models.minilm_path())
    encoder.add_adapter(
        LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="SEQ_CLS",
            modules_to_save=["classifier"],
        )
    )  # fmt: skip
    rows = Dataset.from_dict(
        {
            "question": [p.question for p in pairs],
            "passage": [p.passage for p in pairs],
            "label": [p.label for p in pairs],
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        settings = CrossEncoderTrainingArguments(**arguments(scratch, epochs, learning_rate, batch_size, seed))
        CrossEncoderTrainer(encoder, settings, train_dataset=rows, loss=BinaryCrossEntropyLoss(encoder)).train()
    return save_adapter(encoder.transformers_model, out, base or models.minilm_path())
