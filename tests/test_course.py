"""The machinery of the lessons: checked exercises, recorded figures, running notebooks."""

from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labkit import course, paths
from labkit.stats import Interval

# ---------------------------------------------------------------------------------- exercises


def _six(answer: Any) -> str | None:
    return None if answer == 6 else "Count the splits again."


def _keys(answer: Any) -> str | None:
    return None if answer["recall"] > 0.5 else "Too low."


@pytest.fixture(autouse=True)
def exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exercises in place of the lessons' own."""
    module = types.ModuleType("labkit.exercises")
    module.EXERCISES = {"01.1": _six, "01.2": _keys}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "labkit.exercises", module)


@pytest.mark.parametrize("answer", [(), (...,), (None,)])
def test_an_exercise_without_an_answer_runs(answer: tuple, capsys):
    exercises.check("01.1", *answer)
    assert capsys.readouterr().out == "01.1: not answered yet.\n"


def test_a_right_answer(capsys):
    exercises.check("01.1", 6)
    assert capsys.readouterr().out == "01.1: right.\n"


@pytest.mark.parametrize("answer", [5, 0, "", []])
def test_a_wrong_answer_gets_a_hint(answer: Any, capsys):
    exercises.check("01.1", answer)
    assert capsys.readouterr().out == "01.1: not yet. Count the splits again.\n"


@pytest.mark.parametrize("answer", [3, "text", {}, {"recall": "high"}, [1]])
def test_an_unreadable_answer_gets_a_hint_and_no_traceback(answer: Any, capsys):
    exercises.check("01.2", answer)
    said = capsys.readouterr().out
    assert "01.2: not yet. It could not be judged. Has the answer the form that the exercise asks for?" in said


def test_an_unknown_exercise_names_those_there_are():
    with pytest.raises(ValueError, match=r"no exercise '9\.9': choose one of 01\.1, 01\.2"):
        exercises.check("9.9", 6)


def test_labkit_offers_check_itself(capsys):
    import labkit

    labkit.check("01.1", 6)
    assert "right" in capsys.readouterr().out


# ------------------------------------------------------------------------------------ records


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build folder of its own for each test."""
    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


def load(path: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    figures = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert set(figures.pop("made_with")) == {"profile", "generator", "embedder"}
    return figures


def test_figures_are_recorded_as_json(build: Path):
    path = course.record("01", questions=3, name="café", share=np.float32(0.5), count=np.int64(2), flag=True)
    assert path == build / "results" / "01.json"
    assert load(path) == {"questions": 3, "name": "café", "share": 0.5, "count": 2, "flag": True}


def test_later_figures_join_earlier_ones():
    course.record("01", a=1, b=2)
    assert load(course.record("01", b=3, c=4)) == {"a": 1, "b": 3, "c": 4}


def test_lessons_do_not_mix():
    course.record("01", a=1)
    assert load(course.record("02", b=2)) == {"b": 2}


def test_timings_are_kept_apart():
    course.record("01", timings={"index": 1.25}, a=1)
    assert load(course.record("01", timings={"answer": 2.5})) == {"a": 1, "timings": {"index": 1.25, "answer": 2.5}}


def test_a_rerun_writes_the_same_bytes():
    first = course.record("01", b=0.1 + 0.2, a=[1, 2]).read_bytes()
    assert course.record("01", a=[1, 2], b=0.3).read_bytes() == first


def test_intervals_tables_and_rows_become_plain(build: Path):
    table = pd.DataFrame({"arm": ["naive"], "score": [0.5]})
    course.record("01", em=Interval(0.5, 0.25, 0.75, 40, 8), table=table, rows=({"k": (1, 2)},))
    assert load(build / "results" / "01.json") == {
        "em": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 40, "clusters": 8, "missing": 0},
        "table": [{"arm": "naive", "score": 0.5}],
        "rows": [{"k": [1, 2]}],
    }


def test_nothing_measured_becomes_null():
    path = course.record("01", a=math.nan, b=np.float64("nan"), c=None, d=Interval(0.5, math.nan, math.nan, 1, 1))
    assert load(path)["a"] is load(path)["b"] is load(path)["c"] is load(path)["d"]["low"] is None


@pytest.mark.parametrize("figure", [object(), {1, 2}, b"bytes", [object()], {"deep": {"er": object()}}])
def test_what_json_cannot_hold_is_refused_and_harms_nothing(figure: Any):
    path = course.record("01", a=1)
    with pytest.raises(TypeError, match="cannot be recorded"):
        course.record("01", b=2, bad=figure)
    assert load(path) == {"a": 1}


def test_an_interrupted_write_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch):
    path = course.record("01", a=1)
    write = Path.write_text

    def half(self: Path, text: str, **options: Any) -> int:
        write(self, text[: len(text) // 2], **options)
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="disk full"):
        course.record("01", a=2)
    assert load(path) == {"a": 1}


def test_the_table_of_figures_shows_every_figure():
    interval = Interval(0.5, 0.25, 0.75, 40, 8)
    course.record("01", em=interval, arms=[{"name": "naive", "f1": 0.125}], note="text", none=math.nan)
    course.record("02", timings={"total": 3.0}, unknown=Interval(0.5, math.nan, math.nan, 1, 1))
    rows = [line.split() for line in course.figures_table().splitlines()]
    assert rows[0][:3] == ["lesson", "figure", "value"]
    assert ["01", "em", "0.500", "0.250", "to", "0.750"] in rows
    assert ["01", "arms.naive.f1", "0.125"] in rows
    assert ["01", "note", "text"] in rows
    assert ["01", "none", "-"] in rows
    assert ["02", "timings.total", "3.000"] in rows
    assert ["02", "unknown", "0.500"] in rows
    assert len(rows) == 7


# -------------------------------------------------------------------------- running the lessons


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
    assert load(paths.results() / "00.json") == {"answer": 42}
    assert "[1/2] 00_a" in (shown := capsys.readouterr().out) and "[2/2] 01_b" in shown


def test_a_failing_lesson_is_named_and_the_others_are_kept(tmp_path: Path, build: Path):
    lesson(tmp_path / "nb", "00_a", "print('before')", "raise ValueError('no such arm')", "print('after')")
    lesson(tmp_path / "nb", "01_b", "print('still', 'run')")
    with pytest.raises(RuntimeError, match="00_a: ValueError: no such arm") as failure:
        course.run(tmp_path / "nb")
    assert "01_b" not in str(failure.value)
    assert (build / "course" / "00_a.ipynb").exists()
    assert nbformat.read(build / "course" / "01_b.ipynb", as_version=4).cells[0].outputs[0].text == "still run\n"
    report = (build / "course" / "course.html").read_text(encoding="utf-8")
    assert "no such arm" in report and "still run" in report


@pytest.mark.parametrize("fault", ["import os; os._exit(1)", "import time; time.sleep(60)"], ids=["died", "too slow"])
def test_a_lesson_whose_kernel_dies_or_hangs_is_named_too(fault: str, tmp_path: Path, build: Path):
    lesson(tmp_path / "nb", "00_a", fault)
    lesson(tmp_path / "nb", "01_b", "print('still', 'run')")
    with pytest.raises(RuntimeError, match="00_a: "):
        course.run(tmp_path / "nb", timeout=5)
    assert nbformat.read(build / "course" / "01_b.ipynb", as_version=4).cells[0].outputs[0].text == "still run\n"


def test_figures_of_other_models_do_not_mix(monkeypatch):
    course.record("77", a=1)
    monkeypatch.setenv("LABKIT_MODEL", "another/model")
    assert load(course.record("77", b=2)) == {"b": 2}
