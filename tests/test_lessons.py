"""Every lesson and every solution follows the course's style (the rules stand in tests/style.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
import style

FOLDER = style.ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))


def name(value: Path | style.Rule) -> str:
    """How a notebook or a rule is called in the test's name."""
    if isinstance(value, Path):
        return value.relative_to(FOLDER).with_suffix("").as_posix()
    return value.__name__


def test_there_are_lessons_and_each_has_its_solution():
    assert LESSONS, "there are no lessons in notebooks/"
    assert [p.name for p in SOLUTIONS] == [p.name for p in LESSONS]


@pytest.mark.parametrize("rule", style.LESSON_RULES, ids=name)
@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_follows_the_rule(path: Path, rule: style.Rule):
    assert rule(style.read(path)) == []


@pytest.mark.parametrize("rule", style.SOLUTION_RULES, ids=name)
@pytest.mark.parametrize("path", SOLUTIONS, ids=name)
def test_a_solution_follows_the_rule(path: Path, rule: style.Rule):
    assert rule(style.read(path)) == []


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_the_solution_answers_the_exercises_of_its_lesson(path: Path):
    solution = style.read(FOLDER / "solutions" / path.name)
    assert list(style.exercises(solution)) == list(style.exercises(style.read(path)))


@pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=name)
def test_the_number_of_the_title_is_that_of_the_file(path: Path):
    assert path.name.startswith(f"{style.number(style.read(path))}_")


@pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=name)
def test_glossary_links_lead_somewhere(path: Path):
    glossary = (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8")
    assert style.glossary_links_lead_somewhere(style.read(path), glossary) == []


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_every_exercise_of_the_lesson_can_be_checked(path: Path):
    from labkit import exercises

    assert all(exercises.judge(number) for number in style.exercises(style.read(path)))
