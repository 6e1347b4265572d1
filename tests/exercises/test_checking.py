"""`check`, on two exercises made here."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import exercises


def _six(answer: Any) -> str | None:
    return None if answer == 6 else "Count the splits again."


def _keys(answer: Any) -> str | None:
    return None if answer["recall"] > 0.5 else "Too low."


@pytest.fixture
def two_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exercises in place of the lessons' own."""
    monkeypatch.setattr(exercises.checking, "EXERCISES", {"01.1": _six, "01.2": _keys})


@pytest.mark.parametrize("answer", [(), (...,), (None,)])
def test_an_exercise_without_an_answer_runs(two_exercises, answer: tuple, capsys):
    exercises.check("01.1", *answer)
    assert capsys.readouterr().out == "01.1: not answered yet.\n"


def test_a_right_answer(two_exercises, capsys):
    exercises.check("01.1", 6)
    assert capsys.readouterr().out == "01.1: right.\n"


@pytest.mark.parametrize("answer", [5, 0, "", []])
def test_a_wrong_answer_gets_a_hint(two_exercises, answer: Any, capsys):
    exercises.check("01.1", answer)
    assert capsys.readouterr().out == "01.1: not yet. Count the splits again.\n"


@pytest.mark.parametrize("answer", [3, "text", {}, {"recall": "high"}, [1]])
def test_an_unreadable_answer_gets_a_hint_and_no_traceback(two_exercises, answer: Any, capsys):
    exercises.check("01.2", answer)
    said = capsys.readouterr().out
    assert "01.2: not yet. It could not be judged. Does the answer have the form that the exercise asks for?" in said


def test_an_unknown_exercise_names_those_there_are(two_exercises):
    with pytest.raises(ValueError, match=r"no exercise '9\.9': choose one of 01\.1, 01\.2"):
        exercises.check("9.9", 6)


def test_labkit_offers_check_itself(two_exercises, capsys):
    import labkit

    labkit.check("01.1", 6)
    assert "right" in capsys.readouterr().out
