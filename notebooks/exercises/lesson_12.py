"""The exercises of lesson 12. What is expected is computed from the benchmark's answers that come with the course."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import bench
from labkit.exercises import exercise
from labkit.stats import LEVEL

from .judging import Numbers, number, tried

ARMS = 7
_PAIRS = ARMS * (ARMS - 1) // 2


@number("12.1", "How many pairs are there, and how many of them come out significant by chance?")
def false_alarms() -> Numbers:
    yield _PAIRS * LEVEL, None
    yield ARMS * LEVEL, "That is one comparison an arm. Each arm is compared with each other one."
    yield 2 * _PAIRS * LEVEL, "That counts each pair twice: A against B is B against A."
    yield 1 - (1 - LEVEL) ** _PAIRS, "That is about how likely at least one is. How many are there on average?"
    yield _PAIRS, "That is how many comparisons there are."


# The arms whose lookups the exercise compares.
NEW, OLD = "RAG + SFT", "best RAG"


@cache
def _needed() -> dict[float, bench.SampleSize]:
    """What would show differences of 0.05 and 0.1 at lookups of new contracts."""
    seeds = bench.load_runs(bench.shipped_grid())
    new, old = (
        bench.where(bench.averaged(seeds[name]), lambda q: q.half == "new" and q.task == "lookup")
        for name in (NEW, OLD)
    )
    ours, theirs = new.values("answer_accuracy"), old.values("answer_accuracy")
    return {effect: bench.sample_size(ours, theirs, new.clusters(), effect) for effect in (0.05, 0.1)}


@number("12.2", "Call bench.sample_size with the lesson's scores and an effect of a twentieth.", 0.5)
def questions_for_a_small_effect() -> Numbers:
    small, large = _needed()[0.05], _needed()[0.1]
    yield small.questions, None
    yield small.clusters, "That is how many contracts. How many questions are they asked?"
    yield large.questions, "That is for a difference twice as large."
    yield 2 * large.questions, "Half the difference takes more than twice the questions: compute it."


# New scores, old scores, contracts; the p-value; the hint.
_CASES: tuple[tuple[tuple[Any, ...], float, str], ...] = (
    (([1, 1, 1], [0, 0, 0], ["a", "b", "c"]), 0.25,
     "Two of the eight ways give a total as far from 0: no flip, and all flipped. Count both sides."),
    (([0, 0, 0], [1, 1, 1], ["a", "b", "c"]), 0.25,
     "A loss counts as a gain does: compare totals without their signs."),
    (([1, 1, 1, 1], [0, 0, 0, 0], ["a", "b", "a", "b"]), 0.5,
     "Contracts are flipped as wholes, with all their questions: two contracts have four ways."),
    (([1, 0], [1, 0], ["a", "b"]), 1.0,
     "Nothing differs, so that every way gives a total just as far from 0: equal totals count."),
    (([1, 1, 1, 0], [0, 0, 0, 1], ["a", "a", "b", "c"]), 0.75,
     "Add up the differences of a contract; a mean would give a contract with one question the weight of two."),
)  # fmt: skip


@exercise("12.3", function=True)
def sign_flips(answer: Any) -> str | None:
    def given(*arguments: Any) -> Any:
        p = answer(*arguments)
        return p if p is None else round(float(p), 9)

    return tried(given, _CASES)
