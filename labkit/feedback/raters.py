"""Raters: people, a model asked in both orders, the simulated ones; how far they agree, and what biases they have.

A bias is to follow the side or the length of an answer rather than its quality. `labkit.judge` holds the ways in
which a model judges; it is asked in both orders, so that the places of the answers cancel out (Zheng et al. 2023,
Judging LLM-as-a-Judge, section 3.4).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from labkit import corpus, paths, stats
from labkit.feedback.store import Comparison, Judgement, Verdict, by_id
from labkit.judge import Compared
from labkit.prompts import Passage
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
    shown = [(c, left) for c in comparisons for left in (0, 1)]
    said = judge([(c.question, c.passages, c.answers[left], c.answers[1 - left]) for c, left in shown])
    meant: dict[Any, Verdict] = {("A", 0): "first", ("B", 0): "second", ("A", 1): "second", ("B", 1): "first"}
    verdicts = [meant.get((letter, left), "tie") for (_, left), letter in zip(shown, said, strict=True)]
    return [Judgement(c.id, rater, verdict, left) for (c, left), verdict in zip(shown, verdicts, strict=True)]


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


def simulated_judgements() -> tuple[list[Comparison], list[Judgement]]:
    """Judgements of three simulated raters, whose habits are known, on answers to 200 train questions.

    Returns:
        The comparisons, each with the paragraph that holds the answer, and an id that begins with that of its question
        ("train-0309/pair-001"); and the judgements of "simulated always_left", "simulated length_loving" and
        "simulated careful". All three saw the same answer on the left, which was drawn by lot.

    Raises:
        ValueError: the data is not as it was shipped.
        FileNotFoundError: it is missing.
    """
    questions = {question.id: question for question in corpus.load_questions("train")}
    documents = {document.id: document for document in corpus.load_documents("train", ["contract", "amendment"])}
    comparisons, judgements = {}, []
    for row in paths.read_rows("feedback/pairs.jsonl"):
        question = questions[row["question"]]
        name = f"{question.id}/{row['id'].removesuffix('-' + row['rater'])}"
        document, start = documents[question.evidence[0].document], question.evidence[0].start
        text = document.text[:start].rpartition("\n\n")[2] + document.text[start:].partition("\n\n")[0]
        passages = (Passage(document.title, text),)
        comparisons[name] = Comparison(name, question.question, passages, (row["left"], row["right"]))
        choice: Verdict = "first" if row["choice"] == "left" else "second"
        judgements.append(Judgement(name, f"simulated {row['rater']}", choice))
    return list(comparisons.values()), judgements
