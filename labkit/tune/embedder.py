"""An embedder of one's own: LoRA on the embedder's network, trained so that questions lie near their evidence.

Sources: Karpukhin et al. 2020, Dense Passage Retrieval (the other passages of a batch are negatives); Hu et al.
2021, LoRA. sentence-transformers trains and loads it, PEFT holds the adapter.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import models
from labkit.corpus import Question, Span
from labkit.tune.adapters import MAX_LENGTH, arguments, quietly, save_adapter, sides, weights_of


@dataclass(frozen=True)
class Triplet:
    """A question, a passage that holds its evidence, and one that the search found and that does not."""

    question: str
    right: str
    wrong: str


def triplets(questions: Sequence[Question], found: Sequence[Sequence[tuple[Span, str]]]) -> list[Triplet]:
    """Training triplets out of what a search found: each passage with evidence against the best ones without.

    Args:
        questions: of the train split; those without evidence give nothing.
        found: for each question the place and text of the passages found, best first.

    Raises:
        ValueError: the numbers differ, no passage found holds evidence, or none lacks it.
    """
    made = [
        Triplet(question, a, b)
        for question, right, wrong in sides(questions, found)
        for a, b in zip(right, wrong, strict=False)
    ]
    if not made:
        raise ValueError("No passage found lacks evidence: search deeper.")
    return made


def _network(base: str) -> Any:
    with quietly():
        from sentence_transformers import SentenceTransformer

        network = SentenceTransformer(base, device=models.device())
    network.max_seq_length = MAX_LENGTH
    return network


def train_embedder(
    made: Sequence[Triplet],
    out: Path,
    base: str | None = None,
    epochs: float = 1.0,
    rank: int = 8,
    learning_rate: float = 5e-4,
    batch_size: int = 16,
    seed: int = 0,
) -> Path:
    """Train a LoRA adapter on triplets and save it; the base network stays as it is.

    Args:
        made: from `triplets`. out: folder of the adapter.
        base: a folder or Hugging Face id of the network; the course's MiniLM by default.
        epochs, rank, learning_rate, batch_size, seed: of the training.

    Returns:
        `out`, with the adapter in safetensors.

    Raises:
        ValueError: there are no triplets.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    if not made:
        raise ValueError("There are no triplets to train on: make some with `tune.triplets`.")
    torch.manual_seed(seed)
    network = _network(base or models.minilm_path())
    network.add_adapter(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))
    rows = Dataset.from_dict(
        {
            "anchor": [t.question for t in made],
            "positive": [t.right for t in made],
            "negative": [t.wrong for t in made],
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        settings = SentenceTransformerTrainingArguments(**arguments(scratch, epochs, learning_rate, batch_size, seed))
        loss = MultipleNegativesRankingLoss(network)
        with quietly():
            SentenceTransformerTrainer(network, settings, train_dataset=rows, loss=loss).train()
    return save_adapter(network.transformers_model, out, base or models.minilm_path())


def load_embedder(adapter: Path, base: str | None = None) -> models.Embedder:
    """The base network with a trained adapter, and the vectors that lie beside it.

    Args:
        adapter: folder that `train_embedder` made. base: the network it was trained on.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    name = f"{base or 'MiniLM'} with adapter {models.digest(weights_of(adapter))}"

    def load() -> Any:
        network = _network(base or models.minilm_path())
        with quietly():
            from peft import PeftModel

            # Merged into the weights, so that searching costs no more than before.
            merged: Any = PeftModel.from_pretrained(network.transformers_model, str(adapter))
            network[0].auto_model = merged.merge_and_unload()
        return network.eval()

    return models.Embedder(load, name, shipped=adapter)
