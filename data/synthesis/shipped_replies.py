"""Write the replies that come with the course: run a lesson and its solution, and keep what they ask of the model."""

from __future__ import annotations

import json
import lzma
import os
import runpy
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from labkit import course, paths
from labkit.models import shipped_replies
from synthesis.checked import write_checked


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def write(lessons: Sequence[str], results: Path) -> list[Path]:
    """Run lessons with every reply computed (or kept on disk from an earlier run), and write their files anew.

    Args:
        lessons: their numbers, such as "03", in ascending order; a row stands in the file of the first lesson that
            asks for it.
        results: folder of the shipped results.

    Returns:
        The files.

    Raises:
        ValueError: there is no such lesson.
        RuntimeError: a lesson failed.
    """
    every = course.notebooks()
    execute = runpy.run_path(str(paths.lessons() / "course.py"))["execute"]
    written = []
    for lesson in lessons:
        mine = [path for path in every if path.name.startswith(f"{lesson}_")]
        if not mine:
            raise ValueError(f"There is no lesson {lesson!r}: choose among {', '.join(p.name[:2] for p in every)}.")
        with tempfile.TemporaryDirectory() as scratch:
            with _environment(LABKIT_LIVE="1", LABKIT_ASKED=str(Path(scratch) / "asked")):
                for notebook in (mine[0], mine[0].parent / "solutions" / mine[0].name):
                    if notebook.exists() and (error := execute(notebook, Path(scratch) / "run.ipynb", 3600)):
                        raise RuntimeError(f"{notebook.name} failed: {error}")
            asked = read_asked(Path(scratch) / "asked")
        written.append(write_file(lesson, asked, results))
        print(f"{written[-1].name}: {len(asked)} replies, {written[-1].stat().st_size / 1e6:.2f} MB", flush=True)
    return written


def read_asked(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of `shipped_replies.log_asked` by key, each once, in order of the key."""
    rows = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    return dict(sorted((shipped_replies.key(row["fingerprint"], row["task"], row["content"]), row) for row in rows))


def write_file(lesson: str, asked: dict[str, dict[str, str]], folder: Path) -> Path:
    """Write a lesson's file of replies anew, without the rows that the files of other lessons hold.

    Args:
        lesson: its number ("03").
        asked: rows as `read_asked` gives them.
        folder: of the shipped results.

    Returns:
        The file.
    """
    name = f"{shipped_replies.FOLDER}/{lesson}.jsonl.xz"
    known = paths.checksums(folder) if (folder / paths.SUMS).exists() else {}
    files = [file for file in known if file.startswith(f"{shipped_replies.FOLDER}/")]
    others = {row[0] for file in files if file != name for row in shipped_replies.read_file(folder, file)[1]}
    rows = [(k, row) for k, row in asked.items() if k not in others]
    made = {row["made"] for _, row in rows}
    if name in files:
        # A row that was looked up in the file itself was made where the file says.
        head, former = shipped_replies.read_file(folder, name)
        same = {k for k, _ in former} & {k for k, _ in rows}
        made |= set(cast(list[str], head["made"])) if same else set()
    head = {"models": sorted({row["fingerprint"] for _, row in rows}), "made": sorted(made)}
    lines = [json.dumps(head), *(json.dumps([k, row["reply"]], ensure_ascii=False) for k, row in rows)]
    packed = lzma.compress(("\n".join(lines) + "\n").encode("utf-8"), preset=9)
    shipped_replies._rows.cache_clear()
    return write_checked(name, packed, folder)


def main(lessons: Sequence[str]) -> None:
    """Write the files of the lessons named, or of all that have one."""
    numbers = lessons or [path.name.split("_")[0] for path in course.notebooks()]
    write(numbers, paths.shipped_results())
