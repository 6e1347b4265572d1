"""Quantities, intents, references and desks, on small documents made here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from test_graph import CHANGE, DOCUMENTS, FOUND, LEASE, mention

from labkit import corpus, models, rag, tune
from labkit.corpus import Document

HIRE = Document(
    "L2",
    "Hire between Alder Mills Ltd and Elm plc, 3 July 2022",
    'Alder Mills Ltd ("the Owner") hires out carts to Elm plc ("the Hirer").\n\nThe deposit is EUR 400.',
)
BOTH = [*DOCUMENTS, HIRE]
MENTIONS = [*FOUND, mention(HIRE, "party", "Alder Mills Ltd"), mention(HIRE, "party", "Elm plc"),
            mention(HIRE, "deposit", "EUR 400")]  # fmt: skip


@dataclass(frozen=True)
class Intent:
    operation: str
    relations: dict[str, float]


class Says:
    """Understands every question in the same way."""

    def __init__(self, operation: str, relation: str = "deposit") -> None:
        self.intent = Intent(operation, {relation: 0.9, "seat": 0.1})

    def __call__(self, questions):
        return [self.intent] * len(questions)


@pytest.fixture(scope="module")
def retriever(embedder):
    graph = rag.build_graph(BOTH, MENTIONS)
    return rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk(BOTH), embedder))


def desk(retriever, *understood):
    return rag.ToolPipeline(
        retriever, rag.ContractRanker(BOTH, retriever), Says(*understood), rag.GraphLookupTool(retriever.graph)
    )


def test_values_are_put_together_by_code(retriever):
    between = "the lease of Alder Mills and Birch & Sons, or the hire of carts by Elm"

    def said(question, *understood):
        return desk(retriever, *understood).run([question])[0].answer.text

    assert said(f"Which deposit is higher: {between}?", "larger") == LEASE.title
    assert said(f"How far apart is the deposit: {between}?", "difference") == "EUR 1,100"
    assert said(f"Is the deposit the same: {between}?", "same") == "no"
    assert said("With whom has Alder Mills a deposit of more than EUR 450?", "list above") == "Birch & Sons GmbH"
    assert said("With whom has Alder Mills a deposit of EUR 400?", "list equal") == "Elm plc"
    assert said("What deposit did Birch & Sons give?", "value") == "EUR 1,500"
    assert said("Where is the seat of Birch's partner in the lease with Birch & Sons?", "value", "seat") == "Oslo"


def test_what_is_not_known_is_refused(retriever):
    nobody, unknown = desk(retriever, "list above"), desk(retriever, "value", "royalty")
    assert nobody.run(["Who has a deposit of more than EUR 5?"])[0].answer.refused
    unsure = rag.ToolPipeline(retriever, unknown.references, Says("value", "royalty"), unknown.tool, floor=0.5)
    assert unsure.run(["What royalty does Birch & Sons pay?"])[0].answer.refused
    assert unknown.run([]) == []
    with pytest.raises(ValueError, match="no contracts"):
        rag.ContractRanker([CHANGE], retriever)


def test_the_reading_tool_searches_in_the_contract_and_its_amendments(retriever, reader):
    found = rag.ReadTool(retriever.index, retriever.graph, reader).ask([("L2", "deposit"), ("L1", "deposit")])
    assert [f.document for f in found] == ["L2", "L1"] and all(f.tokens > 50 for f in found)
    assert {f.source.document for f in found if f.source} <= {"L2", "L1", "L1-A1", "L1-A2"}


def test_the_matrix_shows_the_value_in_force(retriever):
    made = rag.matrix(retriever.graph, ["L1", "L2"], ["deposit", "royalty"])
    assert {c: {r: v.value.text for r, v in row.items()} for c, row in made.items()} == {
        "L1": {"deposit": "EUR 1,500"}, "L2": {"deposit": "EUR 400"},
    }  # fmt: skip


def test_intents_are_learned_saved_and_loaded(embedder, tmp_path):
    questions = [*corpus.load_questions("train", "lookup")[:120:2], *corpus.load_questions("train", "list")]
    texts = [("What can be earned by selling the ice?", "royalty")] * 3
    trained = tune.train_intents(questions, embedder, texts=texts)
    loaded = models.load_intents(trained.save(tmp_path), embedder)
    asked = ["Whose payment term is longer than 30 days?", "How long is the payment term of the lease?"]
    assert [i.operation for i in loaded(asked)] == [i.operation for i in trained(asked)] == ["list above", "value"]
    own = [q for q in questions if q.task == "list"]
    wanted = [corpus.relation_of(q.category) for q in own]
    said = [i.relations for i in loaded([q.question for q in own])]
    assert all(abs(sum(shares.values()) - 1) < 1e-4 for shares in said)
    hits = [max(shares, key=shares.get) == relation for shares, relation in zip(said, wanted, strict=True)]
    assert sum(hits) / len(hits) > 0.9
    assert loaded(["What is earned by selling ice?"])[0].relations["royalty"] > 0.1
    assert loaded([]) == []
    with pytest.raises(FileNotFoundError, match="train some"):
        models.load_intents(tmp_path / "none", embedder)
    with pytest.raises(ValueError, match="nothing to tell apart"):
        tune.train_intents([], embedder)
