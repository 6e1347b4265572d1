"""The reranker: a cross-encoder that reads question and passage together, with a cache on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from labkit.models import shipped_replies
from labkit.models.device import device, reads_text, without_padding
from labkit.models.store import Store

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
        return reads_text(self.load())

    def score(self, pairs: Sequence[tuple[str, str]], progress: bool = False) -> np.ndarray:
        """How well each passage answers its question; a score does not depend on the pairs that are scored with it.

        Scores that come with the course, or are on disk, are not computed again.

        Args:
            pairs: (question, passage).
            progress: show a bar.

        Returns:
            float64 array of shape (len(pairs),); only the order means anything.
        """
        texts, made = ["\x00".join(pair) for pair in pairs], f"float32 on {device()}"
        scores = shipped_replies.looked_up(
            self.fingerprint, TASK, made, texts, lambda missing: self._score([pairs[i] for i in missing], progress),
            Store("reranker", f"{self.fingerprint} {made}"),
        )  # fmt: skip
        return np.array(scores, dtype=float)

    def _score(self, pairs: Sequence[tuple[str, str]], progress: bool) -> list[str]:
        """Scores to six digits, in batches without padding."""

        def predict(places: list[int]) -> np.ndarray:
            batch = [pairs[i] for i in places]
            scores = self.model.predict(batch, batch_size=self.batch_size, show_progress_bar=False)
            return np.asarray(scores).reshape(len(places))

        tokenizer = getattr(self.model, "tokenizer", None)
        return [f"{score:.6f}" for score in without_padding(tokenizer, pairs, predict, "scoring", progress)]
