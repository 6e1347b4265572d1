"""A model as a rater: both orders, what changes with them, and what is left when they are put together."""

from __future__ import annotations

from functools import partial

import pytest

from labkit import judge, models, prompts
from labkit.feedback import Comparison, ai
from labkit.prompts import Passage

PAGE = (Passage("Lease", "Rent is due within 30 days."),)
COMPARISONS = [
    Comparison(f"c{i}", "When is the rent due?", PAGE, answers)
    for i, answers in enumerate([("30 days", "40 days"), ("40 days", "30 days"), ("50 days", "60 days")])
]


def right(rows):
    return [next((letter for letter, a in zip("AB", row[2:], strict=True) if a == "30 days"), None) for row in rows]


def test_each_comparison_is_judged_with_either_answer_on_the_left():
    shown = ai.both_orders(right, COMPARISONS, "careful")
    assert [(j.comparison, j.verdict, j.left) for j in shown] == [
        ("c0", "first", 0), ("c0", "first", 1), ("c1", "second", 0), ("c1", "second", 1), ("c2", "tie", 0),
        ("c2", "tie", 1),
    ]  # fmt: skip
    assert {j.rater for j in shown} == {"careful"}
    assert [j.chose_left for j in shown[:4]] == [True, False, False, True]
    assert ai.orders(shown) == ai.Orders(same=2, changed=0, undecided=1, left=0)
    assert [j.verdict for j in ai.judgements_by(right, COMPARISONS)] == ["first", "second", "tie"]


@pytest.mark.parametrize(("letter", "left"), [("A", 3), ("B", 0)])
def test_a_judge_that_likes_one_place_decides_nothing(letter, left):
    shown = ai.both_orders(lambda rows: [letter] * len(rows), COMPARISONS)
    assert ai.orders(shown) == ai.Orders(same=0, changed=3, undecided=0, left=left)
    assert {j.verdict for j in ai.settled(shown)} == {"tie"}


def test_a_verdict_in_one_order_alone_is_undecided():
    shown = ai.both_orders(lambda rows: ["A", None] * (len(rows) // 2), COMPARISONS)
    assert ai.orders(shown) == ai.Orders(same=0, changed=0, undecided=3, left=0)
    assert {j.verdict for j in ai.settled(shown)} == {"tie"}
    with pytest.raises(ValueError, match="both orders"):
        ai.settled(shown[:3])
    assert ai.judgements_by(right, []) == []


def test_any_llama_index_llm_can_be_the_judge():
    from llama_index.core.llms import ChatMessage, ChatResponse, MockLLM

    class Leftist(MockLLM):
        def chat(self, messages, **_):
            said = "Answer A is better." if "30 days\nB" in messages[-1].content else "I cannot say."
            return ChatResponse(message=ChatMessage(role="assistant", content=said))

    judged = partial(judge.prefer_by_verdict, models.from_llama_index(Leftist()))
    shown = ai.both_orders(judged, COMPARISONS)
    assert [j.verdict for j in shown] == ["first", "tie", "tie", "second", "tie", "tie"]
    assert prompts.INSTRUCTIONS["prefer"].endswith("Reply A or B.")
