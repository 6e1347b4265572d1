"""What `labkit test` and `labkit lint` run, in a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit import paths

ROOT = Path(__file__).resolve().parents[1]


def call(*command: str | Path, **environment: str) -> int:
    """Run a step from the checkout's root, its command printed; its exit code."""
    print("$", " ".join(str(c) for c in command), flush=True)
    return subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | environment, check=False).returncode


def lint() -> int:
    steps = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
    return failed([call(sys.executable, "-m", *step) for step in steps])


def failed(codes: Sequence[int]) -> int:
    """1 when a step failed; a step that was killed has a negative code."""
    return int(any(code != 0 for code in codes))


def test() -> int:
    offline = {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(ROOT / "tests" / "offline"),
        # Two threads each for two jobs on two cores stall one another.
        "OMP_NUM_THREADS": "1",
        # Notebooks run first and fill it, so that the browser tests need not embed anew.
        "LABKIT_CACHE": str(paths.cache()),
        # A student's own results stay as they are.
        "LABKIT_BUILD": str(paths.build() / "test"),
    }
    # What the lessons ask is noted: the tests compare it with the replies that come with the course.
    asked = paths.build() / "test" / "asked"
    shutil.rmtree(asked, ignore_errors=True)
    notebooks = (
        "--nbval-lax",
        "--nbval-cell-timeout=600",
        "--nbval-sanitize-with",
        "tests/nbval.cfg",
    )
    pytest = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q")
    codes = [
        lint(),
        call(*pytest, "notebooks", *notebooks, "-p", "no:cacheprovider", LABKIT_ASKED=str(asked), **offline),
        # In the order of collection, the browser tests come first: they are few and long, and would end alone.
        call(*pytest, "--no-loadscope-reorder", "tests", LABKIT_LESSONS_ASKED=str(asked), **offline),
    ]
    return failed(codes)


if __name__ == "__main__":
    raise SystemExit({"test": test, "lint": lint}[sys.argv[1]]())
