"""Access: a retriever or a pipeline over nothing but the documents that a person may read.

What may not be read is left out at the root: indices and graph are made of the other documents alone, so that neither
passages, scores and names in a trace, nor amendments and neighbours that are looked up beside can tell of it.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from llama_index.core import StorageContext
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.graph_stores import SimplePropertyGraphStore
from llama_index.core.schema import BaseNode, QueryBundle

from labkit import rag
from labkit.models import Intents
from labkit.rag.retrieval import Hits, OneByOne
from labkit.rag.stages import Stage, process


def documents_of(node: BaseNode) -> set[str]:
    """Ids of the documents that a chunk's text comes from; of a passage of the graph there may be several."""
    return set(node.metadata.get("sources") or [str(node.metadata.get("document", node.ref_doc_id))])


@dataclass
class OnlyReadable:
    """A stage after retrieval that hands on nothing but what may be read.

    Attributes:
        documents: ids of those that may be read.
        stage: what it brings in of other documents is left out; None for no stage, and then such a chunk is an error.
            Text of another document that a stage writes into a chunk is not noticed.
    """

    documents: Collection[str]
    stage: Stage | None = None

    def __call__(self, queries: Sequence[QueryBundle], lists: Sequence[Hits]) -> list[Hits]:
        handed = list(lists) if self.stage is None else process(self.stage, queries, lists)
        kept = [_kept(hits, self.documents) for hits in handed]
        if self.stage is None and kept != handed:
            raise PermissionError("A retriever found what may not be read: make it readable with `rag.readable`.")
        return kept


def _kept(hits: Hits, documents: Collection[str]) -> Hits:
    return [hit for hit in hits if documents_of(hit.node) <= set(documents)]


@singledispatch
def readable(system: Any, documents: Collection[str]) -> Any:
    """A retriever, pipeline or graph of the same kind over nothing but certain documents; the given one stays as it is.

    Vectors are not computed again; words are counted and facts linked anew, which takes about as long as building a
    `BM25Index` and a graph. A LlamaIndex retriever, and what stages after retrieval bring in, is filtered afterwards.

    Args:
        system: a retriever or pipeline of this package, or any LlamaIndex retriever.
        documents: ids of all documents that may be read, amendments and register extracts among them.

    Raises:
        ValueError: none of the documents is in an index, it is not known how to filter the system, or its graph was
            not made by `build_graph`.
    """
    raise ValueError(f"There is no access filter for a {type(system).__name__}: build it from the documents allowed.")


def _places(index: rag.VectorIndex | rag.BM25Index, documents: Collection[str]) -> np.ndarray:
    """Where the chunks of certain documents stand in an index."""
    places = np.flatnonzero(np.isin(index._documents, list(documents)))
    if not len(places):
        raise ValueError("None of the documents that may be read is in the index: nothing can be answered from it.")
    return places


@readable.register
def _(system: rag.VectorIndex, documents: Collection[str]) -> rag.VectorIndex:
    index, places = copy.copy(system), _places(system, documents)
    index.chunks, index._documents = [system.chunks[i] for i in places], system._documents[places]
    index.vectors = system.vectors[places]
    also = np.isin(system._also, places)
    index._also, index._further = np.searchsorted(places, system._also[also]), system._further[also]
    return index


@readable.register
def _(system: rag.BM25Index, documents: Collection[str]) -> rag.BM25Index:
    index = rag.BM25Index([system.chunks[i] for i in _places(system, documents)])
    index._most = system._most
    return index


@readable.register
def _(system: rag.Hybrid, documents: Collection[str]) -> rag.Hybrid:
    return replace(system, retrievers=[readable(retriever, documents) for retriever in system.retrievers])


@readable.register
def _(system: rag.AutoMerging, documents: Collection[str]) -> rag.AutoMerging:
    merging = copy.copy(system)
    merging.index, merging._storage = readable(system.index, documents), StorageContext.from_defaults()
    nodes = system._storage.docstore.docs.values()
    merging._storage.docstore.add_documents([n for n in nodes if documents_of(n) <= set(documents)])
    return merging


@readable.register
def _(system: rag.Routed, documents: Collection[str]) -> rag.Routed:
    headers = {name: text for name, text in system.router.headers.items() if name in documents}
    return rag.Routed(readable(system.retriever, documents), replace(system.router, headers=headers))


@readable.register
def _(system: rag.FixedRetriever, documents: Collection[str]) -> rag.FixedRetriever:
    fixed = copy.copy(system)
    fixed._found = {q: [n for n in nodes if documents_of(n) <= set(documents)] for q, nodes in system._found.items()}
    return fixed


@readable.register
def _(system: BaseRetriever, documents: Collection[str]) -> BaseRetriever:
    return OneByOne(lambda query: _kept(system.retrieve(query), documents))


@readable.register
def _(system: rag.KnowledgeGraph, documents: Collection[str]) -> rag.KnowledgeGraph:
    # Linked anew: what a name stands for may be known from a document that may not be read.
    if system.made_from is None:
        raise ValueError("This graph does not say what it was made from: make it with `rag.build_graph`.")
    texts, triples = system.made_from
    stated = [t for t in triples if t.source.document in documents]
    known = [d for d in texts if d.id in documents]
    return rag.build_graph(known, stated) if stated else rag.KnowledgeGraph(SimplePropertyGraphStore())


@readable.register
def _(system: rag.GraphRetriever, documents: Collection[str]) -> rag.GraphRetriever:
    retriever = replace(system, graph=readable(system.graph, documents), index=readable(system.index, documents))
    retriever.understand = _understand(system.understand, retriever)
    return retriever


def _understand(understand: Any, retriever: rag.GraphRetriever) -> Any:
    """What is asked for, told without names that only other documents hold."""
    if isinstance(understand, Intents):
        return Intents(understand.embedder, understand.relation, understand.kind, retriever.masked)
    return understand


@readable.register
def _(system: rag.ToolPipeline, documents: Collection[str]) -> rag.ToolPipeline:
    retriever = readable(system.retriever, documents)
    tool = system.tool
    if isinstance(tool, rag.ReadTool):
        tool = replace(tool, graph=retriever.graph, index=readable(tool.index, documents))
    elif isinstance(tool, rag.GraphLookupTool):
        tool = rag.GraphLookupTool(retriever.graph)
    else:
        readable(tool, documents)  # an error: it is not known what the tool reads
    ranker = rag.ContractRanker([d for d in system.ranker.documents if d.id in documents], retriever)
    return replace(
        system, retriever=retriever, ranker=ranker, tool=tool, understand=_understand(system.understand, retriever)
    )


@readable.register
def _(system: rag.Pipeline, documents: Collection[str]) -> rag.Pipeline:
    stages = [OnlyReadable(documents), *(OnlyReadable(documents, stage) for stage in system.post)]
    retriever = readable(system.retriever, documents)
    top_k = min(system.top_k, len(getattr(retriever, "chunks", range(system.top_k))))
    return replace(system, retriever=retriever, post=stages, top_k=top_k)


@readable.register
def _(system: rag.Corrective, documents: Collection[str]) -> rag.Corrective:
    return replace(system, first=readable(system.first, documents), second=readable(system.second, documents))
