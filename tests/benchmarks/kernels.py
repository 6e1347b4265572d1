"""What a class costs a server: `python tests/benchmarks/kernels.py` starts many kernels at once.

Each kernel runs the first cells of lesson 00: as far as its first output, and on to its first answers, for which two
models are loaded. Time and memory go to kernels.json and, as a table, into notebooks/JUPYTERHUB.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[2]
FIGURES = Path(__file__).with_suffix(".json")
PAGE = ROOT / "notebooks" / "JUPYTERHUB.md"
LESSON = ROOT / "notebooks" / "00_start_here.ipynb"
OUTPUT = "labkit.course.machine()"
ANSWERS = "seconds = time.monotonic() - start"
MEMORY = "import json, psutil; print(json.dumps(psutil.Process().memory_full_info()._asdict()))"
PROCESSOR = "import psutil; print(sum(psutil.Process().cpu_times()[:2]))"
TABLE = re.compile(r"(?<=<!-- measured -->\n).*(?=<!-- end -->)", re.DOTALL)
CLASSES = (60, 200)
# Seconds; a cell of a kernel that is one of many on few cores may take minutes.
LIMIT = 1200


def steps() -> list[list[str]]:
    """The code of lesson 00 as far as its first output, and from there as far as its first answers."""
    cells = [c.source for c in nbformat.read(LESSON, as_version=4).cells if c.cell_type == "code"]
    ends = [1 + next(i for i, c in enumerate(cells) if c.rstrip().endswith(end)) for end in (OUTPUT, ANSWERS)]
    return [cells[: ends[0]], cells[ends[0] : ends[1]]]


def measure(kernels: int) -> dict[str, Any]:
    """Seconds until the first output and the first answers, and megabytes, of kernels that start at once.

    Raises:
        RuntimeError: a cell failed.
    """
    gate = threading.Barrier(kernels)
    with ThreadPoolExecutor(kernels) as pool:
        rows = list(pool.map(lambda _: _student(gate), range(kernels)))
    seconds = {f"{name}_s": sorted(row[name] for row in rows) for name in ("output", "answers")}
    figures: dict[str, Any] = {name: [statistics.median(values), values[-1]] for name, values in seconds.items()}
    for name in ("output_processor", "answers_processor"):
        figures[f"{name}_s"] = statistics.median(row[name] for row in rows)
    # What a kernel has alone, and its share of what several have in common (weights, libraries).
    own, share = ([row[name] / 1e6 for row in rows] for name in ("uss", "pss"))
    return {"kernels": kernels} | figures | {"own_mb": statistics.median(own), "all_mb": sum(share)}


def _student(gate: threading.Barrier) -> dict[str, float]:
    start = time.monotonic()
    manager, client = start_new_kernel(startup_timeout=LIMIT)
    try:
        row = {}
        for name, cells in zip(("output", "answers"), steps(), strict=True):
            for cell in cells:
                _said(client, cell)
            row[name] = time.monotonic() - start
            row[f"{name}_processor"] = float(_said(client, PROCESSOR))
        gate.wait(LIMIT)
        row |= json.loads(_said(client, MEMORY))
        gate.wait(LIMIT)
        return row
    except BaseException:
        gate.abort()
        raise
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _said(client: Any, code: str) -> str:
    """What a cell prints."""
    printed: list[str] = []
    reply = client.execute_interactive(
        code, timeout=LIMIT, allow_stdin=False, output_hook=lambda m: printed.append(m["content"].get("text", ""))
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{reply['content'].get('ename')}: {reply['content'].get('evalue')} in\n{code}")
    return "".join(printed)


def table(figures: dict[str, Any]) -> str:
    """The figures as the page shows them."""
    alone, many, machine = figures["alone"], figures["together"], figures["machine"]
    shared = many["all_mb"] - many["kernels"] * many["own_mb"]
    rows = [("", "one kernel", f"{many['kernels']} kernels at once")]
    rows += [("---",) * 3]
    for name, said in (("output", "first output"), ("answers", "first answers, with two models")):
        median, slowest = many[f"{name}_s"]
        rows.append((f"{said}, seconds", f"{alone[f'{name}_s'][0]:.0f}", f"{median:.0f}, the slowest {slowest:.0f}"))
        used = [f"{each[f'{name}_processor_s']:.0f}" for each in (alone, many)]
        rows.append((f"{said}, seconds of a core that a kernel uses", *used))
    rows.append(("memory of one kernel's own, MB", f"{alone['own_mb']:.0f}", f"{many['own_mb']:.0f}"))
    rows.append(("memory of all, GB", f"{alone['all_mb'] / 1000:.1f}", f"{many['all_mb'] / 1000:.1f}"))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    for size in CLASSES:
        gigabytes = (shared + size * many["own_mb"]) / 1000
        cores = math.ceil(size * many["answers_processor_s"] / 60)
        lines += ["", f"For {size} students at once that makes {gigabytes:.0f} GB, and {cores} cores if all are to "
                  "have their first answers within a minute (calculated, not measured)."]  # fmt: skip
    lines += ["", f"Measured on {machine['cores']} cores with {machine['memory_gb']:.0f} GB, Python "
              f"{machine['python']}, torch {machine['torch']}, OMP_NUM_THREADS={machine['threads']}, beside "
              f"other programs (load average {machine['load']:.1f} when it began), so that kernels "
              "with a machine of their own wait less; seconds of a core and memory do not depend on that."]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", type=int, default=12)
    options = parser.parse_args()
    machine = {
        "cores": len(psutil.Process().cpu_affinity()), "memory_gb": psutil.virtual_memory().total / 1e9,
        "python": ".".join(map(str, sys.version_info[:3])), "torch": version("torch"),
        "threads": os.environ.setdefault("OMP_NUM_THREADS", "1"), "load": os.getloadavg()[0],
    }  # fmt: skip
    # The first kernel also makes what the cache lacks, and is not counted.
    measure(1)
    figures = {"machine": machine, "alone": measure(1), "together": measure(options.kernels)}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(figures), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(table(figures))
