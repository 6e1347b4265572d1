"""The reranker: a cross-encoder that reads question and passage together, with a cache on disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labkit.models.device import bf16_products, device, native_bf16, quiet_loading, unreachable
from labkit.models.store import Store, remembered


@dataclass
class Reranker:
    """A cross-encoder of sentence-transformers.

    Attributes:
        load: gives the CrossEncoder; called when it is first needed.
        name: what was loaded.
        batch_size: pairs scored together.
        fingerprint: says which weights; scores are kept on disk under it, or not at all where it is None.
    """

    load: Callable[[], Any] = field(repr=False)
    name: str
    batch_size: int = 32
    fingerprint: str | None = None

    @cached_property
    def model(self) -> Any:
        """The CrossEncoder; use it freely."""
        return self.load()

    def score(self, pairs: Sequence[tuple[str, str]], progress: bool = False) -> np.ndarray:
        """How well each passage answers its question, in batches sorted by length.

        Args:
            pairs: (question, passage).
            progress: show a bar.

        Returns:
            float64 array of shape (len(pairs),); only the order means anything.
        """
        texts = ["\x00".join(pair) for pair in pairs]
        store = Store("reranker", f"{self.fingerprint} {native_bf16()}") if self.fingerprint else None

        def compute(missing: list[int]) -> list[float]:
            with bf16_products():
                scores = self.model.predict(
                    [pairs[i] for i in missing], batch_size=self.batch_size, show_progress_bar=progress
                )
            return np.asarray(scores).reshape(len(missing)).tolist()

        return np.array(remembered(store, texts, compute, float, lambda value: repr(value).encode()), dtype=float)


def load_reranker(model: str | Path, revision: str | None = None, max_length: int = 256) -> Reranker:
    """Load a cross-encoder.

    Args:
        model: Hugging Face id or local folder; `labkit.tune` trains one.
        revision: pins a model of the hub.
        max_length: longest pair, in tokens; what is longer is cut.

    Raises:
        ValueError: the model cannot be found or reached.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from safetensors import SafetensorError
    from sentence_transformers import CrossEncoder

    try:
        with quiet_loading(str(model)):
            network = CrossEncoder(str(model), revision=revision, max_length=max_length, device=device(), num_labels=1)
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        raise unreachable("reranker", str(model), "the argument", cause) from cause
    return Reranker(lambda: network, str(model), fingerprint=f"{model} {revision} {max_length}" if revision else None)
