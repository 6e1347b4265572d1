"""A model as a rater of answers: each comparison in both orders, so that the places of the answers cancel out.

Source: Zheng et al. 2023, Judging LLM-as-a-Judge, section 3.4. `labkit.judge` holds the ways of judging.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from labkit import stats
from labkit.feedback.store import Comparison, Judgement
from labkit.judge import Compared

# Which of two answers is better, "A" or "B", of each row; None where the judge says neither.
Judge = Callable[[Sequence[Compared]], Sequence[str | None]]


@dataclass(frozen=True)
class Orders:
    """What the order of the answers did to a judge.

    Attributes:
        same: comparisons judged the same in both orders.
        changed: in which it preferred the answer in the same place, whichever that was.
        undecided: in which it said neither at least once.
        left: of those changed, in how many it preferred the left one.
    """

    same: int
    changed: int
    undecided: int
    left: int


def both_orders(judge: Judge, comparisons: Sequence[Comparison], rater: str = "judge") -> list[Judgement]:
    """Two judgements of each comparison, one with either answer on the left.

    Args:
        judge: such as `partial(judge.prefer_by_answering, generator)`.
        comparisons: to be judged; each is judged by its question, passages and answers.
        rater: name of the judge in the judgements.

    Returns:
        Judgements with `left` 0, then 1, of each comparison in turn; "tie" where the judge said neither.
    """
    rows = [(c.question, c.passages, c.answers[left], c.answers[1 - left]) for c in comparisons for left in (0, 1)]
    said = judge(rows)
    places: list[dict[str | None, str]] = [{"A": "first", "B": "second"}, {"A": "second", "B": "first"}]
    shown = [(c.id, left) for c in comparisons for left in (0, 1)]
    return [
        Judgement(number, rater, places[left].get(letter, "tie"), left)  # type: ignore[arg-type]
        for (number, left), letter in zip(shown, said, strict=True)
    ]


def _pairs(judgements: Sequence[Judgement]) -> list[tuple[Judgement, Judgement]]:
    found = stats.grouped(((j.rater, j.comparison), j) for j in judgements)
    if any(sorted(j.left for j in pair) != [0, 1] for pair in found.values()):
        raise ValueError("Give each comparison's judgements in both orders, as `both_orders` makes them.")
    return [(pair[0], pair[1]) for pair in found.values()]


def settled(judgements: Sequence[Judgement]) -> list[Judgement]:
    """One judgement of each comparison out of those in both orders: where they differ, a tie.

    Raises:
        ValueError: a comparison was not judged once in each order.
    """
    return [a if a.verdict == b.verdict else replace(a, verdict="tie") for a, b in _pairs(judgements)]


def orders(judgements: Sequence[Judgement]) -> Orders:
    """How often the order of the answers decided; errors as in `settled`."""
    pairs = _pairs(judgements)
    decided = [pair for pair in pairs if "tie" not in (pair[0].verdict, pair[1].verdict)]
    changed = [pair for pair in decided if pair[0].verdict != pair[1].verdict]
    left = sum(bool(pair[0].chose_left) for pair in changed)
    return Orders(len(decided) - len(changed), len(changed), len(pairs) - len(decided), left)


def judgements_by(judge: Judge, comparisons: Sequence[Comparison], rater: str = "judge") -> list[Judgement]:
    """A judge's verdict on each comparison, without its leaning towards one place; see `both_orders` and `settled`."""
    return settled(both_orders(judge, comparisons, rater))
