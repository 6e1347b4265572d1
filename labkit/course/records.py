"""Recorded figures: one JSON file for each lesson, and all of them as one table."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit import paths, profiles, stats

# Of a figure's name in the table, in characters; what is longer goes on in the next line.
LONGEST = 66


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
    recorded |= stats.plain(figures)
    if timings:
        recorded["timings"] = recorded.get("timings", {}) | stats.plain(timings)
    paths.write_atomic(path, json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return path


def figures_table() -> str:
    """Every recorded figure as one text table: lesson, figure, value, interval; of differences p and `detectable` too.

    Raises:
        ValueError: the file of a lesson is damaged.
    """
    rows = [["lesson", "figure", "value", "95 % interval", "p", "detectable"]]
    for path in sorted(paths.results().glob("*.json")):
        for name, *values in _rows(_read(path)):
            *lines, last = textwrap.wrap(name, LONGEST, subsequent_indent="  ") or [""]
            rows += [*([path.stem, line, *[""] * len(values)] for line in lines), [path.stem, last, *values]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


def _read(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        figures = None
    if not isinstance(figures, dict) or not isinstance(figures.get("timings", {}), dict):
        raise ValueError(f"The figures in {str(path)!r} are damaged: delete the file and run the lesson again.")
    return figures


_Row = tuple[str, str, str, str, str]  # figure, value, interval, p, detectable
_TESTED = ("difference", "low", "high", "p", "detectable")


def _rows(figures: Mapping[str, Any], prefix: str = "") -> Iterator[_Row]:
    for name, value in figures.items():
        if name == "made_with":
            continue
        if _is_interval(value):
            yield prefix + name, _number(value["value"]), _span(value), "", ""
        elif isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for i, row in enumerate(value):
                if isinstance(row, Mapping) and not _is_interval(row):
                    yield from _table_row(row, f"{prefix}{name}.", str(i))
                else:
                    yield from _rows({str(i): row}, f"{prefix}{name}.")
        else:
            yield prefix + name, _number(value), "", "", ""


def _table_row(row: Mapping[str, Any], prefix: str, place: str) -> Iterator[_Row]:
    """The figures in a row of a recorded table, named by its texts, or else by its whole number ("depth 5")."""
    names = [key for key in sorted(row, key=lambda key: key != "name") if isinstance(row[key], str)]
    names = names[:1] if len(names) == len(row) else names
    numbers = [key for key, value in row.items() if type(value) is int]
    label = ", ".join(row[key] for key in names) or " ".join(f"{key} {row[key]}" for key in numbers[:1]) or place
    figures = {key: value for key, value in row.items() if key not in (names or numbers[:1])}
    if {"difference", "low", "high"} <= set(figures) and figures["difference"] is not None:
        p, detectable = (_number(figures.get(key)).strip("-") for key in ("p", "detectable"))
        yield prefix + label, f"{figures['difference']:+.3f}", _span(figures), p, detectable
        figures = {key: value for key, value in figures.items() if key not in _TESTED}
    yield from _rows(figures, f"{prefix}{label}.")


def _is_interval(figure: Any) -> bool:
    return isinstance(figure, Mapping) and {"value", "low", "high"} <= set(figure)


def _span(figures: Mapping[str, Any]) -> str:
    return "" if figures["low"] is None else f"{figures['low']:.3f} to {figures['high']:.3f}"


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
