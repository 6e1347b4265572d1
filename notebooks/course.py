"""Runs the lessons without a screen, and shows the figures that they record as one table: `labkit course`."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

from labkit import course, paths

# Of a figure's name in the table, in characters; what is longer goes on in the next line.
LONGEST = 66


def main(folder: Path) -> int:
    """Run the lessons of a folder and print every figure; 1 where one failed."""
    try:
        try:
            run(folder)
        finally:
            print(f"\n{figures_table()}\n\nExecuted lessons and report: {paths.build() / 'course'}")
    except (FileNotFoundError, ValueError, RuntimeError) as cause:
        print(f"labkit: {cause}", file=sys.stderr)
        return 1
    return 0


def run(folder: Path, timeout: int = 600) -> list[Path]:
    """Execute every lesson, leave the executed notebooks, one HTML report and the figures.

    Args:
        folder: of the lessons.
        timeout: seconds a cell may take.

    Returns:
        The executed notebooks, in `build/course/`.

    Raises:
        RuntimeError: a lesson failed; the message names lesson and error, the others are kept.
    """
    lessons = course.notebooks(folder)
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
    book = nbformat.v4.new_notebook()
    for path in executed:
        book.cells += nbformat.read(path, as_version=4).cells
    for index, cell in enumerate(book.cells):
        cell["id"] = f"cell-{index}"
    body, _ = HTMLExporter(embed_images=True).from_notebook_node(book, resources={"metadata": {"name": "labkit"}})
    paths.write_atomic(target, body)


def figures_table() -> str:
    """Every recorded figure as one text table: lesson, figure, value, interval; of differences p and `detectable` too.

    Raises:
        ValueError: the file of a lesson is damaged.
    """
    rows = [["lesson", "figure", "value", "95 % interval", "p", "detectable"]]
    for path in sorted(paths.results().glob("*.json")):
        figures = course.read_record(path).items()
        for name, *values in _rows((n, v) for n, v in figures if n != "made_with"):
            *lines, last = textwrap.wrap(name, LONGEST, subsequent_indent="  ") or [""]
            rows += [*([path.stem, line, *[""] * len(values)] for line in lines), [path.stem, last, *values]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


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


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
