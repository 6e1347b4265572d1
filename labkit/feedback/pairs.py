"""What a model can be trained on, made of judgements: pairs for DPO, thumbs for KTO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from labkit import stats
from labkit.feedback.store import Comparison, Judgement, by_id
from labkit.judge import Preference, Rated

if TYPE_CHECKING:
    from datasets import Dataset

T = TypeVar("T")


def preferences(comparisons: Sequence[Comparison], judgements: Sequence[Judgement]) -> list[Preference]:
    """Pairs of a better and a worse answer, as DPO learns from them (Rafailov et al. 2023).

    The verdict that most raters gave counts; where there is no such verdict, and from ties, answers that are both bad
    and answers that are the same, no pair is made. An edited answer is better than both that were shown.

    Args:
        comparisons: that were judged; others may be among them.
        judgements: one of each rater on a comparison, as `Store.judgements` gives them.

    Raises:
        ValueError: no pair can be made, and why; or a judgement is about none of the comparisons.
    """

    def learned(comparison: Comparison, outcome: str, edits: Sequence[str]) -> list[Preference]:
        first, second = comparison.answers
        pairs = [(edit, answer) for edit in edits for answer in (first, second) if edit.strip() != answer.strip()]
        pairs += {"first": [(first, second)], "second": [(second, first)]}.get(outcome, [])
        return [Preference(tuple(comparison.messages or ()), *pair) for pair in dict.fromkeys(pairs)]

    return _each(comparisons, judgements, learned, "pair of answers")


def rated(comparisons: Sequence[Comparison], judgements: Sequence[Judgement]) -> list[Rated]:
    """Single answers with a thumb up or down, as KTO learns from them (Ethayarajh et al. 2024).

    The better answer is good and the other bad; two bad answers are bad, and an edited answer is good in place of the
    better one. Verdicts count as in `preferences`; arguments and errors are the same.
    """

    def learned(comparison: Comparison, outcome: str, edits: Sequence[str]) -> list[Rated]:
        first, second = comparison.answers
        good, bad = {
            "first": ([first], [second]), "second": ([second], [first]), "both_bad": ([], [first, second])
        }.get(outcome, ([], []))  # fmt: skip
        thumbs = dict.fromkeys(edits or good, True) | dict.fromkeys(bad, False)
        return [Rated(tuple(comparison.messages or ()), *thumb) for thumb in thumbs.items()]

    return _each(comparisons, judgements, learned, "answer with a thumb")


def _settled(
    comparisons: Sequence[Comparison], judgements: Sequence[Judgement]
) -> Iterator[tuple[Comparison, str, list[str]]]:
    """Each comparison that was judged, what came out (a verdict, "identical" or "contradicting"), and the edits."""
    given = stats.grouped((judgement.comparison, judgement) for judgement in judgements)
    for name, comparison in by_id(comparisons, judgements).items():
        if not (own := given.get(name)):
            continue
        (outcome, most), *others = Counter(str(judgement.verdict) for judgement in own).most_common(2)
        if others and others[0][1] == most:
            outcome = "contradicting"
        elif outcome in ("first", "second") and len({answer.strip() for answer in comparison.answers}) == 1:
            outcome = "identical"
        yield comparison, outcome, list(dict.fromkeys(j.edited for j in own if j.edited))


def _each(
    comparisons: Sequence[Comparison], judgements: Sequence[Judgement], learned: Callable[..., list[T]], what: str
) -> list[T]:
    """What is learned from each comparison that was judged; an error that says why where that is nothing."""
    settled = list(_settled(comparisons, judgements))
    if found := [row for one in settled for row in learned(*one)]:
        return found
    outcomes = Counter(outcome for _, outcome, _ in settled)
    reasons = {
        "tie": "ties", "both_bad": "with two bad answers", "identical": "with identical answers",
        "contradicting": "on which raters contradict each other",
    }  # fmt: skip
    counts = ", ".join(f"{n} {reasons[outcome]}" for outcome, n in outcomes.items()) or "nothing was judged"
    raise ValueError(f"There is no {what} to learn from ({counts}): judge more, or write better answers as `edited`.")


def dataset(preferences: Sequence[Preference]) -> Dataset:
    """A Hugging Face dataset in TRL's conversational preference format (https://huggingface.co/docs/trl).

    Args:
        preferences: at least one.

    Returns:
        Columns "prompt", "chosen" and "rejected", each a list of messages; `save_to_disk` writes it.

    Raises:
        ValueError: there are no preferences.
    """
    from datasets import Dataset

    if not preferences:
        raise ValueError("There are no preferences: make some with `feedback.preferences`.")
    return Dataset.from_list(
        [{"prompt": list(pair.messages), "chosen": [{"role": "assistant", "content": pair.chosen}],
          "rejected": [{"role": "assistant", "content": pair.rejected}]} for pair in preferences]
    )  # fmt: skip
