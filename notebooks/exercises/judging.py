"""What several lessons' judges need: numbers, letters, and functions that are tried; the multiple-choice exercises."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from labkit.exercises import EXERCISES, FOLDER, exercise

# The right number (or numbers) with None, then the numbers that typical mistakes give, each with its hint.
Numbers = Iterator[tuple[float | tuple[float, ...], str | None]]


def number(name: str, otherwise: str, tolerance: float = 0.005) -> Callable[[Callable[[], Numbers]], None]:
    """Register an exercise whose answer is a number; the function decorated gives the numbers expected, one by one.

    Args:
        name: number of the exercise.
        otherwise: the hint for a number that is not expected.
        tolerance: how far an answer may be off.
    """

    def register(numbers: Callable[[], Numbers]) -> None:
        @exercise(name)
        def judge(answer: Any) -> str | None:
            given = np.asarray(answer, dtype=float)
            return next((hint for value, hint in numbers() if np.abs(given - value).max() < tolerance), otherwise)

    return register


def choice(answer: Any, right: str, hints: Mapping[str, str], among: str = "a to d") -> str | None:
    """The hint for the letter of a multiple-choice question; None for the right one.

    Args:
        answer: the letter, such as "b", "B" or "b)".
        right: the right letter, in lower case.
        hints: by wrong letter.
        among: the letters that there are, in words.
    """
    letter = str(answer).strip().strip("().:*").lower()
    return None if letter == right else hints.get(letter, f"Give one of the letters {among}.")


def tried(function: Callable[..., Any], cases: Iterable[tuple[tuple[Any, ...], Any, str]]) -> str | None:
    """The hint of the first case in which a function does not give what it should, or changes what it is given.

    Args:
        function: the answer.
        cases: arguments, what is to come of them, and what to think about where it does not.
    """
    for arguments, expected, hint in cases:
        given = copy.deepcopy(arguments)
        if (result := function(*given)) != expected:
            shown = "nothing (does it end with return?)" if result is None else repr(result)
            return f"For {', '.join(map(repr, arguments))} it gives {shown}: {hint}"
        if given != arguments:
            return "It changes what it was given: work on a copy, such as sorted(...) makes."
    return None


# The right letter, and a hint for each wrong one.
for _number, _hints in tomllib.loads((FOLDER / "choices.toml").read_text(encoding="utf-8")).items():
    EXERCISES[_number] = partial(choice, right=_hints.pop("right"), hints=_hints)
