"""The final questions of the benchmark, asked arm by arm, put together, and shipped for lessons 12 and 13.

`python -m synthesis final FOLDER` asks every arm and seed whose adapters are there and that has no answers yet; on one
core it takes about four hours, and `--arms` lets several processes share it. `FOLDER/adapters` may take the place of
the course's adapters, with further seeds ("sft-s1") and "dpo"; `--train 1` trains a further seed into it, in four and a
half hours of one core. `--ship` puts what is finished into the course.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from labkit import bench, corpus, models, paths, stats
from labkit.bench.arms import ARMS, Arm
from labkit.bench.grid import ANSWERS, MANIFEST, PACKED, TIMINGS, read_manifest
from labkit.corpus import Question
from synthesis import finetuning, raft
from synthesis.checked import write_checked

SIZES = {"new": 600, "seen": 300}
FOLDER = "grid"


def questions() -> list[Question]:
    """The final questions that are asked; they are opened once, with the predictions committed."""
    return choose(corpus.load_questions("test", part="final", open_test=True), SIZES)


def choose(questions: Sequence[Question], sizes: Mapping[str, int]) -> list[Question]:
    """So many questions of each half or a few more, all tasks alike; the draw depends on nothing but their ids.

    Those that follow up on another question are left out.

    Raises:
        ValueError: there are too few.
    """
    drawn = sorted((q for q in questions if q.followup is None), key=lambda q: hashlib.sha256(q.id.encode()).digest())
    chosen: list[Question] = []
    for half, size in sizes.items():
        groups = stats.grouped((q.task, q) for q in drawn if q.half == half)
        part = [q for task in sorted(groups) for q in groups[task][: ceil(size / len(groups))]]
        if len(part) < size:
            raise ValueError(f"Of the {half} half there are {len(part)} questions, not {size}: ask for fewer.")
        chosen += part
    return chosen


def cells(arms: Sequence[Arm] = ARMS) -> Iterator[Arm]:
    """Each arm with each of its seeds alone."""
    for arm in arms:
        for seed in arm.seeds:
            yield replace(arm, seeds=(seed,))


def folder_of(out: Path, cell: Arm) -> Path:
    """Where the answers of an arm with one seed stand."""
    return out / f"{cell.name.replace(' ', '_').replace('+', 'and')}-{cell.seeds[0]}"


def grid_of(out: Path, arms: Sequence[Arm], asked: Sequence[Question]) -> bench.Grid:
    """A grid of arms, with the adapters of the folder where it has some, else with those of the course."""
    own = out / "adapters"
    return bench.course_grid(asked, arms, adapters=own if own.is_dir() else paths.data() / "models")


def train(out: Path, seed: int) -> None:
    """Train the adapters of a further seed beside those of the course: one on its examples, and RAFT upon that.

    Args:
        out: folder of the answers; its adapters are made, or gone on with where a training was stopped.
        seed: of both trainings.
    """
    adapters = out / "adapters"
    for name in ("sft", "raft"):
        if not (adapters / name).exists():
            shutil.copytree(paths.adapter(name), adapters / name)
    tuned = adapters / f"sft-s{seed}"
    if not (tuned / "adapter_model.safetensors").exists():
        finetuning.train(finetuning.Arm(seed=seed), finetuning.course_examples(), tuned)
    raft.train(raft.examples()["raft"], adapters / f"raft-s{seed}", models.load_tuned(tuned), seed)


def main(out: Path, names: Sequence[str] = ()) -> None:
    """Ask whatever is not answered yet.

    Args:
        out: gets a folder for each arm and seed.
        names: of the arms to ask now; all by default.

    Raises:
        ValueError: there is no such arm.
    """
    if unknown := set(names) - {arm.name for arm in ARMS}:
        raise ValueError(f"There is no arm {min(unknown)!r}: choose among {', '.join(arm.name for arm in ARMS)}.")
    asked = questions()
    for cell in cells([arm for arm in ARMS if not names or arm.name in names]):
        if (folder_of(out, cell) / ANSWERS).exists():
            continue
        grid = grid_of(out, [cell], asked)
        if not all(folder.is_dir() for folder in grid.folders(cell, cell.seeds[0])):
            print(f"{cell.name}, seed {cell.seeds[0]}: its adapters are in no folder; left out.", flush=True)
        else:
            print(bench.run_grid(grid, folder_of(out, cell)), flush=True)


def merged(folders: Iterable[Path]) -> tuple[dict[str, Any], str]:
    """The manifest and the answers of all folders as one; seeds of an arm come together.

    Args:
        folders: of finished runs, the seeds of an arm in their order.

    Raises:
        ValueError: they were made from different data, prompts or versions.
    """
    made: dict[str, Any] = {}
    lines: list[str] = []
    for folder in folders:
        manifest = read_manifest(folder)
        arms = manifest.pop("arms")
        whole = made or (manifest | {"arms": {}})
        if other := [key for key in manifest if whole[key] != manifest[key]]:
            raise ValueError(f"{folder} was made from other {', '.join(other)} than the rest: ask it anew.")
        for name, arm in arms.items():
            known = whole["arms"].get(name, {"seeds": [], "weights": []})
            whole["arms"][name] = arm | {key: [*known[key], *arm[key]] for key in ("seeds", "weights")}
        lines += (folder / ANSWERS).read_text(encoding="utf-8").splitlines(keepends=True)
        made = whole
    rows = {(row["arm"], row["seed"], row["question"]): line for line in lines for row in [json.loads(line)]}
    return made, "".join(rows[key] for key in sorted(rows))


def ship(out: Path) -> None:
    """Put the arms and seeds that are finished into the course; times are measured live, on idle cores.

    Raises:
        ValueError: none is finished, or as in `merged`.
    """
    done = [folder for folder in (folder_of(out, cell) for cell in cells()) if (folder / ANSWERS).exists()]
    if not done:
        raise ValueError(f"{str(out)!r} holds no finished arm: run the command without --ship first.")
    manifest, answers = merged(done)
    shipped = {cell.name: cell for cell in reversed(list(cells())) if cell.name in manifest["arms"]}
    bench.measure_times(grid_of(out, list(shipped.values()), questions()), out)
    for name, content in (
        (MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"),
        (PACKED, lzma.compress(answers.encode(), preset=9)),
        (TIMINGS, (out / TIMINGS).read_bytes()),
    ):
        print(write_checked(f"{FOLDER}/{name}", content, paths.shipped_results()))
