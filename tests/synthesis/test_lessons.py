"""What lesson 14 cites of other lessons is what their saved cells say."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from synthesis import lessons

from labkit import course, paths


def test_what_is_shipped_is_what_the_saved_lessons_say():
    shipped = json.loads(paths.read_checked(lessons.NAME, paths.shipped_results()))
    assert shipped == lessons.collect(course.notebooks()), "run make lessons, then lesson 14"


def saved(folder: Path, said: str) -> list[Path]:
    """Lesson 14, which cites a cell of lesson 01, and that lesson."""
    new = nbformat.v4
    cell = new.new_code_cell("say()", id="0a1b2c3d")
    cell.outputs = [new.new_output("display_data", {"text/markdown": said})] if said else []
    books = {"01_a.ipynb": cell, "14_b.ipynb": new.new_code_cell('CITED = ("01", "0a1b2c3d")')}
    for name, source in books.items():
        nbformat.write(new.new_notebook(cells=[source]), folder / name)
    return [folder / name for name in books]


def test_sentences_are_found_by_the_id_of_their_cell(tmp_path):
    assert lessons.collect(saved(tmp_path, "A gain.")) == {"01": {"0a1b2c3d": ["A gain."]}}
    with pytest.raises(ValueError, match="Cell 0a1b2c3d of lesson 01 left no sentence"):
        lessons.collect(saved(tmp_path, ""))
