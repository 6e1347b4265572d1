"""Lessons run without a screen; a failing one is named and the others are kept."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labkit import course, paths


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of its own for each test."""
    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


def lesson(folder: Path, name: str, *cells: str) -> None:
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(c) for c in cells]), folder / f"{name}.ipynb")


def test_lessons_come_in_order(tmp_path: Path):
    for name in ("02_b", "00_a", "01_c"):
        lesson(tmp_path / "notebooks", name)
    assert [p.stem for p in course.notebooks(tmp_path / "notebooks")] == ["00_a", "01_c", "02_b"]


def test_a_folder_without_lessons_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no lessons"):
        course.notebooks(tmp_path)


RECORDS = "from labkit import course; course.record('00', answer=41 + 1)"


def test_a_run_leaves_notebooks_report_and_figures(tmp_path: Path, build: Path, capsys):
    lesson(tmp_path / "nb", "00_a", RECORDS, "print('the first', 6 * 7)")
    lesson(tmp_path / "nb", "01_b", "print('the second', 7 * 8)")
    (build / "results").mkdir(parents=True)
    (build / "results" / "99.json").write_text('{"stale": 1}', encoding="utf-8")
    executed = course.run(tmp_path / "nb")
    assert executed == [build / "course" / "00_a.ipynb", build / "course" / "01_b.ipynb"]
    cells = nbformat.read(executed[0], as_version=4).cells
    assert [c.execution_count for c in cells] == [1, 2]
    assert cells[1].outputs[0].text == "the first 42\n"
    report = (build / "course" / "course.html").read_text(encoding="utf-8")
    assert "the first 42" in report and "the second 56" in report
    assert [p.name for p in paths.results().iterdir()] == ["00.json"]
    assert json.loads((paths.results() / "00.json").read_text())["answer"] == 42
    assert "[1/2] 00_a" in (shown := capsys.readouterr().out) and "[2/2] 01_b" in shown


def test_a_failing_lesson_is_named_and_the_others_are_kept(tmp_path: Path, build: Path):
    lesson(tmp_path / "nb", "00_a", "print('before')", "raise ValueError('no such system')", "print('after')")
    lesson(tmp_path / "nb", "01_b", "print('still', 'run')")
    with pytest.raises(RuntimeError, match="00_a: ValueError: no such system") as failure:
        course.run(tmp_path / "nb")
    assert "01_b" not in str(failure.value)
    assert (build / "course" / "00_a.ipynb").exists()
    assert nbformat.read(build / "course" / "01_b.ipynb", as_version=4).cells[0].outputs[0].text == "still run\n"
    report = (build / "course" / "course.html").read_text(encoding="utf-8")
    assert "no such system" in report and "still run" in report


@pytest.mark.parametrize("fault", ["import os; os._exit(1)", "import time; time.sleep(60)"], ids=["died", "too slow"])
def test_a_lesson_whose_kernel_dies_or_hangs_is_named_too(fault: str, tmp_path: Path, build: Path):
    lesson(tmp_path / "nb", "00_a", fault)
    lesson(tmp_path / "nb", "01_b", "print('still', 'run')")
    with pytest.raises(RuntimeError, match="00_a: "):
        course.run(tmp_path / "nb", timeout=5)
    assert nbformat.read(build / "course" / "01_b.ipynb", as_version=4).cells[0].outputs[0].text == "still run\n"
