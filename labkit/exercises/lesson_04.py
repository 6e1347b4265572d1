"""The exercises of lesson 04. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import bench, models, rag
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    hybrid,
    mean,
    near,
    reading,
    tuned_index,
)


@exercise("04.1")
def length_of_a_compressed_prompt(answer: Any) -> str | None:
    index = tuned_index()
    short = [rag.First(3, rag.Compress(index.embedder, share=0.25))]
    run = bench.measure("", reading(), rag.Pipeline(index, models.load_generator(), post=short, top_k=3))
    if near(answer, bench.mean(run, "prompt_tokens").value, 0.5):
        return None
    return "Measure tuned_index with post=[rag.First(3, rag.Compress(tuned, share=0.25))], and look up prompt_tokens."


@exercise("04.2")
def depth_of_a_reranker(answer: Any) -> str | None:
    rerankers = [rag.EmbedderRerank(tuned_index().embedder, depth) for depth in (20, 5)]
    deep, shallow = (mean(reading(), hybrid(), r, metric=f"recall_at_{bench.K}") for r in rerankers)
    if near(answer, deep):
        return None
    if near(answer, shallow):
        return "That is the figure of depth 5: give depth=20 to rag.EmbedderRerank."
    return "Measure hybrid with post=[rag.EmbedderRerank(tuned, depth=20)] and answer=False; bench.mean gives the mean."


@exercise("04.3")
def lost_in_reading(answer: Any) -> str | None:
    question = next((q for q in reading() if q.id == answer), None)
    if question is None:
        return "Give the id of a question of `asked`: the error browser shows them."
    pipeline = rag.Pipeline(tuned_index(), models.load_generator(), top_k=3)
    [category] = bench.measure("", [question], pipeline).error_categories()
    if category in ("misread", "refused wrongly", "wrong version"):
        return None
    return f"The error category of that question is {category!r}."
