"""`check` judges the answer to an exercise, and hints where it is not right yet.

The judges lie with the lessons, in `notebooks/exercises`: one module for each lesson, loaded when one of its exercises
is checked. A judge takes an answer, and returns a hint, or None when the answer is right.
"""

from __future__ import annotations

import copy
import importlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from labkit import paths

# What lies in this folder is imported as a part of this module, such as labkit.exercises.lesson_03.
FOLDER = paths.lessons() / "exercises"
__path__ = [str(FOLDER)]
Judge = Callable[[Any], str | None]
# The right number (or numbers) with None, then the numbers that typical mistakes give, each with its hint.
Numbers = Iterator[tuple[float | tuple[float, ...], str | None]]
EXERCISES: dict[str, Judge] = {}
_RIGHT = "right."


def exercise(number: str, function: bool = False) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise.

    Args:
        number: of the exercise.
        function: the answer must be a function; anything else gets a hint that says so.
    """

    def register(judge: Judge) -> Judge:
        def called(answer: Any) -> str | None:
            return judge(answer) if callable(answer) else "Give the function itself, without brackets: check calls it."

        EXERCISES[number] = called if function else judge
        return judge

    return register


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


def check(exercise: str, answer: Any = None) -> None:
    """Judge the answer to an exercise, and hint where it is not right yet.

    Args:
        exercise: its number, such as "01.2".
        answer: what you found; `...` or nothing while it is not answered.

    Raises:
        ValueError: there is no such exercise.
    """
    print(f"{exercise}: {_judged(exercise, answer)}")


def passed(exercise: str, answer: Any = None) -> bool:
    """Whether the answer to an exercise is right, for grading; arguments and errors as in `check`."""
    return _judged(exercise, answer) == _RIGHT


def judge(exercise: str) -> Judge:
    """The judge of an exercise.

    Args:
        exercise: its number, such as "01.2".

    Raises:
        ValueError: there is no such exercise.
    """
    if exercise not in EXERCISES:
        lessons = [path.stem for path in sorted(FOLDER.glob("lesson_*.py"))]
        own = f"lesson_{exercise.partition('.')[0].lower()}"
        # Only an exercise of no lesson loads them all, so that the error can name what there is.
        for lesson in [own] if own in lessons else lessons:
            importlib.import_module(f"{__name__}.{lesson}")
    if exercise not in EXERCISES:
        raise ValueError(f"There is no exercise {exercise!r}: choose one of {', '.join(sorted(EXERCISES))}.")
    return EXERCISES[exercise]


def _judged(exercise: str, answer: Any) -> str:
    asked = judge(exercise)
    if answer is None or answer is ...:
        return "not answered yet."
    try:
        hint = asked(answer)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as cause:
        # An answer that cannot even be judged gets a hint, not a traceback.
        unread = "It could not be judged. Does the answer have the form that the exercise asks for?"
        hint = f"{unread} ({type(cause).__name__}: {cause})"
    return _RIGHT if hint is None else f"not yet. {hint}"


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


def _register_choices() -> None:
    """Register the multiple-choice exercises that `choices.toml` holds.

    Raises:
        FileNotFoundError: the judges are not there.
    """
    file = FOLDER / "choices.toml"
    if not file.exists():
        raise FileNotFoundError(f"There are no judges of exercises in {FOLDER}: bring it back, or install labkit anew.")
    for number, hints in tomllib.loads(file.read_text(encoding="utf-8")).items():
        EXERCISES[number] = partial(choice, right=hints.pop("right"), hints=hints)


_register_choices()
