"""The lessons, and the figures that they record: one JSON file for each."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit import paths, profiles, stats


def notebooks(folder: Path | None = None) -> list[Path]:
    """The lessons, in order.

    Raises:
        FileNotFoundError: there are no lessons where labkit looks.
    """
    root = folder or paths.lessons()
    lessons = sorted(root.glob("[0-9A]*_*.ipynb"))  # not a student's Untitled.ipynb
    if not lessons:
        raise FileNotFoundError(f"There are no lessons in {root}: run this in the course's checkout.")
    return lessons


def record(lesson: str, timings: Mapping[str, float] | None = None, **figures: Any) -> Path:
    """Write a lesson's figures to `build/results/<lesson>.json`.

    Figures of an earlier call for the same lesson stay, unless they are named again or were made
    with other models. Timings are kept under their own key: everything else is the same in two
    runs on one machine.

    Args:
        lesson: its number, "01".
        timings: seconds (or other quantities that depend on the machine) by name.
        figures: numbers, intervals, texts, or lists of rows.

    Returns:
        The file.

    Raises:
        TypeError: JSON cannot hold a figure.
        ValueError: the lesson's name is no plain name, its file is damaged, or nothing can be written.
    """
    if not re.fullmatch(r"\w[\w.-]*", str(lesson)):
        raise ValueError(f"A lesson cannot be called {lesson!r}: use letters, digits, dots and hyphens, such as '01'.")
    path = paths.results() / f"{lesson}.json"
    recorded = read_record(path) if path.exists() else {}
    profile = profiles.get()
    made_with = {"profile": profile.name, "generator": profile.generator.id, "embedder": profile.embedder.id}
    if recorded.get("made_with") != made_with:
        recorded = {"made_with": made_with}
    recorded |= stats.plain(figures)
    if timings:
        recorded["timings"] = recorded.get("timings", {}) | stats.plain(timings)
    paths.write_atomic(path, json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return path


def read_record(path: Path) -> dict[str, Any]:
    """The figures of a lesson.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        figures = None
    if not isinstance(figures, dict) or not isinstance(figures.get("timings", {}), dict):
        raise ValueError(f"The figures in {str(path)!r} are damaged: delete the file and run the lesson again.")
    return figures
