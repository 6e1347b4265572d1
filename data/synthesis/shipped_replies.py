"""Write the replies that come with the course: run a lesson and its solution, and keep what they ask of the model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labkit import course, paths
from labkit.models import shipped_replies


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
    written = []
    for lesson in lessons:
        mine = [path for path in every if path.name.startswith(f"{lesson}_")]
        if not mine:
            raise ValueError(f"There is no lesson {lesson!r}: choose among {', '.join(p.name[:2] for p in every)}.")
        with tempfile.TemporaryDirectory() as scratch:
            with _environment(LABKIT_LIVE="1", LABKIT_ASKED=str(Path(scratch) / "asked")):
                for notebook in (mine[0], mine[0].parent / "solutions" / mine[0].name):
                    if notebook.exists() and (error := course.execute(notebook, Path(scratch) / "run.ipynb", 3600)):
                        raise RuntimeError(f"{notebook.name} failed: {error}")
            asked = shipped_replies.read_asked(Path(scratch) / "asked")
        written.append(shipped_replies.write_file(lesson, asked, results))
        print(f"{written[-1].name}: {len(asked)} replies, {written[-1].stat().st_size / 1e6:.2f} MB", flush=True)
    return written


def main(lessons: Sequence[str]) -> None:
    """Write the files of the lessons named, or of all that have one."""
    numbers = lessons or [path.name.split("_")[0] for path in course.notebooks()]
    write(numbers, paths.shipped_results())
