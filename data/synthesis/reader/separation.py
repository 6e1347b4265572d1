"""How far the text that trained the reader is from the course's data.

Names, numbers and dates are masked on both sides and every slot of the bank counts as a mask. Three
figures: questions that are equal, runs of eight words that are shared, and the share of the
data's runs of five words that occur in the bank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labkit.values import MONTHS, NUMBER_WORDS

MASK = "\N{LOW LINE}"
_TOKEN = re.compile(r"\{[^{}]*\}|[^\W_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}-][^\W_]+)*")


@dataclass(frozen=True)
class Overlap:
    """What two bodies of text share after masking.

    Attributes:
        equal_questions: question wordings that occur on both sides.
        shared_eight: runs of eight words that occur on both sides.
        five_share: share of the data's distinct runs of five words that occur in the bank.
        examples: some of what is shared, for the reader of a failed test.
    """

    equal_questions: int
    shared_eight: int
    five_share: float
    examples: tuple[str, ...]

    def holds(self) -> bool:
        """Whether the rule is kept: no equal question, no shared run of eight, at most 2 % of five."""
        return self.equal_questions == 0 and self.shared_eight == 0 and self.five_share <= 0.02


def mask_names(text: str, names: Iterable[str] = ()) -> str:
    """Mask numbers, dates, and `names` (longest first); other words stay."""
    for name in sorted(set(names), key=lambda n: (-len(n), n)):
        if name:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " {m} ", text)
    return text


def masked_words(text: str) -> list[str]:
    """Lower-case words of a text; slots, numbers, number words and months are masks, repeated masks one."""
    words: list[str] = []
    for token in _TOKEN.findall(text):
        lowered = token.lower()
        parts = lowered.split("-")
        masked = token[0] == "{" or any(c.isdigit() for c in token) or all(p in NUMBER_WORDS for p in parts)
        word = MASK if masked or token in MONTHS else lowered
        if word != MASK or not words or words[-1] != MASK:
            words.append(word)
    return words


def runs(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    """Runs of `length` words that hold at least `length` - 1 words that are no mask."""
    found = (tuple(words[i : i + length]) for i in range(len(words) - length + 1))
    return {run for run in found if run.count(MASK) <= 1}


def overlap(
    bank_texts: Iterable[str],
    data_texts: Iterable[str],
    mask: Callable[[str], str] = mask_names,
    *,
    bank_questions: Iterable[str] = (),
    data_questions: Iterable[str] = (),
    exempt: Iterable[str] = (),
) -> Overlap:
    """Measure what the reader's bank and the course's data share.

    Args:
        bank_texts, data_texts: all wordings of the bank; all texts of the data (documents, questions).
        mask: replaces the names of a text by slots such as "{m}"; numbers and dates are masked anyway.
        bank_questions, data_questions: the question wordings of both sides (also part of the texts).
        exempt: texts that both sides may hold (the prompts).
    """
    bank_questions, data_questions = list(bank_questions), list(data_questions)
    free = [masked_words(mask(text)) for text in exempt]
    sides: list[dict[int, set[tuple[str, ...]]]] = []
    for texts in ([*bank_texts, *bank_questions], [*data_texts, *data_questions]):
        found: dict[int, set[tuple[str, ...]]] = {5: set(), 8: set()}
        for text in texts:
            words = masked_words(mask(text))
            for length, kept in found.items():
                kept |= runs(words, length)
        for length, kept in found.items():
            kept -= set().union(*(runs(words, length) for words in free)) if free else set()
        sides.append(found)
    bank, data = sides
    equal = _asked(bank_questions, mask) & _asked(data_questions, mask)
    eight, five = bank[8] & data[8], bank[5] & data[5]
    shown = [" ".join(run) for run in (*sorted(equal)[:10], *sorted(eight)[:10], *sorted(five)[:10])]
    return Overlap(len(equal), len(eight), len(five) / len(data[5]) if data[5] else 0.0, tuple(shown))


def _asked(questions: Iterable[str], mask: Callable[[str], str]) -> set[tuple[str, ...]]:
    return {tuple(masked_words(mask(question))) for question in questions}
