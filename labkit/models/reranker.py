"""The reranker: a cross-encoder that reads question and passage together, with a cache on disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labkit.models import shipped_replies
from labkit.models.device import device, of_equal_length, quiet_loading, unreachable
from labkit.models.store import Store, remembered

# What a score is kept and shipped under.
TASK = "score"


@dataclass
class Reranker:
    """A cross-encoder of sentence-transformers.

    Attributes:
        load: gives the CrossEncoder; called when it is first needed.
        name: what was loaded.
        batch_size: pairs scored together.
        fingerprint: says which weights; scores are kept on disk and shipped under it, or not at all where it is None.
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
        """How well each passage answers its question; a score does not depend on the pairs that are scored with it.

        Scores that come with the course, or are on disk, are not computed again.

        Args:
            pairs: (question, passage).
            progress: show a bar.

        Returns:
            float64 array of shape (len(pairs),); only the order means anything.
        """
        texts = ["\x00".join(pair) for pair in pairs]
        live, made = shipped_replies.is_live(), f"float32 on {device()}"
        came = {} if live else shipped_replies.shipped(self.fingerprint, TASK, texts)
        rest = [i for i, text in enumerate(texts) if text not in came]
        store = None if live or not self.fingerprint else Store("reranker", f"{self.fingerprint} {made}")

        def compute(missing: list[int]) -> list[str]:
            return self._score([pairs[rest[i]] for i in missing], progress)

        asked = [texts[i] for i in rest]
        found = came | dict(
            zip(asked, remembered(store, asked, compute, read=bytes.decode, write=str.encode), strict=True)
        )
        if not live:
            shipped_replies.log_asked(self.fingerprint, TASK, made, [(t, found[t]) for t in dict.fromkeys(texts)])
        return np.array([found[text] for text in texts], dtype=float)

    def _score(self, pairs: Sequence[tuple[str, str]], progress: bool) -> list[str]:
        """Scores to six digits, in batches without padding."""
        from tqdm.auto import tqdm

        scores = np.zeros(len(pairs))
        with tqdm(total=len(pairs), desc="scoring", unit="pair", disable=not progress) as bar:
            for places in of_equal_length(getattr(self.model, "tokenizer", None), pairs):
                batch = [pairs[i] for i in places]
                predicted = self.model.predict(batch, batch_size=self.batch_size, show_progress_bar=False)
                scores[places] = np.asarray(predicted).reshape(len(places))
                bar.update(len(places))
        return [f"{score:.6f}" for score in scores]


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
