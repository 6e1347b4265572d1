"""Two editions of the course for a class, in nbgrader's form: `make class`, or `python notebooks/class_edition.py`.

A lesson's exercises become nbgrader's cells: one that a student fills in, and one, out of their reach, that grades it.
The instructor's edition (`source/`) holds the worked solutions; the student's (`release/`) is made from it by nbgrader
itself, which takes them out. `nbgrader collect` and `nbgrader autograde` then work as nbgrader's manual says.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

HERE = Path(__file__).resolve().parent
CHECKED = re.compile(r'^labkit\.check\("(?P<number>[^"]+)", *(?P<answer>.*)\)(?: +#.*)?$', re.MULTILINE)
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "labkit"
c.ClearSolutions.code_stub = {"python": "# Put your answer in the place of the dots above."}
c.ExecutePreprocessor.timeout = 900
"""


def edition(lesson: Path, solution: Path) -> Any:
    """A lesson as nbgrader's source: with the solutions in it, and a grading cell behind each exercise.

    Args:
        lesson: the notebook.
        solution: the notebook with its worked solutions.

    Raises:
        ValueError: an exercise has no solution.
    """
    made, solved = nbformat.read(lesson, as_version=4), solutions(solution)
    cells = []
    for cell in made.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.update(outputs=[], execution_count=None)
        found = CHECKED.search(cell.source)
        if not found:
            continue
        number = found["number"]
        if number not in solved:
            raise ValueError(f"Exercise {number} has no solution in {solution.name}: add one.")
        stub = CHECKED.sub("", cell.source).rstrip()
        cell.source = f"{stub}\n\n{BEGIN}\n{solved[number]}\n{END}\n{found[0].strip()}"
        cell.metadata["nbgrader"] = _grading(f"answer-{number}", solution=True)
        # Hidden from students, so that a lesson runs through though an exercise is not answered yet.
        graded = f'assert labkit.exercises.passed("{number}", {found["answer"]})'
        grader = nbformat.v4.new_code_cell(f"# Graded here.\n{BEGIN_HIDDEN}\n{graded}\n{END_HIDDEN}")
        grader.metadata["nbgrader"] = _grading(f"grade-{number}", grade=True, locked=True) | {"points": 1}
        cells.append(grader)
    made.cells = cells
    return made


def solutions(path: Path) -> dict[str, str]:
    """The code of each exercise of a notebook of solutions, by number; what they all build on comes with the first."""
    found, waiting = {}, list[str]()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or "google.colab" in cell.source:
            continue
        code = re.sub(r"^# NBVAL_CHECK_OUTPUT\n", "", cell.source)
        checked = CHECKED.search(code)
        if not checked:
            waiting.append(code)
            continue
        number, answer = checked["number"], f"answer_{checked['number'].split('.')[1]}"
        rest = CHECKED.sub("", code).rstrip()
        rest += "" if checked["answer"] == answer else f"\n{answer} = {checked['answer']}"
        found[number], waiting = "\n\n".join([*waiting, rest.strip()]), []
    return found


def _grading(name: str, **flags: bool) -> dict[str, Any]:
    plain = {"grade": False, "locked": False, "solution": False, "task": False}
    return plain | flags | {"grade_id": name.replace(".", "-"), "schema_version": 3}


def make(out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write both editions of the lessons.

    Args:
        out: folder of the course, in nbgrader's layout.
        names: beginnings of lessons' names, such as "03"; all that have solutions by default.

    Returns:
        The lessons of the students' edition.

    Raises:
        RuntimeError: nbgrader is not installed, or refuses a lesson.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    released = []
    for lesson in sorted(HERE.glob("[0-9A]*_*.ipynb")):
        solution = HERE / "solutions" / lesson.name
        if not solution.exists() or (names and not lesson.name.startswith(tuple(names))):
            continue
        source = out / "source" / lesson.stem / lesson.name
        source.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(edition(lesson, solution), source)
        shutil.rmtree(out / "release" / lesson.stem, ignore_errors=True)
        done = nbgrader(out, "generate_assignment", lesson.stem, "--create", "--force")
        made = out / "release" / lesson.stem / lesson.name
        if done.returncode or not made.exists():
            details = (done.stderr.strip().splitlines() or ["no details"])[-1]
            raise RuntimeError(f"nbgrader did not take {lesson.name}: pip install 'labkit[class]'. ({details})")
        released.append(made)
    return released


def nbgrader(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run nbgrader in the folder of the course; it calls a program that stands beside the interpreter."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(
        command, cwd=out, capture_output=True, text=True, check=False, env=os.environ | {"PATH": beside}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("build/class"))
    parser.add_argument("lessons", nargs="*", help="beginnings of names, such as 03; all by default")
    options = parser.parse_args()
    for path in make(options.out, options.lessons):
        print(path)
