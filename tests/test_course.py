"""The course run without a screen: a failing lesson named and the others kept; what they record, as one table."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import style
from nbformat.v4 import new_code_cell, new_notebook

from labkit import course, paths
from labkit.stats import Interval

made = SimpleNamespace(**runpy.run_path(str(style.ROOT / "notebooks" / "course.py")))
pytestmark = pytest.mark.usefixtures("build")


def lesson(folder: Path, name: str, *cells: str) -> None:
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(c) for c in cells]), folder / f"{name}.ipynb")


RECORDS = "from labkit import course; course.record('00', answer=41 + 1)"


def test_a_run_leaves_notebooks_report_and_figures(tmp_path: Path, build: Path, capsys):
    lesson(tmp_path / "nb", "00_a", RECORDS, "print('the first', 6 * 7)")
    lesson(tmp_path / "nb", "01_b", "print('the second', 7 * 8)")
    (build / "results").mkdir(parents=True)
    (build / "results" / "99.json").write_text('{"stale": 1}', encoding="utf-8")
    executed = made.run(tmp_path / "nb")
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
        made.run(tmp_path / "nb")
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
        made.run(tmp_path / "nb", timeout=5)
    assert nbformat.read(build / "course" / "01_b.ipynb", as_version=4).cells[0].outputs[0].text == "still run\n"


def test_the_table_of_figures_shows_every_figure():
    interval = Interval(0.5, 0.25, 0.75, 40, 8)
    course.record("01", em=interval, systems=[{"name": "naive", "f1": 0.125}], note="text", none=math.nan)
    course.record("02", timings={"total": 3.0}, unknown=Interval(0.5, math.nan, math.nan, 1, 1))
    rows = [line.split() for line in made.figures_table().splitlines()]
    assert rows[0][:3] == ["lesson", "figure", "value"]
    assert ["01", "em", "0.500", "0.250", "to", "0.750"] in rows
    assert ["01", "systems.naive.f1", "0.125"] in rows
    assert ["01", "note", "text"] in rows
    assert ["01", "none", "-"] in rows
    assert ["02", "timings.total", "3.000"] in rows
    assert ["02", "unknown", "0.500"] in rows
    assert len(rows) == 7


def test_rows_of_a_table_are_named_by_their_texts_or_their_whole_number():
    found = {"difference": 0.25, "low": 0.125, "high": 0.375, "p": 0.01, "detectable": math.nan}
    unclear = {"difference": -0.5, "low": -1.0, "high": 0.0, "p": 1.0, "detectable": 0.75}
    versus = [{"name": "BM25", "metric": "recall", **found}, {"name": "BM25", "metric": "accuracy", **unclear}]
    by_depth = [{"depth": 5, "share": 0.5}, {"depth": 10, "share": 0.75}]
    said = [{"name": "judge", "verdict": "good"}, {"name": "reader", "difference": None, "low": None, "high": None}]
    course.record("03", versus=versus, by_depth=by_depth, said=said, shares=[Interval(0.5, 0.25, 0.75, 40, 8)])
    lines = made.figures_table().splitlines()
    assert lines[0].split() == ["lesson", "figure", "value", "95", "%", "interval", "p", "detectable"]
    assert [line.split(maxsplit=1)[1].split() for line in lines[1:]] == [
        ["by_depth.depth", "5.share", "0.500"],
        ["by_depth.depth", "10.share", "0.750"],
        ["said.judge.verdict", "good"],
        *(["said.reader." + name, "-"] for name in ("difference", "high", "low")),
        ["shares.0", "0.500", "0.250", "to", "0.750"],
        ["versus.BM25,", "recall", "+0.250", "0.125", "to", "0.375", "0.010"],
        ["versus.BM25,", "accuracy", "-0.500", "-1.000", "to", "0.000", "1.000", "0.750"],
    ]


def test_the_table_fits_into_120_columns():
    figures = {"value": -0.125, "low": -0.25, "high": -0.125}
    course.record("03", **{"a figure with a long name, " * 6: figures}, evidence=[0.5, -1234.5])
    lines = made.figures_table().splitlines()
    assert max(map(len, lines)) <= 120
    named = [line.split(maxsplit=1)[1] for line in lines if line.startswith("03") and "evidence" not in line]
    assert " ".join(named).count("a figure with a long name,") == 6 and named[-1].endswith("-0.250 to -0.125")


def test_the_command_prints_every_figure_and_tells_of_a_failure(tmp_path: Path, capsys):
    lesson(tmp_path / "nb", "00_a", RECORDS)
    assert made.main(tmp_path / "nb") == 0
    assert "00      answer  42" in capsys.readouterr().out
    lesson(tmp_path / "nb", "01_b", "raise ValueError('no such system')")
    assert made.main(tmp_path / "nb") == 1
    shown = capsys.readouterr()
    assert "01_b: ValueError: no such system" in shown.err and "00      answer  42" in shown.out
    assert made.main(tmp_path) == 1 and "There are no lessons in" in capsys.readouterr().err


def test_a_damaged_record_is_told_in_a_sentence(tmp_path: Path, build: Path, capsys):
    (build / "results").mkdir(parents=True)
    (build / "results" / "01.json").write_text("[1", encoding="utf-8")
    assert made.main(tmp_path) == 1
    said = capsys.readouterr().err
    assert said.startswith("labkit: The figures in ") and "damaged: delete the file" in said and said.count("\n") == 1
