"""The machinery of the lessons: checked exercises, recorded figures, running every lesson.

Floor 4. `check` judges an answer to an exercise, `record` keeps a lesson's figures, `run` executes
the lessons without a screen and gathers their figures in one table.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit import paths, profiles

# ---------------------------------------------------------------------------------- exercises


def check(exercise: str, answer: Any = None) -> None:
    """Judge the answer to an exercise, and hint where it is not right yet.

    Args:
        exercise: its number, such as "01.2".
        answer: what you found; `...` or nothing while it is not answered.

    Raises:
        ValueError: there is no such exercise.
    """
    from labkit.exercises import EXERCISES

    if exercise not in EXERCISES:
        raise ValueError(f"There is no exercise {exercise!r}: choose one of {', '.join(sorted(EXERCISES))}.")
    if answer is None or answer is ...:
        print(f"{exercise}: not answered yet.")
        return
    hint = _judge(EXERCISES[exercise], answer)
    print(f"{exercise}: right." if hint is None else f"{exercise}: not yet. {hint}")


def _judge(judge: Callable[[Any], str | None], answer: Any) -> str | None:
    """The hint for an answer; one that cannot even be judged gets a hint, not a traceback."""
    try:
        return judge(answer)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as cause:
        return (
            "It could not be judged. Has the answer the form that the exercise asks for? "
            f"({type(cause).__name__}: {cause})"
        )


# ------------------------------------------------------------------------------------ records


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
        TypeError: a figure is nothing that JSON can hold.
    """
    from labkit import metrics

    path = paths.results() / f"{lesson}.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    profile = profiles.get()
    made_with = {"profile": profile.name, "generator": profile.generator.id, "embedder": profile.embedder.id}
    if known.get("made_with") != made_with:
        known = {"made_with": made_with}
    known |= {name: metrics.plain(value) for name, value in figures.items()}
    if timings:
        known["timings"] = known.get("timings", {}) | {name: metrics.plain(value) for name, value in timings.items()}
    paths.write_atomic(path, json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return path


def figures_table() -> str:
    """Every recorded figure as one text table: lesson, figure, value, interval."""
    rows = [("lesson", "figure", "value", "95 % interval")]
    for path in sorted(paths.results().glob("*.json")):
        for name, value, span in _rows(json.loads(path.read_text(encoding="utf-8"))):
            rows.append((path.stem, name, value, span))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


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


# -------------------------------------------------------------------------- running the lessons


def notebooks(folder: Path | None = None) -> list[Path]:
    """The lessons, in order.

    Raises:
        FileNotFoundError: there are no lessons where labkit looks.
    """
    root = folder or (paths.checkout() or Path(__file__).resolve().parent) / "notebooks"
    found = sorted(root.glob("[0-9A]*_*.ipynb"))  # not a student's Untitled.ipynb
    if not found:
        raise FileNotFoundError(f"There are no lessons in {root}: run this in the course's checkout.")
    return found


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
    executed, failures = [], []
    for number, path in enumerate(lessons, start=1):
        print(f"[{number}/{len(lessons)}] {path.stem} ...", end=" ", flush=True)
        start = time.monotonic()
        error = _execute(path, output / path.name, timeout)
        print(f"{time.monotonic() - start:.0f} s" if error is None else f"failed: {error}")
        executed.append(output / path.name)
        if error is not None:
            failures.append(f"{path.stem}: {error}")
    _report(executed, output / "course.html")
    if failures:
        raise RuntimeError("These lessons failed: " + "; ".join(failures))
    return executed


def _execute(source: Path, target: Path, timeout: int) -> str | None:
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


def show(figure: Any, alt: str) -> None:
    """Show a plot with a text description, for those who cannot see it.

    Args:
        figure: a matplotlib figure.
        alt: what a reader should take from it, figures included.

    Raises:
        ValueError: the description is empty.
    """
    if not alt.strip():
        raise ValueError("Describe the plot in words: alt is empty.")
    import html
    import io

    import matplotlib.pyplot as plt
    from IPython.display import Image, display

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    display(Image(buffer.getvalue(), format="png"), metadata={"image/png": {"alt": alt}})
    # JupyterLab does not give the picture the description in its metadata; a folded text reaches everyone.
    folded = f"<details><summary>Description of the plot</summary>{html.escape(alt)}</details>"
    display({"text/html": folded, "text/plain": alt}, raw=True)


# Okabe and Ito's colours, told apart also by those who are colour-blind.
COLOURS = ("#009E73", "#0072B2", "#56B4E9", "#CC79A7", "#F0E442", "#E69F00", "#D55E00")


def show_shares(table: Any, label: str) -> None:
    """Show the rows of a table as stacked bars: what share of a row each column holds.

    Args:
        table: a DataFrame of counts, a row a bar, at most seven columns. label: of the axis.

    Raises:
        ValueError: the table is empty, or has more columns than there are colours.
    """
    import matplotlib.pyplot as plt

    if not len(table) or len(table.columns) > len(COLOURS):
        raise ValueError(f"The table needs rows, and no more than {len(COLOURS)} columns.")
    shares = 100 * table.div(table.sum(axis=1), axis=0)
    figure, axes = plt.subplots(figsize=(8, 1.3 + 0.32 * len(table)))
    left = 0 * shares.iloc[:, 0]
    for colour, column in zip(COLOURS, shares.columns, strict=False):
        axes.barh(shares.index, shares[column], left=left, color=colour, edgecolor="white", label=column)
        left = left + shares[column]
    axes.invert_yaxis()
    axes.set(xlabel=label, xlim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
    rows = [
        f"{name}: " + ", ".join(f"{column} {value:.0f} %" for column, value in row.items() if value)
        for name, row in shares.iterrows()
    ]
    show(figure, alt=f"Stacked bars, {label}. " + "; ".join(rows) + ".")


def show_graph(edges: Sequence[tuple[str, str, str]], alt: str) -> None:
    """Show triples as a picture: entities as boxes, relations on the arrows between them.

    Args:
        edges: (subject, relation, object) as a person reads them. alt: what a reader should take from it; the triples
            themselves are added.

    Raises:
        ValueError: there are no edges, or the description is empty.
    """
    import textwrap

    import matplotlib.pyplot as plt
    import networkx

    if not edges:
        raise ValueError("There is nothing to draw: give at least one triple.")
    network = networkx.DiGraph()
    for subject, relation, thing in edges:
        network.add_edge(subject, thing, relation=relation)
    places = networkx.kamada_kawai_layout(network)
    figure, axes = plt.subplots(figsize=(10, 6))
    networkx.draw_networkx_edges(network, places, ax=axes, edge_color="#555555", node_size=1500)
    for (a, b), relation in networkx.get_edge_attributes(network, "relation").items():
        # Nearer to the object, where a wide box of the subject does not hide it; upright, so that it can be read.
        x, y = (0.42 * places[a] + 0.58 * places[b]).tolist()
        plain = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(x, y, relation, ha="center", va="center", fontsize=8, color="#0072B2", bbox=plain)
    for node, (x, y) in places.items():
        box = {"boxstyle": "round", "facecolor": "#eef3f7", "edgecolor": "#555555"}
        axes.text(x, y, textwrap.fill(node, 24), ha="center", va="center", fontsize=8, bbox=box)
    axes.margins(0.15)
    axes.axis("off")
    show(figure, alt=f"{alt} " + "; ".join(" - ".join(edge) for edge in edges) + ".")


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
