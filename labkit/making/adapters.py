"""How the course's adapters were made: LoRA on MiniLM for retrieval, on the reader for the knowledge graph.

`python -m labkit adapters` repeats it. Only train questions, train contracts and their companies are used.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llama_index.core.schema import TextNode

from labkit import corpus, metrics, models, paths, rag, tune
from labkit.corpus import Document, Question, Span
from labkit.prompts import triples_messages

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


def extraction_chats(seed: int = 0) -> list[tune.Chat]:
    """The chunks of the train archive with the triples they state, and a third as many chunks that state none.

    A contract is called "document", as in the reader's training; a company by its name. Half of the prompts ask for
    fewer relations than there are, so that the adapter reads the list.
    """
    rng = random.Random(seed)
    companies = {r["id"]: r for r in corpus.company_records()}
    mine = {f"R-{i}" for i, r in companies.items() if r["pool"] == "train"}
    documents = corpus.load_documents("train", ("contract", "amendment", "register"))
    documents = [d for d in documents if d.id in mine or "company" not in d.metadata]
    stated, silent = [], []
    facts = corpus.gold_facts(documents)
    for node in rag.chunk(documents, rag.ClauseParser()):
        here = [f for f in facts if rag.span_of(node).overlap(f.span) == f.span.end - f.span.start]
        chat = _extraction(node, sorted(here, key=lambda f: f.span.start), companies, rng)
        (stated if here else silent).append(chat)
    made = [*stated, *rng.sample(silent, min(len(silent), len(stated) // 3))]
    rng.shuffle(made)
    return made


def _extraction(node: TextNode, facts: Sequence[corpus.Fact], companies: Any, rng: random.Random) -> tune.Chat:
    relations = list(rag.relations_of(node))
    if rng.random() < 0.5:
        rng.shuffle(relations)
        stated = {f.relation for f in facts}
        relations = sorted(relations, key=lambda r: r not in stated)[: max(len(stated), 1) + rng.randint(0, 6)]
        rng.shuffle(relations)
    rows = [
        (companies[f.subject]["name"] if f.subject in companies else "document", f.relation, f.object)
        for f in facts
        if f.relation in relations
    ]
    messages = triples_messages(rag.passage_of(node), relations)
    return tune.Chat(tuple(messages), "\n".join(" | ".join(row) for row in rows) or "none")


def make_extractor(out: Path, epochs: float = 4.0, say: Callable[[str], None] = SAY) -> Path:
    """Train the reader to extract triples on the train split, and save its adapter with checksums.

    Args:
        out: folder of the adapter. epochs: passes over the chunks. say: shows progress.
    """
    made = extraction_chats()
    say(f"{len(made)} chunks, {sum(c.reply != 'none' for c in made)} with facts")
    return _sealed(tune.train_generator(made, out, epochs=epochs))
