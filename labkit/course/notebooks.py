"""Lessons run without a screen, and what this machine offers."""

from __future__ import annotations

import os
import time
from pathlib import Path

from labkit import paths


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


def machine() -> dict[str, str | int | float]:
    """What this computer offers: processor, memory, GPU, bfloat16, versions; printed by lesson 00."""
    import platform

    import torch

    from labkit import models

    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0.0
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory (GB)": round(gigabytes, 1),
        "gpu": gpu,
        "bfloat16": "native" if models.native_bf16() else "emulated",
    }
