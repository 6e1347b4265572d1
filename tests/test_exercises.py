"""`check`, on two exercises made here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labkit import exercises
from labkit.exercises import judging


def _six(answer: Any) -> str | None:
    return None if answer == 6 else "Count the splits again."


def _keys(answer: Any) -> str | None:
    return None if answer["recall"] > 0.5 else "Too low."


@pytest.fixture
def two_exercises(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two exercises in place of the lessons' own."""
    monkeypatch.setattr(exercises, "FOLDER", tmp_path)
    monkeypatch.setattr(exercises, "EXERCISES", {"01.1": _six, "01.2": _keys})


@pytest.mark.parametrize("answer", [(), (...,), (None,)])
def test_an_exercise_without_an_answer_runs(two_exercises, answer: tuple, capsys):
    exercises.check("01.1", *answer)
    assert capsys.readouterr().out == "01.1: not answered yet.\n"


def test_a_right_answer(two_exercises, capsys):
    exercises.check("01.1", 6)
    assert capsys.readouterr().out == "01.1: right.\n"


def test_only_a_right_answer_passes(two_exercises):
    assert exercises.passed("01.1", 6)
    assert not any(exercises.passed("01.1", answer) for answer in (5, None, ...))
    assert not exercises.passed("01.2", 6)


@pytest.mark.parametrize("answer", [5, 0, "", []])
def test_a_wrong_answer_gets_a_hint(two_exercises, answer: Any, capsys):
    exercises.check("01.1", answer)
    assert capsys.readouterr().out == "01.1: not yet. Count the splits again.\n"


@pytest.mark.parametrize("answer", [3, "text", {}, {"recall": "high"}, [1]])
def test_an_unreadable_answer_gets_a_hint_and_no_traceback(two_exercises, answer: Any, capsys):
    exercises.check("01.2", answer)
    said = capsys.readouterr().out
    assert "01.2: not yet. It could not be judged. Does the answer have the form that the exercise asks for?" in said


def test_only_the_lesson_of_the_exercise_is_loaded():
    code = (
        "import sys, labkit; labkit.check('A1.2', 1); print([m for m in sys.modules if m.startswith('labkit.ex')])\n"
        "try: labkit.check('A1.9', 1)\nexcept ValueError as cause: print(cause)"
    )
    hint, loaded, error = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert (
        "not yet" in hint and loaded == "['labkit.exercises', 'labkit.exercises.judging', 'labkit.exercises.lesson_a1']"
    )
    assert error.startswith("There is no exercise 'A1.9': choose one of") and "A1.2" in error


def test_an_exercise_of_no_lesson_names_those_of_all_lessons():
    with pytest.raises(ValueError, match=r"no exercise '77\.1': choose one of 00\.1, .*09\.2.* A1\.2"):
        exercises.check("77.1", 6)


def test_judges_that_were_removed_are_missed(two_exercises):
    with pytest.raises(FileNotFoundError, match="no judges of exercises"):
        exercises.check("9.9", 6)


def test_the_letter_of_a_choice():
    def judge(answer: Any) -> str | None:
        return judging.choice(answer, "b", {"a": "Look again."})

    assert judge("b") is None and judge(" B) ") is None
    assert judge("A") == "Look again."
    assert judge("e") == judge(7) == "Give one of the letters a to d."


def test_numbers_are_looked_at_one_after_the_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exercises, "EXERCISES", {})
    computed = []

    @judging.number("9.2", "Count again.", tolerance=0.1)
    def numbers() -> judging.Numbers:
        for value, hint in ((2.0, None), (3.0, "That is with the third."), (2.05, "Never reached.")):
            computed.append(value)
            yield value, hint

    judge = exercises.EXERCISES["9.2"]
    assert judge(2.05) is None and computed == [2.0]
    assert judge("3") == "That is with the third." and judge(2.5) == "Count again."


def test_a_function_must_be_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exercises, "EXERCISES", {})
    exercises.exercise("9.3", function=True)(lambda answer: answer())
    judge = exercises.EXERCISES["9.3"]
    assert judge(lambda: None) is None and judge(lambda: "No.") == "No."
    assert "function itself" in judge(3)


def test_a_function_is_tried_on_each_case():
    cases = [(([3, 1],), [1, 3], "small ones first."), (([],), None, "there is nothing to sort.")]
    assert judging.tried(lambda rows: sorted(rows) or None, cases) is None
    assert judging.tried(lambda rows: rows, cases) == "For [3, 1] it gives [3, 1]: small ones first."
    assert judging.tried(sorted, cases) == "For [] it gives []: there is nothing to sort."
    assert "return" in judging.tried(lambda rows: None, cases)
    assert "copy" in judging.tried(lambda rows: (rows.sort(), rows)[1], cases)


def test_labkit_offers_check_itself(two_exercises, capsys):
    import labkit

    labkit.check("01.1", 6)
    assert "right" in capsys.readouterr().out
