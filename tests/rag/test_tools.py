"""A tool for each document, and values combined by code."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from small import CHANGE, GRAPH_DOCUMENTS, LEASE, TRIPLES, extracted

from labkit import rag
from labkit.corpus import Document

HIRE = Document(
    "L2",
    "Hire between Alder Mills Ltd and Elm plc, 3 July 2022",
    'Alder Mills Ltd ("the Owner") hires out carts to Elm plc ("the Hirer").\n\nThe deposit is EUR 400.',
)


PAPERS = [*GRAPH_DOCUMENTS, HIRE]


EXTENDED = [*TRIPLES, extracted(HIRE, "party", "Alder Mills Ltd"), extracted(HIRE, "party", "Elm plc"),
            extracted(HIRE, "deposit", "EUR 400")]  # fmt: skip


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
    graph = rag.build_graph(PAPERS, EXTENDED)
    return rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk(PAPERS), embedder))


def look_up(retriever, *understood):
    return rag.ToolPipeline(
        retriever, rag.ContractRanker(PAPERS, retriever), Says(*understood), rag.GraphLookupTool(retriever.graph)
    )


def test_values_are_put_together_by_code(retriever):
    between = "the lease of Alder Mills and Birch & Sons, or the hire of carts by Elm"

    def said(question, *understood):
        return look_up(retriever, *understood).run([question])[0].answer.text

    assert said(f"Which deposit is higher: {between}?", "larger") == LEASE.title
    assert said(f"How far apart is the deposit: {between}?", "difference") == "EUR 1,100"
    assert said(f"Is the deposit the same: {between}?", "same") == "no"
    assert said("With whom has Alder Mills a deposit of more than EUR 450?", "list above") == "Birch & Sons GmbH"
    assert said("With whom has Alder Mills a deposit of EUR 400?", "list equal") == "Elm plc"
    assert said("What deposit did Birch & Sons give?", "value") == "EUR 1,500"
    assert said("Where is the seat of Birch's partner in the lease with Birch & Sons?", "value", "seat") == "Oslo"


def test_what_is_not_known_is_refused(retriever):
    nobody, unknown = look_up(retriever, "list above"), look_up(retriever, "value", "royalty")
    assert nobody.run(["Who has a deposit of more than EUR 5?"])[0].answer.refused
    unsure = rag.ToolPipeline(retriever, unknown.ranker, Says("value", "royalty"), unknown.tool, floor=0.5)
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
