"""The access filter: whoever asks whatever in whatever way, no word of a document that they may not read comes out."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from llama_index.core.node_parser import HierarchicalNodeParser, SentenceWindowNodeParser
from llama_index.core.postprocessor import PrevNextNodePostprocessor
from llama_index.core.schema import NodeWithScore
from llama_index.core.storage.docstore import SimpleDocumentStore
from small import extracted

from labkit import rag
from labkit.corpus import Document, Span

TRIES = 1000
# Every document has a word of its own in its title and in each of its sentences and values: so a leak can be seen.
WORDS = "amber basil cedar dahlia elder fern ginger hazel iris jasmine kale laurel".split()


def contract(n: int) -> Document:
    word = WORDS[n]
    a, b = f"Firm{word} Ltd", "Common Mills GmbH"
    return Document(f"C{n}", f"Lease{word} between {a} and {b}, 1 May 2020",
                    f"{a} lets to {b}, say the parties{word}.\n\nThe deposit is EUR {n + 1}00 ({word}). It is paid "
                    f"to the bank{word}.\n\nThe notice period of {word} is {n + 2} months.")  # fmt: skip


def amendment(n: int) -> Document:
    return Document(
        f"C{n}-A1", f"Amendment changed{WORDS[n]} to the {contract(n).title}",
        f"The deposit is EUR {n + 1}50 (changed{WORDS[n]}) from now on.", {"date": "2021-06-02"},
    )  # fmt: skip


def register(n: int) -> Document:
    word = WORDS[n]
    return Document(f"R{n}", f"Register extract: Firm{word} Ltd", f"Firm{word} Ltd, once Old{word} Ltd, sits in "
                    f"Town{word} and is led by Boss{word} Lind.")  # fmt: skip


CONTRACTS = [contract(n) for n in range(8)]
DOCUMENTS = [*CONTRACTS, *(amendment(n) for n in range(4)), *(register(n) for n in range(6))]
# A contract that names its party with another legal form than the register.
HIRE = Document(
    "C9", "Hirelaurel of 2 May 2020",
    "Firmamber plc hires out carts to Common Mills GmbH, says laurel. The deposit is EUR 990 (laurel).",
)  # fmt: skip
DOCUMENTS.append(HIRE)


def triples() -> list[rag.ExtractedTriple]:
    made = []
    for n, document in enumerate(CONTRACTS):
        made += [extracted(document, "party", f"Firm{WORDS[n]} Ltd"), extracted(document, "party", "Common Mills GmbH"),
                 extracted(document, "deposit", f"EUR {n + 1}00 ({WORDS[n]})"),
                 extracted(document, "notice period", f"{n + 2} months")]  # fmt: skip
    made += [extracted(amendment(n), "deposit", f"EUR {n + 1}50 (changed{WORDS[n]})") for n in range(4)]
    for n in range(6):
        word, document = WORDS[n], register(n)
        made += [extracted(document, "former name", f"Old{word} Ltd"), extracted(document, "seat", f"Town{word}"),
                 extracted(document, "chief executive", f"Boss{word} Lind")]  # fmt: skip
    return [*made, extracted(HIRE, "party", "Firmamber plc"), extracted(HIRE, "party", "Common Mills GmbH"),
            extracted(HIRE, "deposit", "EUR 990 (laurel)")]  # fmt: skip


class Letters:
    """An embedder that counts letters: any text is near any other, so that everything is found."""

    def encode(self, texts, progress=False, query=False):
        rows = np.array([[t.lower().count(c) + 0.1 for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) if texts else np.zeros((0, 26))


class Repeats:
    """A generator that tells all that it was given."""

    max_length, max_new_tokens = 100_000, 40

    def count_tokens(self, messages):
        return len(str(messages))

    def room(self):
        return 90_000

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        return [f"{chat[-1]['content']} [1]" for chat in chats]


@dataclass(frozen=True)
class Intent:
    operation: str
    relations: dict[str, float]


def understand(questions):
    """What is asked for, at random but the same for the same question."""
    relations = ("deposit", "notice period", "seat", "chief executive", "former name")
    operations = ("value", "value", "larger", "same", "difference", "list above", "list below")
    draws = [random.Random(question) for question in questions]
    return [Intent(d.choice(operations), {r: d.random() for r in relations}) for d in draws]


def systems() -> dict[str, object]:
    """Every kind of retriever and pipeline, over all documents."""
    embedder, generator, chunks = Letters(), Repeats(), rag.chunk(DOCUMENTS, tokens=24)
    dense = rag.VectorIndex(chunks, embedder, also=[[f"What of {c.text[:30]}?"] for c in chunks])
    words, graph = rag.BM25Index(chunks), rag.build_graph(DOCUMENTS, triples())
    by_graph = rag.GraphRetriever(graph, dense, understand)
    levels = rag.chunk(DOCUMENTS, HierarchicalNodeParser.from_defaults(chunk_sizes=[64, 24], chunk_overlap=0))
    windows = rag.chunk(DOCUMENTS, SentenceWindowNodeParser.from_defaults(window_size=2))
    ranker = rag.ContractRanker(DOCUMENTS, by_graph)
    retrievers = {
        "dense": dense, "BM25": words, "hybrid": rag.Hybrid([dense, words]), "graph": by_graph,
        "graph and text": rag.Hybrid([by_graph, words]), "auto-merging": rag.AutoMerging(levels, embedder, depth=20),
        "routed": rag.Routed(dense, rag.Router(rag.titles(DOCUMENTS))),
        "fixed": rag.FixedRetriever({q: [Span(d.id, 0, 40) for d in DOCUMENTS] for q in QUESTIONS}, DOCUMENTS),
        "LlamaIndex": words.llama_index(20),
    }  # fmt: skip
    made: dict[str, object] = {name: rag.Pipeline(r, generator, depth=20) for name, r in retrievers.items()}
    store = SimpleDocumentStore()
    store.add_documents(chunks)
    neighbours = PrevNextNodePostprocessor(docstore=store, num_nodes=2, mode="both")
    post = (neighbours, rag.MMR(embedder), rag.First(3, BringsIn(chunks)))
    return made | {
        "neighbours": rag.Pipeline(dense, generator, post=post),
        "windows": rag.Pipeline(rag.VectorIndex(windows, embedder), generator, post=(rag.Window(),)),
        "corrective": rag.Corrective(made["dense"], made["BM25"], lambda rows: [False] * len(rows)),
        "lookup": rag.ToolPipeline(by_graph, ranker, understand, rag.GraphLookupTool(graph)),
        "reading": rag.ToolPipeline(by_graph, ranker, understand, rag.ReadTool(dense, graph, generator)),
    }


@dataclass
class BringsIn:
    """A stage that brings in chunks of any document."""

    chunks: list

    def __call__(self, queries, lists):
        return [[*hits, *(NodeWithScore(node=c, score=1.0) for c in self.chunks[::7])] for hits in lists]


QUESTIONS = [
    q for n, word in enumerate(WORDS[:8])
    for q in (f"What is the deposit in the Lease{word}?", f"Who leads Firm{word}, once Old{word}?",
              f"With whom has Common Mills a deposit of more than EUR {n}00, Firm{word}?",
              f"Which deposit is higher, Firm{word}'s or Firm{WORDS[n - 1]}'s with Common Mills?",
              f"What changed{word}?", f"Which notice period does {word} have with Common Mills GmbH?")
]  # fmt: skip


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w+", text))


def leaked(result: rag.Result, allowed: set[str]) -> set[str]:
    """What a result, its passages, trace and prompt tell of documents that are not allowed: words of theirs that stand
    neither in those allowed nor in the question, and their ids."""
    told = [result.reply, result.answer.text, *result.sources()]
    told += [text for step in result.trace for text in step.outputs]
    hits = [*result.retrieved, *(hit for step in result.trace for hit in step.hits)]
    told += [f"{hit.node.text} {hit.node.metadata}" for hit in hits]
    text = " ".join(told)
    # The tool that reads asks in these words.
    open_words = words_of(f"{result.question} What is in the").union(
        *(words_of(f"{d.title} {d.text}") for d in DOCUMENTS if d.id in allowed)
    )
    secret = set().union(*(words_of(f"{d.title} {d.text}") for d in DOCUMENTS)) - open_words
    ids = {d.id for d in DOCUMENTS if d.id not in allowed and re.search(rf"(?<![\w-]){d.id}(?![\w-])", text)}
    return words_of(text) & secret | ids


@pytest.fixture(scope="module")
def every():
    return systems()


def test_nothing_leaks_in_1000_random_tries(every):
    draw, kinds, answered = random.Random(0), list(every), 0
    for i in range(TRIES):
        allowed = set(draw.sample([d.id for d in DOCUMENTS], draw.randint(1, 12)))
        name, question = kinds[i % len(kinds)], draw.choice(QUESTIONS)
        try:
            result = rag.readable(every[name], allowed).ask(question) if name not in ("lookup", "reading") else (
                rag.readable(every[name], allowed).run([question])[0])  # fmt: skip
        except ValueError as nothing:
            assert re.search("no contracts among|None of the documents", str(nothing))
            continue
        assert not (told := leaked(result, allowed)), (name, question, allowed, told)
        answered += bool(result.retrieved)
    assert answered > TRIES / 2


def test_without_the_filter_each_kind_leaks(every):
    for name, system in every.items():
        results = system.run(QUESTIONS)
        assert any(leaked(result, {"C0"}) for result in results), name


def test_what_may_be_read_is_found_as_if_there_were_nothing_else(every):
    allowed = {"C0", "C0-A1", "C1", "R0", "R1"}
    rows = rag.chunk([d for d in DOCUMENTS if d.id in allowed], tokens=24)
    for index, alone in ((every["dense"].retriever, rag.VectorIndex(rows, Letters())),
                         (every["BM25"].retriever, rag.BM25Index(rows))):  # fmt: skip
        if isinstance(index, rag.VectorIndex):
            alone = rag.VectorIndex(rows, Letters(), also=[[f"What of {c.text[:30]}?"] for c in rows])
        found, wanted = (r.retrieve(QUESTIONS[:6], 5) for r in (rag.readable(index, allowed), alone))
        assert [[h.score for h in hits] for hits in found] == [pytest.approx([h.score for h in w]) for w in wanted]
    lookup = rag.readable(every["lookup"], allowed)
    assert lookup.graph.in_force("C0", "deposit").value.text == "EUR 150 (changedamber)"
    assert rag.readable(lookup, {"C0"}).graph.in_force("C0", "deposit").value.text == "EUR 100 (amber)"


def test_how_a_company_is_really_called_is_not_told_by_a_register_that_may_not_be_read(every):
    graph = every["lookup"].graph
    assert graph.parties("C9")[0] == "Firmamber Ltd"
    assert rag.readable(graph, {"C9"}).parties("C9") == ["Firmamber plc", "Common Mills GmbH"]


class Leaking:
    """A retriever that takes no notice of who asks."""

    def __init__(self, index):
        self.index, self.chunks = index, index.chunks

    def retrieve(self, queries, top_k, within=None):
        return self.index.retrieve(queries, top_k)


def test_a_planted_leak_is_an_error(every):
    pipeline = rag.readable(every["dense"], {"C0"})
    with pytest.raises(PermissionError, match="may not be read"):
        replace(pipeline, retriever=Leaking(every["dense"].retriever)).ask(QUESTIONS[0])
    with pytest.raises(ValueError, match="no access filter for a Leaking"):
        rag.readable(rag.Pipeline(Leaking(every["dense"].retriever), Repeats()), {"C0"})
    with pytest.raises(ValueError, match="no access filter for a object"):
        rag.readable(replace(every["lookup"], tool=object()), {"C0"})
    with pytest.raises(ValueError, match="None of the documents"):
        rag.readable(every["dense"], set())
    with pytest.raises(ValueError, match="make it with"):
        rag.readable(rag.KnowledgeGraph(every["lookup"].graph.store), {"C0"})


def test_a_passage_of_the_graph_says_what_it_was_made_from(every):
    [hits] = every["graph"].retriever.retrieve(["What is the deposit of Firmamber with Common Mills?"], 1)
    assert rag.access.documents_of(hits[0].node) & {"C0-A1", "C0"} == {"C0", "C0-A1"} or "R0" in (
        rag.access.documents_of(hits[0].node)
    )
