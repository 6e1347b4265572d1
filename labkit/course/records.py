"""Recorded figures: one JSON file for each lesson, and all of them as one table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit import paths, profiles, stats


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
    recorded = _read(path) if path.exists() else {}
    profile = profiles.get()
    made_with = {"profile": profile.name, "generator": profile.generator.id, "embedder": profile.embedder.id}
    if recorded.get("made_with") != made_with:
        recorded = {"made_with": made_with}
    recorded |= {name: stats.plain(value) for name, value in figures.items()}
    if timings:
        recorded["timings"] = recorded.get("timings", {}) | {
            name: stats.plain(value) for name, value in timings.items()
        }
    paths.write_atomic(path, json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return path


def figures_table() -> str:
    """Every recorded figure as one text table: lesson, figure, value, interval.

    Raises:
        ValueError: the file of a lesson is damaged.
    """
    rows = [("lesson", "figure", "value", "95 % interval")]
    for path in sorted(paths.results().glob("*.json")):
        for name, value, span in _rows(_read(path)):
            rows.append((path.stem, name, value, span))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


def _read(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        figures = None
    if not isinstance(figures, dict) or not isinstance(figures.get("timings", {}), dict):
        raise ValueError(f"The figures in {str(path)!r} are damaged: delete the file and run the lesson again.")
    return figures


def _rows(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, value in figures.items():
        if name == "made_with":
            continue
        if isinstance(value, Mapping) and {"value", "low", "high"} <= set(value):
            span = "" if value["low"] is None else f"{value['low']:.3f} to {value['high']:.3f}"
            yield prefix + name, _number(value["value"]), span
        elif isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for i, row in enumerate(value):
                label = row.get("name", i) if isinstance(row, Mapping) else i
                cells = {k: v for k, v in row.items() if k != "name"} if isinstance(row, Mapping) else {str(label): row}
                yield from _rows(cells, f"{prefix}{name}.{label}." if isinstance(row, Mapping) else f"{prefix}{name}.")
        else:
            yield prefix + name, _number(value), ""


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
