"""What other lessons found, for the practices of lesson 14: the sentences that their cells left, as they are saved."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from labkit import course, paths
from synthesis.checked import write_checked

NAME = "lessons.json"
# A lesson and the id of one of its cells, side by side.
_CITED = re.compile(r'"(\w\d)", "([\w-]{6,})"')


def collect(lessons: Sequence[Path]) -> dict[str, dict[str, list[str]]]:
    """The sentences of the cells that lesson 14 cites, by lesson and id of the cell.

    Args:
        lessons: the saved notebooks, lesson 14 among them.

    Raises:
        ValueError: a cell that is cited is not there, or left no sentence.
    """
    saved = {path.name.split("_")[0]: nbformat.read(path, as_version=4).cells for path in lessons}
    found: dict[str, dict[str, list[str]]] = {}
    for lesson, cell in _CITED.findall("\n".join(c.source for c in saved["14"] if c.cell_type == "code")):
        outputs = [o for c in saved.get(lesson, []) if c.get("id") == cell for o in c.get("outputs", [])]
        said = [o.data["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
        if not said:
            raise ValueError(f"Cell {cell} of lesson {lesson} left no sentence: cite another, or run the lesson.")
        found.setdefault(lesson, {})[cell] = said
    return found


def write() -> Path:
    """Write the file that lesson 14 reads; errors as in `collect`."""
    text = json.dumps(collect(course.notebooks()), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return write_checked(NAME, text, paths.shipped_results())
