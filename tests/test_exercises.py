"""The exercises' judges: wrong answers get a hint, and never the answer."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import corpus, exercises
from labkit.exercises import EXERCISES, FIRST_CONTRACT


def test_judges_tell_right_from_wrong():
    contracts = corpus.load_documents("dev", kinds=("contract",))
    both = corpus.load_documents("dev", kinds=("contract", "amendment"))
    assert EXERCISES["00.1"](len(contracts)) is None
    assert "amendments" in EXERCISES["00.1"](len(both))
    assert EXERCISES["00.1"](-1)
    assert EXERCISES["01.1"]("usd 2000000") is None
    assert "same text" in EXERCISES["01.1"]("USD 2,000,000")
    assert EXERCISES["01.1"]("USD 3,000,000")
    assert "recall at 5" in EXERCISES["01.2"](exercises._mean_recall(5))


def test_the_law_is_judged_by_the_contract_itself():
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    assert EXERCISES["00.2"](f"{interest['surface']} [1]") is None
    assert EXERCISES["00.2"]("99% [1]")
    assert "reply" in EXERCISES["00.2"](42)


def test_a_mask_is_judged_by_what_it_lets_a_token_see():
    def mask(group, branch, later=False, groups=True, branches=True):
        places = range(len(group))
        return [
            [(later or j <= i) and not (groups and group[i] != group[j])
             and not (branches and branch[j] not in (0, branch[i])) for j in places] for i in places
        ]  # fmt: skip

    judge = EXERCISES["A1.2"]
    assert judge(mask) is None
    assert "after it" in judge(lambda g, b: mask(g, b, later=True))
    assert "another group" in judge(lambda g, b: mask(g, b, groups=False))
    assert "another branch" in judge(lambda g, b: mask(g, b, branches=False))
    assert "may see" in judge(lambda g, b: [[False] * len(g) for _ in g])
    assert "square" in judge(lambda g, b: [[True]])


def test_only_further_wordings_help_with_new_ones():
    assert EXERCISES["A1.4"](" B ") is None
    assert len({EXERCISES["A1.4"](letter) for letter in "acde"}) == 4


# ---- check itself, on two exercises made here


def _six(answer: Any) -> str | None:
    return None if answer == 6 else "Count the splits again."


def _keys(answer: Any) -> str | None:
    return None if answer["recall"] > 0.5 else "Too low."


@pytest.fixture
def two_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exercises in place of the lessons' own."""
    monkeypatch.setattr(exercises, "EXERCISES", {"01.1": _six, "01.2": _keys})


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
    assert "01.2: not yet. It could not be judged. Has the answer the form that the exercise asks for?" in said


def test_an_unknown_exercise_names_those_there_are(two_exercises):
    with pytest.raises(ValueError, match=r"no exercise '9\.9': choose one of 01\.1, 01\.2"):
        exercises.check("9.9", 6)


def test_labkit_offers_check_itself(two_exercises, capsys):
    import labkit

    labkit.check("01.1", 6)
    assert "right" in capsys.readouterr().out
