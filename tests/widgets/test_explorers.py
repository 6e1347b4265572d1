"""What the explorers show, and their controls moved from Python; the browser tests click them."""

from __future__ import annotations

import math

import pytest
from small import GRAPH_DOCUMENTS, TERM_DOCUMENTS, TRIPLES, Copying, term_question

from labkit import bench, rag, roi, widgets
from labkit.corpus import Document, Span
from labkit.stats import Interval
from labkit.widgets import explorers

LONG = Document(
    "long", "Long", " ".join(f"Clause {i} says that <b>nothing</b> changes in year {i}." for i in range(40))
)
EVIDENCE = (Span("long", LONG.text.index("Clause 7 "), LONG.text.index("Clause 8 ") - 1),)


@pytest.fixture(scope="module")
def pipeline():
    return rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2)


def test_chunks_are_shown_with_their_evidence_and_without_html_of_their_own():
    table = explorers.chunk_table(LONG, 64, EVIDENCE)
    assert table["evidence"].tolist().count("100%") == 1 and table["tokens"].max() <= 64
    html = explorers.chunk_html(LONG, 64, EVIDENCE)
    assert html.count("<mark") == 1 and "&lt;b&gt;nothing" in html and "<b>nothing" not in html


def test_moving_the_slider_cuts_anew():
    explorer = widgets.chunk_explorer(LONG, EVIDENCE, tokens=128)
    slider, view = explorer.box.children
    before = len(explorer.table())
    slider.value = 48
    assert len(explorer.table()) > before and explorers.chunk_html(LONG, 48, EVIDENCE) in view.value


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
    assert system.value == "words" and len(explorers.errors_table(run)) == 2
    assert "<mark" in explorers.answer_html(run, questions[0])
    empty = next(name for name in rag.ERROR_CATEGORIES if not run.error_counts()[name])
    category.value = empty
    assert "No question" in view.value and explorer.table().empty
    with pytest.raises(ValueError, match="at least one run"):
        widgets.error_browser([])


def test_the_replies_of_several_systems_stand_side_by_side(pipeline):
    questions = [term_question("alder"), term_question("birch")]
    runs = [bench.measure("all", questions, pipeline), bench.measure("one", questions[:1], pipeline)]
    assert explorers.replies_table(runs, questions[0])["system"].tolist() == ["all", "one"]
    assert explorers.replies_table(runs, questions[1])["system"].tolist() == ["all"]
    controls, _, view = widgets.error_browser(runs).box.children
    controls.children[1].value = "right"
    assert "<td>one</td>" in view.value


def test_the_graph_explorer_shows_a_triples_sentence_and_goes_on_to_another_entity():
    graph = rag.build_graph(GRAPH_DOCUMENTS, TRIPLES)
    explorer = widgets.graph_explorer(graph, GRAPH_DOCUMENTS, "Alder Mills Ltd")
    chosen, listed, view = explorer.box.children
    rows = explorer.table().to_dict("records")
    at = next(i for i, row in enumerate(rows) if row["relation"] == "parent company" and row["object"] == "Cedar AB")
    listed.value = at
    assert "<mark" in view.value and "Cedar AB" in view.value and "Register extract" in view.value
    chosen.value = "Cedar AB"
    assert "Alder Mills Ltd" in explorer.table()["subject"].tolist() and listed.value == 0
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


# ------------------------------------------------------------------ costs


def arm(name: str, right: float, **rest) -> roi.Arm:
    shares = {"right": right, "wrong": 0.9 - right, "refused": 0.1}
    return roi.Arm(name, **{k: Interval(v, v - 0.02, v + 0.02, 100, 20) for k, v in shares.items()}, **rest)


@pytest.fixture
def calculator():
    arms = [
        arm("RAG", 0.75, seconds=0.5, facts="index", index_seconds=60),
        arm("hosted RAG", 0.8, paid="tokens", prompt_tokens=6000, reply_tokens=50),
    ]
    assumed = roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=50)
    return widgets.Calculator(arms, assumed, roi.load_prices())


def view(calculator) -> str:
    return calculator.box.children[0].value


def test_it_shows_what_the_model_says(calculator):
    case = calculator.arms, calculator.assumed, calculator.prices
    assert roi.verdict(*case) in view(calculator) and "hosted RAG" in view(calculator)
    assert calculator.table().equals(roi.summary(*case))
    bundle = calculator._repr_mimebundle_()
    assert "break-even" in bundle["text/html"] and "hosted RAG" in bundle["text/plain"]


@pytest.mark.parametrize(
    ("name", "value"), [("loss", 40.0), ("per_day", 400.0), ("paralegal_hour", 60.0), ("gpt_4_1_mini_input", 50.0)]
)
def test_moving_a_slider_or_a_price_changes_the_answer(calculator, name, value):
    before, table = view(calculator), calculator.table()
    calculator.controls[name].value = value
    assert view(calculator) != before and not calculator.table().equals(table)


def test_sliders_reach_as_far_as_the_figures_given(calculator):
    assumed = roi.Assumptions(value=8, loss=500, person_minutes=10, per_day=50_000, machine_scale=20)
    wide = widgets.Calculator(calculator.arms, assumed, calculator.prices)
    for name in ("loss", "per_day", "machine_scale"):
        assert math.isclose(wide.controls[name].value, getattr(assumed, name))
    assert wide.assumed == assumed
    for figure in (1, 50, 200, 10_000):
        calculator.controls["per_day"].value = figure
        assert math.isclose(calculator.assumed.per_day, figure)


def test_a_value_that_cannot_be_changes_nothing(calculator):
    assumed = calculator.assumed
    calculator.controls["paralegal_hour"].value = -1
    assert "is -1" in view(calculator) and "that of before" in view(calculator)
    assert calculator.prices["paralegal_hour"]["amount"] > 0 and calculator.assumed == assumed
    calculator.controls["paralegal_hour"].value = 30
    assert "that of before" not in view(calculator)


def test_every_assumption_and_price_has_a_control_that_says_what_it_is(calculator):
    names = [name for name, _ in calculator.assumed.wanted()]
    assert set(calculator.controls) == {f for f in calculator.assumed.__dataclass_fields__ if f not in
                                        ("machine", "person", "engineer", "prompt", "reply")} | set(names)  # fmt: skip
    for price in calculator.prices.values():
        used = price["id"] in names
        assert (f"{price['what']} ({price['source']}, {price['period']})" in calculator.box.children[2].value) == used
    assert calculator.controls["loss"].description == "further loss from a wrong answer (USD)"
    assert calculator.controls["paralegal_hour"].description == "person (USD by the hour)"


def test_arms_that_cannot_be_compared_are_refused():
    assumed = roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=50)
    with pytest.raises(ValueError, match="at least one arm"):
        widgets.Calculator([], assumed, roi.load_prices())
