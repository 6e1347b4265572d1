"""Is a question about anything that these documents hold?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labkit.rag.retrieval import VectorIndex

WARNING = (
    "This question is unlike those that the course's documents can answer, so the reply is probably meaningless "
    "(nearest passage: similarity {similarity:.2f}, usual from {threshold:.2f})."
)


class Domain:
    """Warns of questions that lie outside the documents, by the distance to the nearest chunk.

    A question far from every chunk is outside. What is far is calibrated on questions that are inside: all but
    `share` of them must pass. A small model answers any question, however far from its documents; the distance does not
    depend on what it says.

    Args:
        index: the chunks.
        questions: questions known to be inside, such as those of dev.
        share: of these, how many may be warned of.

    Raises:
        ValueError: no questions, or a share outside 0 to 1.
    """

    def __init__(self, index: VectorIndex, questions: Sequence[str], share: float = 0.02) -> None:
        if not questions or not 0 <= share < 1:
            raise ValueError("Calibrate with at least one question, and a share from 0 to below 1.")
        self.index = index
        self.threshold = float(np.quantile(self.similarity(questions), share))

    def similarity(self, questions: Sequence[str]) -> np.ndarray:
        """Cosine between each question and its nearest chunk, shape (questions,)."""
        return np.array([hits[0].score for hits in self.index.retrieve(questions, top_k=1)])

    def warning(self, question: str) -> str | None:
        """A sentence that warns the asker, or None where the question lies inside."""
        similarity = float(self.similarity([question])[0])
        if similarity >= self.threshold:
            return None
        return WARNING.format(similarity=similarity, threshold=self.threshold)
