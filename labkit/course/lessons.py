"""Lessons run without a screen, and the figures that they record: one JSON file for each, and all as one table."""

from __future__ import annotations

import json
import os
import re
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit import paths, profiles, stats

# Of a figure's name in the table, in characters; what is longer goes on in the next line.
LONGEST = 66


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


def run(folder: Path | None = None, timeout: int = 600) -> list[Path]:
    """Execute every lesson, leave the executed notebooks, one HTML report and the figures.

    Args:
        folder: of the lessons, by default the course's own.
        timeout: seconds a cell may take.

    Returns:
        The executed notebooks, in `build/course/`.

    Raises:
        RuntimeError: a lesson failed; the message names lesson and error, the others are kept.
    """
    lessons = notebooks(folder)
    output = paths.build() / "course"
    output.mkdir(parents=True, exist_ok=True)
    os.environ["LABKIT_BUILD"] = str(paths.build())  # a kernel starts in another folder
    for old in paths.results().glob("*.json"):
        old.unlink()
    executed, failures = [output / path.name for path in lessons], []
    for number, path in enumerate(lessons, start=1):
        print(f"[{number}/{len(lessons)}] {path.stem} ...", end=" ", flush=True)
        start = time.monotonic()
        error = execute(path, output / path.name, timeout)
        print(f"{time.monotonic() - start:.0f} s" if error is None else f"failed: {error}")
        if error is not None:
            failures.append(f"{path.stem}: {error}")
    _report(executed, output / "course.html")
    if failures:
        raise RuntimeError("These lessons failed: " + "; ".join(failures))
    return executed


def execute(source: Path, target: Path, timeout: int) -> str | None:
    """Run one notebook into `target`; the first line of its error, or None."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": str(source.parent)}})
    error = None
    try:
        client.execute()
    except CellExecutionError as cause:
        error = f"{cause.ename}: {cause.evalue}"
    except (CellTimeoutError, DeadKernelError) as cause:
        error = f"{type(cause).__name__}: {str(cause).splitlines()[0]}"
    nbformat.write(notebook, target)
    return error


def _report(executed: list[Path], target: Path) -> None:
    """All executed lessons in one HTML page, one after the other."""
    import nbformat
    from nbconvert import HTMLExporter

    book = nbformat.v4.new_notebook()
    for path in executed:
        book.cells += nbformat.read(path, as_version=4).cells
    for index, cell in enumerate(book.cells):
        cell["id"] = f"cell-{index}"
    body, _ = HTMLExporter(embed_images=True).from_notebook_node(book, resources={"metadata": {"name": "labkit"}})
    paths.write_atomic(target, body)


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
        figures = _read(path).items()
        for name, *values in _rows((n, v) for n, v in figures if n != "made_with"):
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


def _rows(figures: Iterable[tuple[str, Any]], prefix: str = "") -> Iterator[_Row]:
    for name, value in figures:
        if isinstance(value, list):
            yield from _rows([_labelled(row, str(i)) for i, row in enumerate(value)], f"{prefix}{name}.")
        elif not isinstance(value, Mapping):
            yield prefix + name, _number(value), "", "", ""
        elif _is_interval(value):
            yield prefix + name, _number(value["value"]), _span(value), "", ""
        else:
            if {"difference", "low", "high"} <= set(value) and value["difference"] is not None:
                p, detectable = (_number(value.get(key)).strip("-") for key in ("p", "detectable"))
                yield prefix + name, f"{value['difference']:+.3f}", _span(value), p, detectable
                value = {key: figure for key, figure in value.items() if key not in _TESTED}
            yield from _rows(value.items(), f"{prefix}{name}.")


def _labelled(row: Any, place: str) -> tuple[str, Any]:
    """A row of a recorded table, named by its texts, or else by its whole number ("depth 5"), and its other figures."""
    if not isinstance(row, Mapping) or _is_interval(row):
        return place, row
    names = [key for key in sorted(row, key=lambda key: key != "name") if isinstance(row[key], str)]
    names = names[:1] if len(names) == len(row) else names
    numbers = [key for key, value in row.items() if type(value) is int]
    label = ", ".join(row[key] for key in names) or " ".join(f"{key} {row[key]}" for key in numbers[:1]) or place
    return label, {key: value for key, value in row.items() if key not in (names or numbers[:1])}


def _is_interval(figure: Any) -> bool:
    return isinstance(figure, Mapping) and {"value", "low", "high"} <= set(figure)


def _span(figures: Mapping[str, Any]) -> str:
    return "" if figures["low"] is None else f"{figures['low']:.3f} to {figures['high']:.3f}"


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
