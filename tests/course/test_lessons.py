"""The lessons in order, and the figures that they record."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labkit import course
from labkit.stats import Interval

pytestmark = pytest.mark.usefixtures("build")


def test_lessons_come_in_order(tmp_path: Path):
    for name in ("02_b", "00_a", "01_c"):
        (tmp_path / f"{name}.ipynb").touch()
    assert [p.stem for p in course.notebooks(tmp_path)] == ["00_a", "01_c", "02_b"]


def test_a_folder_without_lessons_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no lessons"):
        course.notebooks(tmp_path)


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


@pytest.mark.parametrize("figure", [object(), {1, 2}, b"bytes", [object()], {"deep": {"er": object()}}])
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


def test_figures_of_other_models_do_not_mix(monkeypatch):
    course.record("77", a=1)
    monkeypatch.setenv("LABKIT_MODEL", "another/model")
    assert load(course.record("77", b=2)) == {"b": 2}
