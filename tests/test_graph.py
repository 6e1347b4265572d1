"""Triples, linking and the graph, on small documents made here; the course's own where its figures are claimed."""

from __future__ import annotations

import pytest

from labkit import bench, corpus, models, paths, rag
from labkit.corpus import Document, Span

LEASE = Document(
    "L1", "Lease between Alder Mills Ltd and Birch & Sons GmbH, 1 May 2020",
    'Alder Mills Ltd ("the Lessor") lets to Birch & Sons GmbH ("the Lessee").\n\nThe deposit is EUR 900.',
)  # fmt: skip
CHANGE = Document("L1-A1", f"Amendment 1 of 2 June 2021 to the {LEASE.title}", "The deposit is EUR 1,200 from now on.",
                  {"date": "2021-06-02"})  # fmt: skip
AGAIN = Document("L1-A2", f"Amendment 2 of 2 June 2021 to the {LEASE.title}", "The deposit is EUR 1,500 from now on.",
                 {"date": "2021-06-02"})  # fmt: skip
ALDER = Document(
    "R1",
    "Register extract: Alder Mills Ltd",
    "Alder Mills Ltd, once Oak Mills Ltd, belongs to Cedar AB and sits in Oslo. It is led by Ada Lind.",
)
BIRCH = Document("R2", "Register extract: Birch & Sons GmbH", "Birch & Sons GmbH belongs to Alder Mills Ltd.")
DOCUMENTS = [LEASE, CHANGE, AGAIN, ALDER, BIRCH]


def mention(document: Document, relation: str, thing: str) -> rag.ExtractedTriple:
    at = document.text.index(thing)
    return rag.ExtractedTriple("document", relation, thing, Span(document.id, at, at + len(thing)))


FOUND = [
    mention(LEASE, "party", "Alder Mills Ltd"), mention(LEASE, "role", "Lessor"),
    mention(LEASE, "party", "Birch & Sons GmbH"), mention(LEASE, "role", "Lessee"),
    mention(LEASE, "deposit", "EUR 900"), mention(CHANGE, "deposit", "EUR 1,200"),
    mention(AGAIN, "deposit", "EUR 1,500"), mention(ALDER, "former name", "Oak Mills Ltd"),
    mention(ALDER, "parent company", "Cedar AB"), mention(ALDER, "seat", "Oslo"),
    mention(ALDER, "chief executive", "Ada Lind"), mention(BIRCH, "parent company", "Alder Mills Ltd"),
]  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    return rag.build_graph(DOCUMENTS, FOUND)


@pytest.mark.parametrize(
    ("text", "document", "wanted"),
    [
        ("ALDER MILLS LIMITED", None, "Alder Mills Ltd"),
        ("Oak Mills", None, "Alder Mills Ltd"),
        ("the Lessee", "L1", "Birch & Sons GmbH"),
        ("the Lessee", "L1-A1", None),
        ("this Agreement", "L1", "L1"),
        ("the document", "R1", "Alder Mills Ltd"),
        ("AM", None, "Alder Mills Ltd"),
        ("Aldr Mills", None, "Alder Mills Ltd"),
        ("Elm Brothers", None, None),
    ],
)
def test_mentions_link_to_what_is_meant(text, document, wanted):
    assert rag.make_linker(FOUND, DOCUMENTS).link(text, document) == wanted


def test_a_saved_graph_links_and_answers_as_before(graph, tmp_path):
    loaded = rag.KnowledgeGraph.load(graph.save(tmp_path))
    assert loaded.triples == graph.triples and loaded.entities() == graph.entities()
    assert loaded.linker.link("Oak Mills") == "Alder Mills Ltd" and loaded.linker.link("the Lessor", "L1") is not None
    assert loaded.in_force("L1", "deposit") == graph.in_force("L1", "deposit")
    assert loaded.group("Birch & Sons GmbH") == ["Birch & Sons GmbH", "Alder Mills Ltd", "Cedar AB"]


def test_the_latest_amendment_wins_and_two_of_one_day_are_contested(graph):
    held = graph.in_force("L1", "deposit")
    assert (held.value.text, [t.text for t in held.replaced], held.contested) == (
        "EUR 1,500", ["EUR 900", "EUR 1,200"], True,
    )  # fmt: skip
    one = rag.build_graph([LEASE, CHANGE], FOUND[:6]).in_force("L1", "deposit")
    assert one.value.text == "EUR 1,200" and not one.contested
    assert graph.in_force("L1", "royalty") is None


def test_a_cycle_of_ownership_ends_where_it_closes():
    round_trip = [*FOUND, rag.ExtractedTriple("Cedar AB", "parent company", "Birch & Sons GmbH", Span("R2", 0, 5))]
    assert rag.build_graph(DOCUMENTS, round_trip).group("Alder Mills Ltd") == [
        "Alder Mills Ltd", "Cedar AB", "Birch & Sons GmbH",
    ]  # fmt: skip


def test_paths_lead_from_name_to_name(graph):
    assert [t.relation for t in graph.paths("Ada Lind", "Birch & Sons GmbH")[0]] == [
        "chief executive",
        "parent company",
    ]
    assert graph.paths("Ada Lind", "nobody") == [] and graph.paths("Ada Lind", "Ada Lind") == []
    assert graph.contracts("Alder Mills Ltd", "Birch & Sons GmbH") == ["L1"]
    assert {t.relation for t in graph.neighbourhood(["Oslo"], 1)} == {"seat"}


def test_without_a_register_the_contracts_still_make_a_graph():
    graph = rag.build_graph([LEASE], FOUND[:5])
    assert graph.parties("L1") == ["Alder Mills Ltd", "Birch & Sons GmbH"]
    assert graph.group("Alder Mills Ltd") == ["Alder Mills Ltd"]


def test_a_graph_of_nothing_says_which_stage_gave_nothing(tmp_path):
    with pytest.raises(ValueError, match="Extraction gave no triple"):
        rag.build_graph(DOCUMENTS, [])
    with pytest.raises(ValueError, match="Linking kept no triple"):
        rag.build_graph([LEASE], [rag.ExtractedTriple("somebody", "seat", "Oslo", Span("L1", 0, 4))])
    with pytest.raises(FileNotFoundError, match="build one"):
        rag.KnowledgeGraph.load(tmp_path)
    (tmp_path / "property_graph_store.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        rag.KnowledgeGraph.load(tmp_path)
    with pytest.raises(ValueError, match="no chunks"):
        rag.extract(models.load_generator(), [])


def test_only_objects_that_stand_in_the_passage_are_kept():
    node = rag.fact_chunks([LEASE])[-1]
    reply = "document | deposit | EUR 900\ndocument | deposit | EUR 5,000\ndocument | owner | EUR 900\nnonsense"
    kept = list(rag.mentions(node, reply, ["deposit"]))
    assert [(m.relation, m.object) for m in kept] == [("deposit", "EUR 900")]
    assert LEASE.quote(kept[0].source) == "EUR 900"


def test_a_schedule_is_asked_about_line_by_line():
    schedule = Document(
        "S", "Schedule", "Terms\n\nDeposit: EUR 5\nSeat of courts: Oslo\nPayment term: ten days\n\nThe end."
    )
    chunks = rag.fact_chunks([schedule])
    assert [c.text for c in chunks] == ["Deposit: EUR 5", "Seat of courts: Oslo", "Payment term: ten days", "The end."]
    assert all(schedule.quote(rag.span_of(c)) == c.text for c in chunks)
    assert [len(group) for group in rag.relations_of(chunks[0])] == [1, 1, 42]


def test_a_grammar_lets_only_triples_of_the_passage_be_written(reader):
    text = 'Alder Mills Ltd ("Lessor") pays USD 1,200 within ten days.'
    grammar = rag.TripleGrammar(reader, text, ["party", "deposit"])

    def allowed(written):
        ids = reader.tokenizer(written, add_special_tokens=False)["input_ids"] if written else []
        return {reader.tokenizer.decode([i]) for i in grammar(ids)}

    assert allowed("") == {" none", " document"} and allowed(" none") == {"<end>"}
    assert allowed(" document |") == {" party", " deposit"}
    end = {"\n", "<end>"}
    assert end <= allowed(" document | deposit | USD 1,200") and not end & allowed(" document | deposit | USD 1,2")
    assert allowed(" document | deposit | USD 1,200\n") and "<end>" not in allowed(" document | deposit |")
    assert allowed(" document | deposit | USD 1,200\ndocument |") == {" party"}
    prompts = rag.triple_prompts(rag.fact_chunks([LEASE]))[-1][-1:]
    reply = reader.generate(prompts, 40, grammars=[rag.TripleGrammar(reader, LEASE.text, ["deposit"])])[0]
    lines = [line.split(" | ") for line in reply.splitlines()]
    assert reply == "none" or all(s == "document" and r == "deposit" and o in LEASE.text for s, r, o in lines)


def test_retrieval_follows_the_names(graph, embedder):
    retriever = rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk(DOCUMENTS), embedder))
    found = [(s.words, s.how) for s in retriever.seeds("Does Oak Mills, led by Ada Lind, know Birch & Sons?")]
    assert found == [("Oak Mills", "former name"), ("Ada Lind", "officer"), ("Birch & Sons", "name")]
    hit = retriever.retrieve(["What deposit did the firm under Ada Lind agree with Birch & Sons?"], 3)[0][0]
    assert hit.node.metadata["document"] == "L1" and "Deposit: EUR 1,500" in hit.node.text
    assert retriever.retrieve(["What is the weather?"], 3) == [[]]
    assert retriever.masked("Ada Lind of Oak Mills") == "the company of the company"
    with pytest.raises(ValueError, match="leads to a contract"):
        retriever.subgraph("What is the weather?")


def test_scores_count_right_given_and_wanted(graph):
    gold = [corpus.Fact("L1", m.relation, m.object, (m.object,), m.source) for m in FOUND if m.source.document == "L1"]
    rows = bench.triple_scores(graph, gold).set_index("relation")
    assert rows.loc["deposit", "recall"] == 1.0
    # Roles belong to companies, these gold facts give them to the document.
    assert rows.loc["role", "recall"] == 0.0


# ------------------------------------------------------------------------ the course's own


@pytest.fixture(scope="module")
def dev():
    return corpus.load_documents("dev")


def test_perfect_triples_give_the_gold_graph(dev):
    graph = rag.build_graph(dev, rag.gold_triples(dev))
    assert bench.triple_scores(graph, corpus.gold_facts(dev)).iloc[-1].f1 > 0.98
    assert bench.linking_scores(graph, dev).iloc[-1].accuracy > 0.95


def test_facts_stand_where_they_are_said_to(dev):
    by_id = {d.id: d for d in dev}
    facts = corpus.gold_facts(dev)
    assert all(by_id[f.span.document].quote(f.span).endswith(f.object) for f in facts)
    assert {f.relation for f in facts} <= {
        *corpus.clause_relations(),
        *corpus.PARTY_RELATIONS,
        *corpus.COMPANY_RELATIONS,
    }


def test_shipped_triples_are_what_the_shipped_adapter_extracts(dev):
    some = [d for d in dev if d.id in ("C042-A1", "R-E31")]
    extractor = models.load_tuned(paths.adapter("extractor"))
    live = rag.extract(extractor, rag.fact_chunks(some))
    assert live == bench.shipped_triples(some) and len(live) >= 5


def test_any_llama_index_part_can_use_the_graph(graph, embedder):
    index = graph.llama_index(embedder)
    assert len(index.property_graph_store.get_triplets(entity_names=["Alder Mills Ltd"])) >= 4
