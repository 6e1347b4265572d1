"""`check` judges the answer to an exercise, and hints where it is not right yet.

The judges lie with the lessons, in `notebooks/exercises`: one module for each lesson, loaded when one of its exercises
is checked, and `judging.py` for what they share. A judge takes an answer, and returns a hint, or None when the answer
is right.
"""

import importlib
from collections.abc import Callable
from typing import Any

from labkit import paths

# What lies in this folder is imported as a part of this module, such as labkit.exercises.lesson_03.
FOLDER = paths.lessons() / "exercises"
__path__ = [str(FOLDER)]
Judge = Callable[[Any], str | None]
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
        FileNotFoundError: the judges are not there.
    """
    if exercise not in EXERCISES:
        if not (FOLDER / "judging.py").exists():
            raise FileNotFoundError(
                f"There are no judges of exercises in {FOLDER}: bring it back, or install labkit anew."
            )
        lessons = [path.stem for path in sorted(FOLDER.glob("lesson_*.py"))]
        own = f"lesson_{exercise.partition('.')[0].lower()}"
        importlib.import_module(f"{__name__}.judging")  # the multiple-choice ones
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
