"""How the course's adapters were made: LoRA on MiniLM for retrieval, on the reader for the knowledge graph.

`python -m synthesis adapters` repeats it. Only train questions, train contracts and their companies are used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from llama_index.core.schema import TextNode

from labkit import corpus, metrics, models, paths, rag, tune
from labkit.corpus import Document, Question, Span
from labkit.prompts import Passage, triples_messages
from synthesis import finetuning, intents, raft
from synthesis.embedder import save_vectors, train_embedder, triplets
from synthesis.reranker import train_reranker

TASKS = ("lookup", "amended", "compare", "multihop")
DEPTH = 30
NEGATIVES = 3
SAY = partial(print, flush=True)


def search(
    asked: Sequence[Question], documents: Sequence[Document], depth: int = DEPTH
) -> list[list[tuple[Span, str]]]:
    """Place and text of the chunks that a hybrid search finds for each question, gold chunks that it missed at the end.

    Args:
        asked: the questions.
        documents: the archive; its chunks are clauses with contextual headers.
        depth: chunks found for each question.
    """
    chunks = rag.clauses_with_headers(documents)
    retriever = rag.Hybrid([rag.VectorIndex(chunks, models.load_embedder()), rag.BM25Index(chunks)])
    found = []
    for question, hits in zip(asked, retriever.retrieve([q.question for q in asked], depth), strict=True):
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
    asked = [q for q in corpus.load_questions("train", TASKS) if q.followup is None]
    say(f"searching for {len(asked)} train questions")
    return asked, search(asked, corpus.load_documents("train"))


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
    return _sealed(train_reranker(made, out, epochs=epochs, rank=8, batch_size=8))


def make_embedder(out: Path, epochs: float = 1.0, say: Callable[[str], None] = SAY) -> Path:
    """Train the embedder on the train split and save its adapter with checksums.

    Args:
        out: folder of the adapter. epochs: passes over the triplets. say: shows progress.
    """
    made = triplets(*_searched(say))
    say(f"{len(made)} triplets")
    return embed_archive(train_embedder(made, out, epochs=epochs))


def embed_archive(adapter: Path) -> Path:
    """Put the vectors of the dev archive beside an embedder's adapter, for the lessons that search it.

    Embedding it takes a sixth of a lesson's time on two cores.

    Args:
        adapter: its folder.
    """
    (adapter / models.VECTORS).unlink(missing_ok=True)
    _sealed(adapter)
    save_vectors(models.load_tuned_embedder(adapter), adapter, [rag.indexed_text(c) for c in _archive()])
    return _sealed(adapter)


def _archive() -> Sequence[TextNode]:
    return rag.clauses_with_headers(corpus.load_documents("dev"))


def make_vectors(out: Path, say: Callable[[str], None] = SAY) -> Path:
    """Embed the dev archive with the plain embedder: clauses and headers each by itself, and the chunks of lesson 01.

    Args:
        out: folder of the vectors. say: shows progress.
    """
    clauses = _archive()
    texts = [text for c in clauses for text in (rag.text_of(c), str(c.metadata["header"]))]
    texts += [rag.indexed_text(c) for c in rag.chunk(corpus.load_documents("dev"), tokens=128)]
    out.mkdir(parents=True, exist_ok=True)
    save_vectors(models.load_embedder(), out, texts)
    say(f"{len(set(texts))} texts")
    return _sealed(out)


def extraction_chats(copies: int = 6, seed: int = 0) -> list[tune.Chat]:
    """The chunks of the train archive with the triples they state, and a third as many chunks that state none.

    The subject is "document" throughout, in a register extract too. Each copy of a chunk but the first has other values
    and other companies in it, those of other chunks, so that they must be copied; and half of the prompts ask for fewer
    relations than there are, so that the list must be read.

    Args:
        copies: of each chunk.
        seed: decides what is exchanged.
    """
    rng = random.Random(seed)
    records = [r for r in corpus.company_records() if r["pool"] == "train"]
    mine = {f"R-{r['id']}" for r in records}
    documents = corpus.load_documents("train", ("contract", "amendment", "register"))
    documents = [d for d in documents if d.id in mine or "company" not in d.metadata]
    facts = corpus.gold_facts(documents)
    values: dict[str, list[str]] = {}
    for fact in facts:
        values.setdefault(fact.relation, []).append(fact.object)
    companies = [(r["name"], r["short"]) for r in records]
    stated: list[tune.Chat] = []
    silent: list[tune.Chat] = []
    for node in rag.fact_chunks(documents):
        here = [f for f in facts if rag.span_of(node).overlap(f.span) == f.span.end - f.span.start]
        here.sort(key=lambda f: f.span.start)
        passage = rag.passage_of(node)
        for group in rag.relations_of(node):
            rows = [(f.relation, f.object, f.span.start - rag.span_of(node).start) for f in here if f.relation in group]
            for copy in range(copies if len(group) > 1 else copies // 2):
                page, shown = (passage, rows) if copy == 0 else _varied(passage, rows, values, companies, rng)
                (stated if rows else silent).append(_extraction(page, shown, group, rng))
    made = [*stated, *rng.sample(silent, min(len(silent), len(stated) // 3))]
    rng.shuffle(made)
    return made


_Rows = list[tuple[str, str, int]]  # relation, object, where it stands in the passage


def _varied(
    passage: Passage,
    rows: _Rows,
    values: Mapping[str, Sequence[str]],
    companies: Sequence[tuple[str, str]],
    rng: random.Random,
) -> tuple[Passage, _Rows]:
    """A passage with other values, and other companies throughout."""
    text, changed = passage.text, []
    for relation, thing, at in reversed(rows):
        other = thing if relation in ("party", "role") else rng.choice(values[relation])
        if relation in _NAMED:
            other = _mixed(other, rng.choice(values[relation]))
        text = f"{text[:at]}{other}{text[at + len(thing) :]}"
        changed.append((relation, other, at))
    said = f"{passage.title} {text}"
    old = [c for c in companies if c[1] in said]
    swap: dict[str, str] = {}
    for (name, short), (full, brief), (_, last) in zip(
        old, rng.sample(companies, len(old)), rng.sample(companies, len(old)), strict=True
    ):
        mixed = _mixed(brief, last)
        swap |= {name: full.replace(brief, mixed), short: mixed}
    if not swap:
        return Passage(passage.title, text), changed[::-1]
    pattern = re.compile("|".join(map(re.escape, sorted(swap, key=len, reverse=True))))

    def exchanged(part: str) -> str:
        return pattern.sub(lambda m: swap[m[0]], part)

    made = [(relation, exchanged(thing), at) for relation, thing, at in changed[::-1]]
    return Passage(exchanged(passage.title), exchanged(text)), made


# Names that are made of the first word of one and the rest of another.
_NAMED = ("former name", "parent company", "chief executive", "finance director", "key contact")


def _mixed(first: str, rest: str) -> str:
    """The first word of one name and what follows the first of another, or the other itself where nothing follows."""
    return " ".join([*first.split()[:1], *rest.split()[1:]]) if " " in rest else rest


def _extraction(passage: Passage, rows: _Rows, known: Sequence[str], rng: random.Random) -> tune.Chat:
    relations = list(known)
    if len(relations) > 1 and rng.random() < 0.5:
        rng.shuffle(relations)
        stated = {relation for relation, _, _ in rows}
        relations = sorted(relations, key=lambda r: r not in stated)[: max(len(stated), 1) + rng.randint(0, 6)]
        rng.shuffle(relations)
    lines = [f"{rag.SELF} | {relation} | {thing}" for relation, thing, _ in rows if relation in relations]
    return tune.Chat(tuple(triples_messages(passage, relations)), "\n".join(lines) or "none")


def make_extractor(
    out: Path, limit: int | None = None, epochs: float = 2.0, batch_tokens: int = 8192, say: Callable[[str], None] = SAY
) -> Path:
    """Train the reader to extract triples on the train split, and save its adapter with checksums.

    Args:
        out: folder of the adapter.
        limit: examples used, about 90 a minute on two cores; all of them by default, which wants a GPU.
        epochs: passes over them.
        batch_tokens: tokens of a step.
        say: shows progress.
    """
    made = extraction_chats()[:limit]
    say(f"{len(made)} chunks, {sum(c.reply != 'none' for c in made)} with facts")
    return _sealed(tune.train_generator(made, out, epochs=epochs, batch_tokens=batch_tokens, learning_rate=8e-4))


def make_sft(out: Path, say: Callable[[str], None] = SAY) -> Path:
    """Train the reader on the course's train split, for lessons 00 and 08, and save its adapter with checksums.

    Four hours of one core, three minutes on a GPU.

    Args:
        out: folder of the adapter. say: shows progress.
    """
    chats = finetuning.course_examples()
    say(", ".join(f"{len(made)} of {source}" for source, made in chats.items()))
    return _sealed(finetuning.train(finetuning.Arm(), chats, out))


def make_raft(out: Path, say: Callable[[str], None] = SAY) -> Path:
    """Train the fine-tuned reader on what the pipeline finds, for lesson 11, and save its adapter with checksums.

    Args:
        out: folder of the adapter. say: shows progress.
    """
    chats = raft.examples()["raft"]
    say(f"{len(chats)} questions with what is found")
    return _sealed(raft.train(chats, out, models.load_tuned(paths.adapter("sft")), seed=0))


def make_intents(out: Path, say: Callable[[str], None] = SAY) -> Path:
    """Train the classifier of questions on train questions, clauses and their headings, and save it with checksums.

    Args:
        out: its folder. say: shows progress.
    """
    documents = {d.id: d for d in corpus.load_documents("train")}
    embedder = models.load_tuned_embedder(paths.adapter("embedder"))
    graph = rag.build_graph([*documents.values()], rag.gold_triples([*documents.values()]))
    retriever = rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk([documents["playbook"]]), embedder))
    texts = []
    for record in corpus.contract_records():
        if record["id"] in documents:
            for clause in record["clauses"]:
                text = documents[record["id"]].text[clause["evidence_start"] : clause["evidence_end"]]
                relation = corpus.relation_of(clause["category"])
                texts += [(text, relation), (clause["heading"], relation)]
    asked = corpus.load_questions("train")
    say(f"{len(asked)} questions, {len(texts)} clauses and headings")
    return _sealed(intents.save(intents.train_intents(asked, embedder, retriever.masked, texts), out))


# What each folder below data/models is made by, in the order in which one needs another.
MAKERS: dict[str, Callable[[Path], Path]] = {
    "embedder": make_embedder,
    "reranker": make_reranker,
    "extractor": make_extractor,
    "sft": make_sft,
    "raft": make_raft,
    "intents": make_intents,
    "minilm": make_vectors,
}
