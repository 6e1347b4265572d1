"""The systems that lessons and the benchmark compare, built one way for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit import corpus, models, paths, rag
from labkit.bench.runs import sample
from labkit.bench.shipped import shipped_triples
from labkit.corpus import Document, Question
from labkit.models import Embedder, Generator
from labkit.rag import Pipeline

# Passages in a prompt, the same in every system, as in lessons 02 to 04.
TOP_K = 3
# More passages than any window of the course's profiles holds.
FULL_WINDOW_TOP_K = 16
# More questions of a task than there are about any contract.
ALL = 99
# How many questions lessons ask about each contract of the dev split, by task: those that the generator answers, those
# that are only searched for, and those that need several documents.
SAMPLES = {
    "reading": {"lookup": ALL, "unanswerable": ALL},
    "retrieval": {"lookup": ALL, "amended": 2, "compare": 2, "multihop": 1},
    "many documents": {"compare": 1, "amended": 3, "list": 2},
}


def dev_questions(name: str) -> list[Question]:
    """One of the `SAMPLES` of dev questions, without those that follow up on another question.

    Raises:
        KeyError: there is no sample of that name.
    """
    return sample([q for q in corpus.load_questions("dev") if q.followup is None], SAMPLES[name])


def naive(documents: Sequence[Document], embedder: Embedder, generator: Generator) -> Pipeline:
    """Naive RAG, as in lesson 01."""
    return Pipeline(rag.VectorIndex(rag.chunk(documents, tokens=128), embedder), generator, top_k=TOP_K)


def dense_index(documents: Sequence[Document]) -> rag.VectorIndex:
    """Clauses with headers, searched with the plain embedder; header and clause embedded apart, as in lesson 03."""
    embedder = models.load_embedder(shipped=paths.vectors())
    return rag.VectorIndex(rag.clauses_with_headers(documents), embedder, joined=False)


def hybrid(documents: Sequence[Document]) -> rag.Hybrid:
    """The dense index and BM25 over the same chunks, fused, as in lesson 03."""
    dense = dense_index(documents)
    return rag.Hybrid([dense, rag.BM25Index(dense.chunks)])


def tuned_index(documents: Sequence[Document]) -> rag.VectorIndex:
    """Clauses with headers, searched with the tuned embedder."""
    return rag.VectorIndex(rag.clauses_with_headers(documents), models.load_tuned_embedder(paths.adapter("embedder")))


def best(documents: Sequence[Document], generator: Generator) -> Pipeline:
    """The pipeline that lessons 02 to 04 led to."""
    return Pipeline(tuned_index(documents), generator, top_k=TOP_K)


@dataclass(frozen=True)
class Systems:
    """The best pipeline and what lessons 05 and 06 add to it, over one archive.

    Attributes:
        text: the best pipeline of lessons 02 to 04.
        graph: reads passages made from the knowledge graph.
        graph_and_text: reads these and clauses, fused by reciprocal rank.
        window: reads as much text as fits.
        reading: asks the generator for the value in each document.
        lookup: looks the value in each document up in the graph.
    """

    text: Pipeline
    graph: Pipeline
    graph_and_text: Pipeline
    window: Pipeline
    reading: rag.ToolPipeline
    lookup: rag.ToolPipeline


def build_systems(
    documents: Sequence[Document],
    generator: Generator,
    triples: Sequence[rag.ExtractedTriple] | None = None,
    index: rag.VectorIndex | None = None,
) -> Systems:
    """The best pipeline, and the systems of lessons 05 and 06, over one index.

    Args:
        documents: the archive.
        generator: the model that answers.
        triples: to build the graph from; by default those that come with the course.
        index: of the documents; `tuned_index` by default.
    """
    index = tuned_index(documents) if index is None else index
    graph = rag.build_graph(documents, shipped_triples(documents) if triples is None else triples)
    retriever = rag.GraphRetriever(graph, index)
    understand = retriever.understand = models.load_intents(paths.adapter("intents"), index.embedder, retriever.masked)
    ranker = rag.ContractRanker(documents, retriever)
    reading, lookup = (
        rag.ToolPipeline(retriever, ranker, understand, tool)
        for tool in (rag.ReadTool(index, graph, generator), rag.GraphLookupTool(graph))
    )
    return Systems(
        Pipeline(index, generator, top_k=TOP_K),
        Pipeline(retriever, generator, top_k=TOP_K),
        Pipeline(rag.Hybrid([retriever, index]), generator, top_k=TOP_K),
        Pipeline(index, generator, top_k=FULL_WINDOW_TOP_K, depth=FULL_WINDOW_TOP_K),
        reading,
        lookup,
    )
