"""Scores of the reader on held-out worlds, and its model card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthesis.reader import evaluate

from labkit import paths, prompts, stats


def test_measure_counts_refusals_and_citations():
    wanted = ["45 days [1]", "Oslo [2]", prompts.REFUSAL, "5% [1]; 6% [2]", "7% [1]"]
    replies = ["45 days [2]", prompts.REFUSAL, prompts.REFUSAL, "5% [1]; 6% [2]", "9% [1]"]
    figures = {k: v.value for k, v in evaluate.measure("answer", replies, wanted).items()}
    assert figures["exact_match"] == pytest.approx(3 / 5)
    assert figures["wrongly_refused"] == 0.25 and figures["wrong_answers"] == pytest.approx(1 / 5)
    assert figures["refusal_f1"] == pytest.approx(2 / 3)
    assert figures["citation_accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("instruction", "reply", "wanted", "figure", "value"),
    [
        ("triples", "A | seat | Oslo\nA | parent | B\nnoise", "A | seat | Oslo", "f1", 2 / 3),
        ("judge", "Yes.", "yes", "right_accepted", 1.0),
        ("prefer", "B", "A", "accuracy", 0.0),
        ("decompose", "What is x?", "What is x?\nWhat is y?", "right_number_of_lines", 0.0),
        ("classify", "Payment term, high", "Payment term, low", "category", 1.0),
        ("classify", "Payment term, high", "Payment term, low", "rating", 0.0),
        ("term_sheet", "Term: 3 years\nLaw: Oslo", "Term: 3 years\nLaw: Norway", "field_f1", 0.5),
        ("compare", "the Acme lease", "the Acme lease", "exact_match", 1.0),
    ],
)
def test_measures_of_the_other_instructions(instruction, reply, wanted, figure, value):
    assert evaluate.measure(instruction, [reply], [wanted])[figure].value == pytest.approx(value)


def test_the_card_holds_the_figures_measured(tmp_path: Path, monkeypatch):
    cell = {name: stats.Interval(0.5, 0.25, 0.75, 4, 4) for name in evaluate.MEASURES["answer"].figures}
    report = {
        "held-out worlds": {"answer, 3 passages, known": cell, "judge, both": {"accuracy": cell["exact_match"]}},
        "course dev": {"everyday questions": {"right": 41, "of": 60, "exact_match": cell["exact_match"]}},
    }
    live = {"nf4": {**cell, "course_dev_lookup": cell["exact_match"], "memory_mb": 9.5, "tokens_per_second": 1000}}
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: report)
    monkeypatch.setattr(evaluate, "precisions", lambda _: live)
    with pytest.raises(ValueError, match="lacks"):
        (tmp_path / "README.md").write_text("# Card\n", encoding="utf-8")
        evaluate.write_card(tmp_path)
    (tmp_path / "README.md").write_text("# Card\n{}\nold\n{}\nend\n".format(*evaluate.CARD_MARKS), encoding="utf-8")
    evaluate.write_card(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    both = "0.500 (0.250 to 0.750) | 0.500 (0.250 to 0.750) |"
    assert f"| answer, 3 passages, known | exact match | {both}" in card and "| right | 41 | 41 |" in card
    assert "| | figure | reader | SmolLM2-135M-Instruct |" in card and "| nf4 |" in card
    assert card.endswith("end\n") and "old" not in card
    assert json.loads((tmp_path / "evaluation.json").read_text())["precisions"]["nf4"]["memory_mb"] == 9.5
    assert "0.500" in evaluate.table(report)


def test_the_shipped_card_says_what_was_measured():
    card = (paths.adapter("reader") / "README.md").read_text(encoding="utf-8")
    report = json.loads((paths.adapter("reader") / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluate.card_figures(report) in card


def test_rules_are_found_in_every_layout():
    page = prompts.Passage("Review guide", "Law\nAlways low.\n\n### Seat\nAlways high.")
    assert evaluate.rules_of([page, prompts.Passage("Deposit", "Low.")]) == [
        ("Law", "Always low."), ("Seat", "Always high."), ("Deposit", "Low.")]  # fmt: skip


def test_instructions_of_many_parts_are_measured_part_by_part(reader):
    asked = evaluate.parts_by_asking(reader, 3)
    assert set(asked) == {f"{name} by asking, known" for name in ("term_sheet", "triples", "classify")}
    assert asked["triples by asking, known"]["f1"].n == 3
    # One rule at a time: the reader finds the clause that a rule is about, or most would be wrong.
    assert asked["classify by asking, known"]["category"].value > 0.5
