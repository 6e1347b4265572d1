"""`check` judges the answer to an exercise, and hints where it is not right yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Judge = Callable[[Any], str | None]
EXERCISES: dict[str, Judge] = {}


def exercise(number: str) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise."""

    def register(judge: Judge) -> Judge:
        EXERCISES[number] = judge
        return judge

    return register


def check(exercise: str, answer: Any = None) -> None:
    """Judge the answer to an exercise, and hint where it is not right yet.

    Args:
        exercise: its number, such as "01.2".
        answer: what you found; `...` or nothing while it is not answered.

    Raises:
        ValueError: there is no such exercise.
    """
    if exercise not in EXERCISES:
        raise ValueError(f"There is no exercise {exercise!r}: choose one of {', '.join(sorted(EXERCISES))}.")
    if answer is None or answer is ...:
        print(f"{exercise}: not answered yet.")
        return
    hint = _judge(EXERCISES[exercise], answer)
    print(f"{exercise}: right." if hint is None else f"{exercise}: not yet. {hint}")


def choice(answer: Any, right: str, hints: Mapping[str, str], among: str = "a to d") -> str | None:
    """The hint for the letter of a multiple-choice question; None for the right one.

    Args:
        answer: the letter, in either case.
        right: the right letter, in lower case.
        hints: by wrong letter.
        among: the letters that there are, in words.
    """
    letter = letter_of(answer)
    return None if letter == right else hints.get(letter, f"Give one of the letters {among}.")


def letter_of(answer: Any) -> str:
    """The letter of an answer such as "b", "B" or "b)", in lower case."""
    return str(answer).strip().strip("().:*").lower()


def _judge(judge: Callable[[Any], str | None], answer: Any) -> str | None:
    """The hint for an answer; one that cannot even be judged gets a hint, not a traceback."""
    try:
        return judge(answer)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as cause:
        return (
            "It could not be judged. Does the answer have the form that the exercise asks for? "
            f"({type(cause).__name__}: {cause})"
        )
