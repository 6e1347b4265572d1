"""What the explorers show, and their controls moved from Python; the browser tests click them."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS, TERM_DOCUMENTS, TRIPLES, Copying, term_question

from labkit import bench, rag, widgets
from labkit.corpus import Document, Span

LONG = Document(
    "long", "Long", " ".join(f"Clause {i} says that <b>nothing</b> changes in year {i}." for i in range(40))
)
EVIDENCE = (Span("long", LONG.text.index("Clause 7 "), LONG.text.index("Clause 8 ") - 1),)


@pytest.fixture(scope="module")
def pipeline():
    return rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2)


def test_chunks_are_shown_with_their_evidence_and_without_html_of_their_own():
    table = widgets.chunk_table(LONG, 64, EVIDENCE)
    assert table["evidence"].tolist().count("100%") == 1 and table["tokens"].max() <= 64
    html = widgets.chunk_html(LONG, 64, EVIDENCE)
    assert html.count("<mark") == 1 and "&lt;b&gt;nothing" in html and "<b>nothing" not in html


def test_moving_the_slider_cuts_anew():
    explorer = widgets.chunk_explorer(LONG, EVIDENCE, tokens=128)
    slider, view = explorer.box.children
    before = len(explorer.table())
    slider.value = 48
    assert len(explorer.table()) > before and widgets.chunk_html(LONG, 48, EVIDENCE) in view.value


def test_a_typed_question_shows_every_stage_and_a_wrong_one_says_why(pipeline):
    asked = term_question("cedar")
    explorer = widgets.retrieval_explorer({"words": pipeline}, asked.question, asked.evidence)
    text, (chosen, button), view = explorer.box.children[0], explorer.box.children[1].children, explorer.box.children[2]
    table = explorer.table()
    assert set(table["stage"]) == {"BM25Index", "answer"} and table.loc[0, "evidence"] == "yes"
    text.value = "How long is the term of damson?"
    button.click()
    assert "damson" in view.value and "yes" not in explorer.table()["evidence"].tolist()
    text.value = " "
    button.click()
    assert "write one" in view.value and chosen.value == "words"


def test_the_error_browser_narrows_and_shows_the_passages(pipeline):
    questions = [term_question("alder"), term_question("birch", asked="How long is the term of damson?")]
    run = bench.measure("words", questions, pipeline)
    explorer = widgets.error_browser([run])
    (system, category), asked, view = (
        explorer.box.children[0].children,
        explorer.box.children[1],
        explorer.box.children[2],
    )
    category.value = "right"
    assert [value for _, value in asked.options] == ["alder"] and "2 years" in view.value
    assert system.value == "words" and len(widgets.errors_table(run)) == 2
    assert "<mark" in widgets.answer_html(run, questions[0])
    empty = next(name for name in rag.ERROR_CATEGORIES if not run.error_counts()[name])
    category.value = empty
    assert "No question" in view.value and explorer.table().empty
    with pytest.raises(ValueError, match="at least one run"):
        widgets.error_browser([])


def test_the_replies_of_several_systems_stand_side_by_side(pipeline):
    questions = [term_question("alder"), term_question("birch")]
    runs = [bench.measure("all", questions, pipeline), bench.measure("one", questions[:1], pipeline)]
    assert widgets.replies_table(runs, questions[0])["system"].tolist() == ["all", "one"]
    assert widgets.replies_table(runs, questions[1])["system"].tolist() == ["all"]
    controls, _, view = widgets.error_browser(runs).box.children
    controls.children[1].value = "right"
    assert "<td>one</td>" in view.value


def test_the_graph_explorer_goes_from_end_to_end():
    graph = rag.build_graph(GRAPH_DOCUMENTS, TRIPLES)
    explorer = widgets.graph_explorer(graph, GRAPH_DOCUMENTS, "Alder Mills Ltd")
    chosen, listed, button, view = explorer.box.children
    rows = explorer.table().to_dict("records")
    at = next(i for i, row in enumerate(rows) if row["relation"] == "parent company" and row["object"] == "Cedar AB")
    listed.value = at
    assert "<mark" in view.value and "Cedar AB" in view.value and "Register extract" in view.value
    button.click()
    assert chosen.value == "Cedar AB" and "Alder Mills Ltd" in explorer.table()["subject"].tolist()
    with pytest.raises(KeyError, match="no entity 'Nobody'"):
        widgets.graph_explorer(graph, GRAPH_DOCUMENTS, "Nobody")


def test_the_matrix_says_what_an_amendment_replaced():
    graph = rag.build_graph(GRAPH_DOCUMENTS, TRIPLES)
    explorer = widgets.document_matrix(graph, "Alder Mills Ltd", ["deposit", "royalty"])
    assert explorer.table().loc[0, "deposit"] == "EUR 1,500 (was EUR 1,200; L1-A2)"
    assert explorer.table().loc[0, "royalty"] == ""
    (chosen, columns), view = explorer.box.children[0].children, explorer.box.children[1]
    columns.value = ("royalty",)
    chosen.value = "Birch & Sons GmbH"
    assert "deposit" not in view.value and LEASE_TITLE in view.value


LEASE_TITLE = "Lease between Alder Mills Ltd and Birch &amp; Sons GmbH"
