"""How the course's adapters for retrieval were made: searches in the train split's archive, LoRA on MiniLM.

`python -m labkit adapters` repeats it. Only train questions and train contracts are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from labkit import corpus, metrics, models, paths, rag, tune
from labkit.corpus import Document, Question, Span

TASKS = ("lookup", "amended", "compare", "multihop")
DEPTH = 30
NEGATIVES = 3
SAY = partial(print, flush=True)


def search(
    questions: Sequence[Question], documents: Sequence[Document], depth: int = DEPTH
) -> list[list[tuple[Span, str]]]:
    """Place and text of the chunks that a hybrid search finds for each question, gold chunks that it missed at the end.

    Args:
        documents: the archive; its chunks are clauses with contextual headers.
    """
    chunks = rag.headed_clauses(documents)
    retriever = rag.Hybrid([rag.VectorIndex(chunks, models.load_embedder()), rag.BM25Index(chunks)])
    found = []
    for question, hits in zip(questions, retriever.retrieve([q.question for q in questions], depth), strict=True):
        nodes = [hit.node for hit in hits]
        seen = {node.node_id for node in nodes}
        nodes += [
            c
            for c in chunks
            if c.node_id not in seen and any(metrics.covers(rag.span_of(c), e) for e in question.evidence)
        ]
        found.append([(rag.span_of(node), rag.indexed_text(node)) for node in nodes])
    return found


def _searched(say: Callable[[str], None]) -> tuple[list[Question], list[list[tuple[Span, str]]]]:
    """The train questions, and what a search finds for each."""
    questions = [q for q in corpus.load_questions("train", TASKS) if q.followup is None]
    say(f"searching for {len(questions)} train questions")
    return questions, search(questions, corpus.load_documents("train"))


def _sealed(out: Path) -> Path:
    paths.write_checksums(out, [p.name for p in out.iterdir() if p.suffix in (".json", ".safetensors")])
    return out


def make_reranker(out: Path, epochs: float = 1.0, say: Callable[[str], None] = SAY) -> Path:
    """Train the cross-encoder on the train split and save its adapter with checksums.

    Args:
        out: folder of the adapter. epochs: passes over the pairs. say: shows progress.
    """
    made = tune.pairs(*_searched(say), negatives=NEGATIVES)
    say(f"{len(made)} pairs, {sum(p.label for p in made):.0f} with evidence")
    return _sealed(tune.train_reranker(made, out, epochs=epochs, rank=8, batch_size=8))


def make_embedder(out: Path, epochs: float = 1.0, say: Callable[[str], None] = SAY) -> Path:
    """Train the embedder on the train split and save its adapter with checksums.

    Args:
        out: folder of the adapter. epochs: passes over the triplets. say: shows progress.
    """
    made = tune.triplets(*_searched(say))
    say(f"{len(made)} triplets")
    return _sealed(tune.train_embedder(made, out, epochs=epochs))
