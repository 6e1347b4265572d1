"""The exercises of lesson 11: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

import pytest

from labkit.exercises import EXERCISES, lesson_11
from labkit.prompts import REFUSAL


def test_a_gain_is_weighted():
    judge = EXERCISES["11.1"]
    assert judge(0.24) is None and "share" in judge(24)
    assert "others" in judge(0.3) and "before" in judge(0.72) and "missing" in judge(0.06) and "Weigh" in judge(0.5)


def test_refusals_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lesson_11, "without_evidence", lambda: (37, 21, 90))
    judge = EXERCISES["11.2"]
    assert judge(37) is None and "3 passages" in judge(21)
    assert "with an answer" in judge(53) and "how many" in judge(90) and "put in" in judge(0) and "count" in judge(5)


def example(answer, passages, evidence, put_in):
    if answer is None:
        return passages, REFUSAL
    if put_in and not any(evidence in p for p in passages):
        passages = [*passages[:-1], evidence]
    cited = "".join(f" [{i}]" for i, p in enumerate(passages, 1) if evidence in p)
    return passages, answer + cited if cited else REFUSAL


def test_examples_are_judged_by_what_they_are():
    judge = EXERCISES["11.3"]
    assert judge(example) is None and "function itself" in judge("example")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda a, p, e, i: (p, f"{a} [1]" if a else REFUSAL), "second passage"),
        (lambda a, p, e, i: (p, example(a, p, e, i)[1] if e not in p[0] or p[0] == e else REFUSAL), "says more"),
        (lambda a, p, e, i: (example(a, p, e, i)[0], " ".join(example(a, p, e, i)[1].split()[:3])), "every passage"),
        (lambda a, p, e, i: example(a, p, e, False), "last one's place"),
        (lambda a, p, e, i: example(a, p, e, True), "not put in"),
        (lambda a, p, e, i: example(a or "None", p, e or "x", i), "nothing can be put in"),
        (lambda a, p, e, i: None, "nothing (does it end"),
    ],
)
def test_typical_mistakes_get_their_hint(wrong, hint):
    assert hint in EXERCISES["11.3"](wrong)


def test_what_was_given_must_not_change():
    def changes(answer, passages, evidence, put_in):
        made = example(answer, list(passages), evidence, put_in)
        passages[:] = made[0]
        return passages, made[1]

    assert "work on a copy" in EXERCISES["11.3"](changes)


def test_gold_alone():
    judge = EXERCISES["11.4"]
    assert judge("b") is None and all(judge(letter) for letter in "acd")
