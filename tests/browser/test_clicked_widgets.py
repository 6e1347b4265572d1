"""The widgets, moved and clicked in JupyterLab in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_jupyterlab import page, run_to_widget  # noqa: F401 (page is a fixture)

pytestmark = pytest.mark.browser

# Small documents and BM25 alone, so that a click answers at once.
SETUP = """
from labkit import bench, corpus, metrics, models, rag, widgets
documents = corpus.load_documents("dev")
index = rag.BM25Index(rag.add_headers(rag.chunk(documents, tokens=128), rag.titles(documents)))
lookups = corpus.load_questions("dev", "lookup")
first = zip(lookups, index.retrieve([q.question for q in lookups], top_k=3), strict=True)
question = next(q for q, hits in first if any(metrics.covers(rag.span_of(h.node), q.evidence[0]) for h in hits))
contract = next(d for d in documents if d.id == question.evidence[0].document)
pipeline = rag.Pipeline(index, models.load_generator(), depth=5)
"""
CELLS = {
    "chunks": "widgets.chunk_explorer(contract, question.evidence)",
    "retrieval": "widgets.retrieval_explorer({'words': pipeline, 'three': rag.Pipeline(index, "
    "pipeline.generator, top_k=3, depth=3)}, question.question, question.evidence)",
    "errors": "widgets.error_browser([bench.measure('words', [question], pipeline)])",
    "graph": "widgets.graph_explorer(graph, documents, 'Ironbloom B.V.')",
    "calculator": "widgets.Calculator(arms, assumed, roi.load_prices())",
    "matrix": "widgets.document_matrix(graph, 'Ironbloom B.V.', ['payment term', 'liability cap', "
    "'initial term', 'deposit'])",
}
CALCULATOR = """
from labkit import roi, widgets
from labkit.stats import Interval
shares = (Interval(v, v - 0.02, v + 0.02, 100, 20) for v in (0.75, 0.15, 0.1))
arms = [roi.Arm("RAG", *shares, seconds=0.5, facts="index", index_seconds=60)]
assumed = roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=200)
"""
GRAPH = """
from labkit import corpus, rag, widgets
documents = corpus.load_documents("dev")
graph = rag.build_graph(documents, rag.gold_triples(documents))
"""


@pytest.fixture
def shown(page: Any, lab: Any, request: Any) -> Iterator[Any]:  # noqa: F811
    """The page with one widget drawn."""
    setup = {"graph": GRAPH, "matrix": GRAPH, "calculator": CALCULATOR}.get(request.param, SETUP)
    path = lab.folder / f"widget_{request.param}.ipynb"
    run_to_widget(page, lab, [setup, CELLS[request.param]], path)
    yield page
    path.unlink()


def html(page: Any) -> Any:  # noqa: F811
    """Where a widget draws what it has to say."""
    return page.locator(".widget-html-content").last


@pytest.mark.parametrize("shown", ["chunks"], indirect=True)
def test_the_slider_cuts_anew(shown: Any, pictures: Path):
    assert html(shown).locator("mark").count() >= 1
    before = html(shown).locator("b").count()
    readout = shown.locator(".widget-readout").first
    readout.click()
    shown.keyboard.press("Control+a")
    shown.keyboard.type("48")
    shown.keyboard.press("Enter")
    shown.wait_for_function(
        f"[...document.querySelectorAll('.widget-html-content')].pop().querySelectorAll('b').length > {before}"
    )
    shown.screenshot(path=str(pictures / "widget_chunks.png"))


@pytest.mark.parametrize("shown", ["retrieval"], indirect=True)
def test_a_typed_question_moves_the_lists(shown: Any, pictures: Path):
    assert html(shown).locator("td", has_text="yes").count() >= 1
    shown.locator(".widget-text input").first.fill("Which law governs this contract?")
    shown.get_by_role("button", name="Ask").click()
    # The evidence is known for the question given, not for one that is typed.
    shown.wait_for_function(
        "![...document.querySelectorAll('.widget-html-content')].pop().innerHTML.includes('<td>yes</td>')"
    )
    rows = html(shown).locator("tr").count()
    shown.locator(".widget-dropdown select").first.select_option("three")
    shown.wait_for_function(
        f"[...document.querySelectorAll('.widget-html-content')].pop().querySelectorAll('tr').length < {rows}"
    )
    shown.screenshot(path=str(pictures / "widget_retrieval.png"))


@pytest.mark.parametrize("shown", ["errors"], indirect=True)
def test_an_error_category_is_chosen(shown: Any, pictures: Path):
    for category in ("right", "misread", "refused wrongly", "evidence not retrieved"):
        shown.locator(".widget-dropdown select").nth(1).select_option(category)
        shown.wait_for_timeout(500)
        if "reply:" in html(shown).inner_text():
            break
    assert "right:" in html(shown).inner_text() and "reply:" in html(shown).inner_text()
    shown.locator(".widget-dropdown select").nth(1).select_option("wrong document")
    shown.wait_for_function(
        "[...document.querySelectorAll('.widget-html-content')].pop().innerText.includes('No question has this error')"
    )
    shown.screenshot(path=str(pictures / "widget_errors.png"))


@pytest.mark.parametrize("shown", ["graph"], indirect=True)
def test_a_triple_shows_its_sentence_and_leads_on(shown: Any, pictures: Path):
    triples = shown.locator(".widget-select select")

    def listed() -> list[str]:
        # ipywidgets writes spaces that do not break.
        return [text.replace("\xa0", " ") for text in triples.locator("option").all_text_contents()]

    names = listed()
    at = next(i for i, name in enumerate(names) if "| parent company |" in name and name.startswith("Ironbloom"))
    triples.select_option(index=at)
    parent = names[at].rsplit(" | ", 1)[1]
    shown.wait_for_function(
        f"[...document.querySelectorAll('.widget-html-content mark')].some(m => m.innerText.includes({parent!r}))"
    )
    shown.screenshot(path=str(pictures / "widget_graph.png"))
    shown.locator(".widget-dropdown select").select_option(f"{parent} (company)")
    shown.wait_for_function(
        f"[...document.querySelectorAll('.widget-select option')].some("
        f"o => o.innerText.replace(/\\u00a0/g, ' ').startsWith({parent!r}))"
    )
    assert "Ironbloom" in "".join(listed())


@pytest.mark.parametrize("shown", ["matrix"], indirect=True)
def test_the_matrix_shows_another_company_and_other_clauses(shown: Any, pictures: Path):
    assert html(shown).locator("th", has_text="liability cap").count() == 1
    shown.locator(".widget-dropdown select").first.select_option("Fieldfare Hinge Ltd")
    shown.wait_for_function("[...document.querySelectorAll('.widget-html-content')].pop().innerText.includes('(was ')")
    shown.screenshot(path=str(pictures / "widget_matrix.png"))
    shown.locator(".widget-select-multiple select").select_option(["deposit"])
    shown.wait_for_function(
        "![...document.querySelectorAll('.widget-html-content')].pop().innerText.includes('liability cap')"
    )
    assert html(shown).locator("th", has_text="deposit").count() == 1


@pytest.mark.parametrize("shown", ["calculator"], indirect=True)
def test_a_price_that_is_typed_changes_the_answer(shown: Any, pictures: Path):
    answer, wage = shown.locator(".widget-html-content b").first, shown.locator(".widget-text", has_text="person (USD")
    before = answer.inner_text()
    assert "RAG brings most" in before
    wage.locator("input").fill("5")
    wage.locator("input").press("Enter")
    shown.wait_for_function("document.querySelector('.widget-html-content b').innerText.includes('people bring USD')")
    shown.screenshot(path=str(pictures / "widget_calculator.png"), full_page=True)
    wage.locator("input").fill("-1")
    wage.locator("input").press("Enter")
    shown.wait_for_function(
        "document.querySelector('.widget-html-content').innerText.includes('The answer below is that of before')"
    )
    assert "people bring USD" in answer.inner_text()
