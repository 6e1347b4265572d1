"""Training the embedder: LoRA on the embedder's network, trained so that questions lie near their evidence.

Sources: Karpukhin et al. 2020, Dense Passage Retrieval (the other passages of a batch are negatives); Hu et al.
2021, LoRA. sentence-transformers trains and loads it, PEFT holds the adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labkit.corpus import Question, Span
from labkit.models.encoders import VECTORS, Embedder, embedder_network, text_key
from labkit.tune.examples import sides
from synthesis.reranker import train_adapter


@dataclass(frozen=True)
class Triplet:
    """A question, a passage that holds its evidence, and one that was found but does not."""

    question: str
    right: str
    wrong: str


def triplets(questions: Sequence[Question], hits: Sequence[Sequence[tuple[Span, str]]]) -> list[Triplet]:
    """Training triplets out of what a search found: each passage with evidence against the best ones without.

    Args:
        questions: of the train split; those without evidence give nothing.
        hits: for each question the place and text of the passages found, best first.

    Raises:
        ValueError: the numbers differ, no passage found holds evidence, or none lacks it.
    """
    examples = [
        Triplet(question, a, b)
        for question, right, wrong in sides(questions, hits)
        for a, b in zip(right, wrong, strict=False)
    ]
    if not examples:
        raise ValueError("No passage found lacks evidence: search deeper.")
    return examples


def train_embedder(
    triplets: Sequence[Triplet],
    out: Path,
    epochs: float = 1.0,
    rank: int = 8,
    learning_rate: float = 5e-4,
    batch_size: int = 16,
    seed: int = 0,
) -> Path:
    """Train a LoRA adapter on triplets and save it; the base network stays as it is.

    Args:
        triplets: from `triplets`.
        out: folder of the adapter.
        epochs: passes over the examples.
        rank: of the adapter's matrices.
        learning_rate: the highest, reached after a warm-up.
        batch_size: examples in a step.
        seed: of the training.

    Returns:
        `out`, with the adapter in safetensors.

    Raises:
        ValueError: there are no triplets.
    """
    import torch
    from peft import LoraConfig
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    if not triplets:
        raise ValueError("There are no triplets to train on: make some with `triplets`.")
    torch.manual_seed(seed)
    network = embedder_network()
    network.add_adapter(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))
    kinds = SentenceTransformerTrainer, SentenceTransformerTrainingArguments, MultipleNegativesRankingLoss
    return train_adapter(kinds, network, triplets, out, epochs, learning_rate, batch_size, seed)


def save_vectors(embedder: Embedder, folder: Path, texts: Sequence[str]) -> None:
    """Write the vectors of texts to `vectors.safetensors` of a folder, in half precision, to be shipped."""
    from safetensors.numpy import save_file

    unique = list(dict.fromkeys(texts))
    keys = np.frombuffer(b"".join(map(text_key, unique)), dtype=np.uint8).reshape(-1, 16)
    save_file({"keys": keys.copy(), "vectors": embedder.encode(unique).astype(np.float16)}, folder / VECTORS)
