"""Raters: agreement, planted biases that are found, a model asked in both orders, the simulated ones."""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import partial

import pytest

from labkit import corpus, judge, models, paths, prompts
from labkit.feedback import (
    Comparison,
    Judgement,
    Orders,
    Store,
    agreement,
    biases,
    both_orders,
    judgements_by,
    orders,
    settled,
    simulated_judgements,
    without_biased,
)
from labkit.prompts import Passage

LONG, SHORT = "It is, as far as I can see, 30 days.", "60 days"
ASKED = [Comparison(f"c{n}", f"Question {n}?", (), (LONG, SHORT) if n % 2 else (SHORT, LONG)) for n in range(100)]


def judged(raters: dict[str, str], longer_is_better: float = 0.5, seed: int = 0, asked=ASKED) -> list[Judgement]:
    """Simulated judgements, sides drawn by lot; a careful rater prefers the right answer nine times in ten."""
    rng, judgements = random.Random(seed), []
    for comparison in asked:
        longer = comparison.answers.index(LONG)
        right = longer if rng.random() < longer_is_better else 1 - longer
        for rater, habit in raters.items():
            left = rng.randrange(2)
            careful = right if rng.random() < 0.9 else 1 - right
            choice = {"left": left, "right": 1 - left, "longer": longer, "careful": careful}[habit]
            judgements.append(Judgement(comparison.id, rater, ("first", "second")[choice], left))
    return judgements


def accused(judgements, asked=ASKED) -> set[tuple[str, str]]:
    return {(bias.rater, bias.kind) for bias in biases(asked, judgements) if bias.found}


@pytest.mark.parametrize(("raters", "longer_is_better", "planted"), [
    ({"a": "careful", "b": "careful", "c": "careful"}, 0.8, []),
    ({"a": "careful", "b": "longer", "c": "left"}, 0.5, [("b", "length"), ("c", "position")]),
    ({"a": "careful", "b": "longer"}, 0.5, [("b", "length")]),
    ({"a": "careful", "b": "right"}, 0.8, [("b", "position")]),
])  # fmt: skip
def test_planted_biases_are_found_and_careful_raters_are_rarely_accused(raters, longer_is_better, planted):
    found = Counter(fault for seed in range(100) for fault in accused(judged(raters, longer_is_better, seed)))
    assert all(found[fault] >= 90 for fault in planted)
    wrongly = sum(times for (rater, _), times in found.items() if raters[rater] == "careful")
    assert wrongly <= 5


def test_habits_of_the_simulated_raters_are_found_from_their_judgements():
    comparisons, judgements = simulated_judgements()
    found = {(bias.rater.removeprefix("simulated "), bias.kind): bias for bias in biases(comparisons, judgements)}
    assert {key for key, bias in found.items() if bias.found} == {
        ("always_left", "position"), ("length_loving", "length"),
    }  # fmt: skip
    assert all((bias.share.low > 0.5) == bool(bias.found) for bias in found.values())
    assert found["careful", "length"].found is False
    kept = without_biased(judgements, found.values())
    assert {judgement.rater for judgement in kept} == {"simulated careful"}
    assert len(kept) == len(comparisons) == 200


def test_one_rater_alone_has_a_position_bias_but_no_length_bias_that_could_be_told():
    position, length = biases(ASKED, judged({"a": "left"}))
    assert (position.found, length.found) == (True, None)
    position, length = biases(ASKED, judged({"a": "longer"}))
    assert (position.found, length.found, length.share.value) == (False, None, 1.0)
    # Nor could it with a rater who always takes the left, or one who judged other comparisons.
    assert [b.found for b in biases(ASKED, judged({"a": "longer", "b": "left"}))] == [False, None, True, False]
    apart = judged({"a": "longer"})[:50] + judged({"b": "careful"})[50:]
    assert [bias.found for bias in biases(ASKED, apart) if bias.kind == "length"] == [None, None]


def test_longer_answers_that_all_prefer_are_no_bias():
    assert accused(judged({"a": "careful", "b": "careful"}, longer_is_better=1.0)) == set()


def test_ten_clicks_on_one_side_are_enough():
    assert accused(judged({"a": "right"})[:10]) == {("a", "position")}


def test_few_clicks_ties_and_repeated_questions_prove_nothing():
    assert accused(judged({"a": "left"})[:4]) == set()
    ties = [Judgement(c.id, "a", "tie") for c in ASKED]
    assert [math.isnan(bias.share.value) for bias in biases(ASKED, ties)] == [True, True]
    assert accused(ties) == set() == accused([])
    once = [Comparison(c.id, "The same?", (), c.answers) for c in ASKED]
    assert accused(judged({"a": "left"}, asked=once), once) == set()
    with pytest.raises(ValueError, match="'c0', which is none of the comparisons"):
        biases(ASKED[1:], judged({"a": "left"}))


def test_agreement_of_two_raters_by_hand():
    verdicts = {"ann": "first first second tie", "bob": "first second second tie", "eve": "first"}
    judgements = [Judgement(f"c{n}", rater, verdict)
                  for rater, said in verdicts.items() for n, verdict in enumerate(said.split())]  # fmt: skip
    measured = agreement(judgements)
    assert measured.shared == {("ann", "bob"): 4, ("ann", "eve"): 1, ("bob", "eve"): 1}
    # Observed 3/4, by chance (2*1 + 1*2 + 1*1)/16.
    assert measured.kappa["ann", "bob"] == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))
    assert math.isnan(measured.kappa["ann", "eve"])
    # Nine verdicts on four comparisons: 4 first, 3 second, 2 tie; 2 of 9 values' worth of disagreement observed.
    assert measured.alpha == pytest.approx(1 - (2 / 9) / ((81 - 16 - 9 - 4) / 72))
    assert math.isnan(agreement([]).alpha)
    assert agreement(judged({"a": "careful"})).kappa == {}
    assert math.isnan(agreement(judged({"a": "careful"})).alpha)


PAGE = (Passage("Lease", "Rent is due within 30 days."),)
COMPARISONS = [
    Comparison(f"c{i}", "When is the rent due?", PAGE, answers)
    for i, answers in enumerate([("30 days", "40 days"), ("40 days", "30 days"), ("50 days", "60 days")])
]


def right(rows):
    return [next((letter for letter, a in zip("AB", row[2:], strict=True) if a == "30 days"), None) for row in rows]


def test_each_comparison_is_judged_with_either_answer_on_the_left():
    shown = both_orders(right, COMPARISONS, "careful")
    assert [(j.comparison, j.verdict, j.left) for j in shown] == [
        ("c0", "first", 0), ("c0", "first", 1), ("c1", "second", 0), ("c1", "second", 1), ("c2", "tie", 0),
        ("c2", "tie", 1),
    ]  # fmt: skip
    assert {j.rater for j in shown} == {"careful"}
    assert [j.chose_left for j in shown[:4]] == [True, False, False, True]
    assert orders(shown) == Orders(same=2, changed=0, undecided=1, left=0)
    assert [j.verdict for j in judgements_by(right, COMPARISONS)] == ["first", "second", "tie"]


@pytest.mark.parametrize(("letter", "left"), [("A", 3), ("B", 0)])
def test_a_judge_that_likes_one_place_decides_nothing(letter, left):
    shown = both_orders(lambda rows: [letter] * len(rows), COMPARISONS)
    assert orders(shown) == Orders(same=0, changed=3, undecided=0, left=left)
    assert {j.verdict for j in settled(shown)} == {"tie"}


def test_a_verdict_in_one_order_alone_is_undecided():
    shown = both_orders(lambda rows: ["A", None] * (len(rows) // 2), COMPARISONS)
    assert orders(shown) == Orders(same=0, changed=0, undecided=3, left=0)
    assert {j.verdict for j in settled(shown)} == {"tie"}
    with pytest.raises(ValueError, match="both orders"):
        settled(shown[:3])
    assert judgements_by(right, []) == []


def test_any_llama_index_llm_can_be_the_judge():
    from llama_index.core.llms import ChatMessage, ChatResponse, MockLLM

    class Leftist(MockLLM):
        def chat(self, messages, **_):
            said = "Answer A is better." if "30 days\nB" in messages[-1].content else "I cannot say."
            return ChatResponse(message=ChatMessage(role="assistant", content=said))

    judged = partial(judge.prefer_by_verdict, models.from_llama_index(Leftist()))
    shown = both_orders(judged, COMPARISONS)
    assert [j.verdict for j in shown] == ["first", "tie", "tie", "second", "tie", "tie"]
    assert prompts.INSTRUCTIONS["prefer"].endswith("Reply A or B.")


def test_every_judgement_is_there_with_the_passage_that_holds_the_answer(tmp_path):
    comparisons, judgements = simulated_judgements()
    rows = paths.read_rows("feedback/pairs.jsonl")
    assert (len(comparisons), len(judgements)) == (200, len(rows)) == (200, 600)
    assert all(judgement.rater.startswith("simulated ") for judgement in judgements)
    chosen = [j.chose_left for j in judgements]
    assert chosen == [row["choice"] == "left" for row in rows]
    questions = {question.id: question for question in corpus.load_questions("train")}
    documents = {document.id: document for document in corpus.load_documents("train")}
    for comparison in comparisons:
        question = questions[comparison.id.split("/")[0]]
        (span,) = question.evidence
        (passage,) = comparison.passages
        assert comparison.question == question.question
        assert documents[span.document].quote(span) in passage.text
        assert passage.title == documents[span.document].title
    kept = Store(tmp_path / "simulated.sqlite")
    kept.add(comparisons, judgements)
    assert (kept.comparisons(), kept.judgements()) == (comparisons, judgements)
