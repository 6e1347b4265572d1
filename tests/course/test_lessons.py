"""Lessons run without a screen, a failing one named and the others kept; figures recorded, and shown as a table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labkit import course, paths
from labkit.stats import Interval


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


# ------------------------------------------------------------------ records


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
    table = pd.DataFrame({"system": ["naive"], "score": [0.5]})
    course.record("01", em=Interval(0.5, 0.25, 0.75, 40, 8), table=table, rows=({"k": (1, 2)},))
    assert load(build / "results" / "01.json") == {
        "em": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 40, "clusters": 8, "missing": 0},
        "table": [{"system": "naive", "score": 0.5}],
        "rows": [{"k": [1, 2]}],
    }


def test_nothing_measured_becomes_null():
    path = course.record("01", a=math.nan, b=np.float64("nan"), c=None, d=Interval(0.5, math.nan, math.nan, 1, 1))
    assert load(path)["a"] is load(path)["b"] is load(path)["c"] is load(path)["d"]["low"] is None


@pytest.mark.parametrize("figure", [object(), [object()], {"deep": {"er": object()}}])
def test_what_json_cannot_hold_is_refused_and_harms_nothing(figure: Any):
    path = course.record("01", a=1)
    with pytest.raises(TypeError, match="cannot be recorded"):
        course.record("01", b=2, bad=figure)
    assert load(path) == {"a": 1}


def test_an_interrupted_write_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch):
    path = course.record("01", a=1)
    write = Path.write_bytes

    def half(self: Path, content: bytes) -> int:
        write(self, content[: len(content) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(ValueError, match="disk full"):
        course.record("01", a=2)
    assert load(path) == {"a": 1}


def test_the_table_of_figures_shows_every_figure():
    interval = Interval(0.5, 0.25, 0.75, 40, 8)
    course.record("01", em=interval, systems=[{"name": "naive", "f1": 0.125}], note="text", none=math.nan)
    course.record("02", timings={"total": 3.0}, unknown=Interval(0.5, math.nan, math.nan, 1, 1))
    rows = [line.split() for line in course.figures_table().splitlines()]
    assert rows[0][:3] == ["lesson", "figure", "value"]
    assert ["01", "em", "0.500", "0.250", "to", "0.750"] in rows
    assert ["01", "systems.naive.f1", "0.125"] in rows
    assert ["01", "note", "text"] in rows
    assert ["01", "none", "-"] in rows
    assert ["02", "timings.total", "3.000"] in rows
    assert ["02", "unknown", "0.500"] in rows
    assert len(rows) == 7


def test_figures_of_other_models_do_not_mix(monkeypatch):
    course.record("77", a=1)
    monkeypatch.setenv("LABKIT_MODEL", "another/model")
    assert load(course.record("77", b=2)) == {"b": 2}


def test_rows_of_a_table_are_named_by_their_texts_or_their_whole_number():
    found = {"difference": 0.25, "low": 0.125, "high": 0.375, "p": 0.01, "detectable": math.nan}
    unclear = {"difference": -0.5, "low": -1.0, "high": 0.0, "p": 1.0, "detectable": 0.75}
    versus = [{"name": "BM25", "metric": "recall", **found}, {"name": "BM25", "metric": "accuracy", **unclear}]
    by_depth = [{"depth": 5, "share": 0.5}, {"depth": 10, "share": 0.75}]
    said = [{"name": "judge", "verdict": "good"}, {"name": "reader", "difference": None, "low": None, "high": None}]
    course.record("03", versus=versus, by_depth=by_depth, said=said, shares=[Interval(0.5, 0.25, 0.75, 40, 8)])
    lines = course.figures_table().splitlines()
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
    lines = course.figures_table().splitlines()
    assert max(map(len, lines)) <= 120
    named = [line.split(maxsplit=1)[1] for line in lines if line.startswith("03") and "evidence" not in line]
    assert " ".join(named).count("a figure with a long name,") == 6 and named[-1].endswith("-0.250 to -0.125")
