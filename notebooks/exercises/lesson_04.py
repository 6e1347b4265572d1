"""The exercises of lesson 04. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from labkit import rag
from labkit.exercises import exercise

from .dev_archive import dense, evidence, hybrid, tuned_index
from .judging import Numbers, choice, number, tried


@exercise("04.1")
def what_is_left_of_mmr(answer: Any) -> str | None:
    index = tuned_index()
    plain, diverse = evidence(index), evidence(index, rag.MMR(index.embedder, weight=1, depth=10))
    letter = "b" if abs(diverse - plain) < 0.005 else "a" if diverse > plain else "c"
    hint = "Put weight=1 into the line of `mmr` that makes the score: which term is left?"
    return choice(answer, letter, dict.fromkeys("abc", hint), "a to c")


@number("04.2", "`look` takes a name, the search and a stage, rag.EmbedderRerank(embedder, depth=20); `evidence` takes "
                "the run.")  # fmt: skip
def second_look_without_training() -> Numbers:
    untrained, trained = dense().embedder, tuned_index().embedder
    of_tuned = "That is the tuned embedder: give rag.EmbedderRerank `embedder`."
    yield evidence(hybrid(), rag.EmbedderRerank(untrained, 20)), None
    yield evidence(hybrid(), rag.EmbedderRerank(trained, 20)), of_tuned
    yield evidence(hybrid(), rag.EmbedderRerank(untrained, 5)), "That is the figure of depth 5: let it see twenty."
    yield evidence(hybrid()), "That is the hybrid search without reranking: put the stage behind it."


def votes(documents: Sequence[str]) -> list[int]:
    """Places of chunks, those of the document with most of them first."""
    counts = Counter(documents)
    # Of equal counts `max` takes the first, and a Counter keeps the order in which it met them.
    winner = max(counts, key=lambda d: counts[d], default=None)
    return sorted(range(len(documents)), key=lambda place: documents[place] != winner)


# The documents of chunks, best first, and what to look at where they are ordered otherwise.
_LISTS = (
    ("baa", "Count the chunks of each document: which has most? Every place must occur once."),
    ("ab", "Of documents with equally many chunks, whose best chunk stands higher?"),
    ("a", "A single chunk stays where it is."),
    ("", "Without chunks, give an empty list."),
    *((names, "The right document comes first, but within a group the old order must stay.")
      for names in ("abbcbaccc", "cabab", "abcabc", "dcbaa")),
)  # fmt: skip


@exercise("04.3", function=True)
def chunks_vote_for_their_document(answer: Any) -> str | None:
    def order(documents: list[str]) -> list[int] | None:
        given = answer(documents)
        return given if given is None else [int(place) for place in given]

    return tried(order, [((list(names),), votes(names), hint) for names, hint in _LISTS])
