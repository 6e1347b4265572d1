"""The editions for a class: no solution in the students', full marks for the solutions, none for blanks."""

from __future__ import annotations

import runpy
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
made = SimpleNamespace(**runpy.run_path(str(ROOT / "notebooks" / "class_edition.py")))
LESSONS = [path for path in sorted((ROOT / "notebooks").glob("[0-9A]*_*.ipynb"))]
FIRST = LESSONS[0]


def answers(notebook) -> dict[str, str]:
    """The cells that students fill in, by their ids."""
    cells = {c.metadata.get("nbgrader", {}).get("grade_id", ""): c.source for c in notebook.cells}
    return {name: source for name, source in cells.items() if name.startswith("answer")}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_is_solved_and_graded(path):
    lesson, edition = nbformat.read(path, 4), made.edition(path, path.parent / "solutions" / path.name)
    nbformat.validate(edition)
    exercises = sum("labkit.check(" in c.source for c in lesson.cells if c.cell_type == "code")
    graded = [c for c in edition.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert len(answers(edition)) == len(graded) == exercises > 0
    for source in answers(edition).values():
        compile(source, path.name, "exec")


def test_a_missing_solution_is_said(tmp_path):
    path = tmp_path / "solutions.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    with pytest.raises(ValueError, match=r"Exercise 00.1 has no solution in solutions.ipynb"):
        made.edition(FIRST, path)


def call(folder: Path, *arguments: str) -> None:
    done = made.nbgrader(folder, *arguments)
    assert done.returncode == 0, done.stderr


def test_generate_collect_and_autograde(tmp_path, monkeypatch):
    pytest.importorskip("nbgrader")
    course, exchange, name = tmp_path / "course", tmp_path / "exchange", FIRST.stem
    exchange.mkdir()
    exchange.chmod(0o777)
    [released] = made.make(course, [name])
    student = nbformat.read(released, 4)
    solved = answers(nbformat.read(course / "source" / name / FIRST.name, 4))
    text = released.read_text(encoding="utf-8")
    assert "SOLUTION" not in text and "HIDDEN" not in text and "exercises.passed" not in text
    assert len(solved) == len(answers(student))
    for blank, full in zip(answers(student).values(), solved.values(), strict=True):
        inside = full.partition(made.BEGIN)[2].partition(made.END)[0].strip()
        assert inside and inside not in blank
    settings = f"c.Exchange.root = {str(exchange)!r}\nc.ExchangeCollect.check_owner = False\n"
    config = (course / "nbgrader_config.py").read_text() + settings
    (course / "nbgrader_config.py").write_text(config)
    call(course, "release_assignment", name)
    # One is handed in and collected; the other, blank, is put where nbgrader would have collected it.
    home, blank = tmp_path / "home", course / "submitted" / "blank" / name
    home.mkdir()
    (home / "nbgrader_config.py").write_text(config)
    call(home, "fetch_assignment", name)
    for cell in student.cells:
        cell.source = solved.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""), cell.source)
    nbformat.write(student, home / name / FIRST.name)
    call(home, "submit", name)
    blank.mkdir(parents=True)
    shutil.copy(released, blank)
    call(course, "collect", name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    call(course, "autograde", name, "--create")
    with sqlite3.connect(course / "gradebook.db") as book:
        rows = book.execute(
            "select sa.student_id, sum(g.auto_score) from grade g join submitted_notebook sn on g.notebook_id = sn.id "
            "join submitted_assignment sa on sn.assignment_id = sa.id group by sa.student_id"
        ).fetchall()
    assert sorted(dict(rows).values()) == [0.0, len(solved)] and dict(rows)["blank"] == 0
