"""Raters: how far they agree, and which of them follow the side or the length of an answer rather than its quality."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from labkit.feedback.store import Comparison, Judgement, by_id
from labkit.stats import Interval


@dataclass(frozen=True)
class Agreement:
    """How far raters agree beyond chance: 1 always, 0 as by chance; nan where it cannot be told.

    Attributes:
        alpha: Krippendorff's, of all raters.
        kappa: Cohen's, of each two raters.
        shared: comparisons that the two judged both.
    """

    alpha: float
    kappa: dict[tuple[str, str], float]
    shared: dict[tuple[str, str], int]


def agreement(judgements: Sequence[Judgement]) -> Agreement:
    """Krippendorff's alpha (nominal; 2004) and Cohen's kappa (1960) of the verdicts, by `nltk.metrics.agreement`.

    Args:
        judgements: one of each rater on a comparison; raters need not have judged the same.
    """
    from nltk.metrics.agreement import AnnotationTask

    verdicts: dict[str, dict[str, str]] = {}
    for judgement in judgements:
        verdicts.setdefault(judgement.rater, {})[judgement.comparison] = judgement.verdict

    def measured(raters: Iterable[str], items: Iterable[str], measure: str) -> float:
        triples = [(r, item, verdicts[r][item]) for item in items for r in raters if item in verdicts[r]]
        several = len({verdict for _, _, verdict in triples}) > 1  # one verdict alone leaves nothing to agree on
        return float(getattr(AnnotationTask(triples), measure)()) if several else math.nan

    both = {(a, b): sorted(verdicts[a].keys() & verdicts[b].keys()) for a, b in combinations(verdicts, 2)}
    return Agreement(
        measured(verdicts, sorted(set().union(*both.values())), "alpha"),
        {pair: measured(pair, items, "kappa") for pair, items in both.items()},
        {pair: len(items) for pair, items in both.items()},
    )


@dataclass(frozen=True)
class Bias:
    """Whether a rater follows the side ("position") or the length ("length") of an answer.

    Attributes:
        rater: whose.
        kind: "position" or "length".
        share: of the questions on which the rater decided, those on which they took the left, or the longer, answer;
            one half is no bias. Its interval is as wide as the number of tests asks, see `biases`.
        found: whether there is such a bias; None where the judgements cannot tell.
    """

    rater: str
    kind: str
    share: Interval
    found: bool | None


def biases(comparisons: Sequence[Comparison], judgements: Sequence[Judgement], level: float = 0.05) -> list[Bias]:
    """The biases of each rater, from the judgements alone: no right answers are needed.

    *Position* (Zheng et al. 2023): sides are drawn by lot, so that an unbiased rater takes the left answer half of the
    time. *Length* (Saito et al. 2023): longer answers may be better, so that taking them is no bias by itself. It
    is found in a rater who takes the longer answer more often than not, and who, where they and another rater disagree
    on the same comparisons, is the one who took the longer; this must hold against more than half of the other raters,
    without those whose position bias was found.

    A share is a sign test with the exact interval of Clopper and Pearson (1934). Comparisons of one question count
    once, by what most of them say. Each interval holds with probability 1 - level / (2 x raters), so that all
    together accuse unbiased raters in at most a share `level` of cases (Bonferroni).

    What it cannot tell: a length bias that most raters share, or one for shorter answers. It takes raters to be about
    equally careful: where longer answers are better, a careful rater whom only a careless one, or one who loves short
    answers, can be compared with looks length-loving; a third rater helps.

    Args:
        comparisons: that were judged, shown with sides drawn by lot.
        judgements: one of each rater on a comparison; ties and two bad answers do not count.
        level: probability of accusing anyone who has no bias.

    Returns:
        Two for each rater; the length bias of a rater whom nobody can be compared with has `found=None`.

    Raises:
        ValueError: a judgement is about none of the comparisons.
    """
    known = by_id(comparisons, judgements)
    left: dict[str, dict[str, bool]] = {judgement.rater: {} for judgement in judgements}
    longer: dict[str, dict[str, bool]] = {rater: {} for rater in left}
    for judgement in judgements:
        first, second = known[judgement.comparison].answers
        if judgement.chose_left is not None:
            left[judgement.rater][judgement.comparison] = judgement.chose_left
            if len(first) != len(second):
                took_longer = (judgement.verdict == "first") == (len(first) > len(second))
                longer[judgement.rater][judgement.comparison] = took_longer

    def share(votes: Mapping[str, bool]) -> Interval:
        return _share([(known[name].question, yes) for name, yes in votes.items()], level / (2 * len(left)))

    sides = {rater: share(votes) for rater, votes in left.items()}
    lengths = {rater: share(votes) for rater, votes in longer.items()}
    one_sided = {rater for rater, side in sides.items() if side.low > 0.5 or side.high < 0.5}
    found = []
    for rater, own in longer.items():
        others = [longer[o] for o in longer if o not in (rater, *one_sided) and longer[o].keys() & own.keys()]
        against = [share({n: yes for n, yes in own.items() if other.get(n, yes) != yes}).low > 0.5 for other in others]
        loves_length = lengths[rater].low > 0.5 and sum(against) > len(others) / 2
        found.append(Bias(rater, "position", sides[rater], rater in one_sided))
        found.append(Bias(rater, "length", lengths[rater], loves_length if others else None))
    return found


def _share(votes: Sequence[tuple[str, bool]], outside: float) -> Interval:
    """Share of questions with more yes than no, and its exact interval, which misses with probability `outside`."""
    from scipy.stats import binomtest

    sums: Counter[str] = Counter()
    for question, yes in votes:
        sums[question] += 1 if yes else -1
    leaning = [total > 0 for total in sums.values() if total]
    if not leaning:
        return Interval(math.nan, 0.0, 1.0, len(votes), 0)
    test = binomtest(sum(leaning), len(leaning))
    bounds = test.proportion_ci(1 - outside)
    return Interval(float(test.statistic), float(bounds.low), float(bounds.high), len(votes), len(leaning))


def without_biased(judgements: Sequence[Judgement], biases: Iterable[Bias]) -> list[Judgement]:
    """The judgements of raters none of whose biases was found.

    They are dropped rather than weighted: what a rater took for its side or its length says nothing of its quality.
    """
    biased = {bias.rater for bias in biases if bias.found}
    return [judgement for judgement in judgements if judgement.rater not in biased]
